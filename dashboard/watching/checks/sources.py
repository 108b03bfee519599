"""Whether alerts can come in, do come in, and carry times that make sense."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from dashboard.telling.addresses import address
from dashboard.telling.charts import bars_reason, hours_reason
from dashboard.watching.expiry import expiry_warning
from dashboard.watching.selftest import SELF_TEST
from dashboard.watching.silence import Silence, State, judge, listen
from reconciliation.cycle.worker import wedged
from reconciliation.habits import found_in, told
from reconciliation.models import FindingTotal
from signals.calendars import KNOWN_YEARS
from signals.market import ALWAYS_OPEN, UNKNOWN, market
from signals.models import Delivery, Source

from .result import Problem, Result, Severity, bad, good, judged

NEWEST = 100
# The fire time of an alert log and the receipt of a webhook come from two clocks.
CLOCKS_DIFFER = timedelta(minutes=2)
UNHEARD = "No alert by webhook in the last 7 days."


def watched() -> QuerySet[Source]:
    """All sources but the self-test's, which nobody sends to."""
    return Source.objects.exclude(name=SELF_TEST).order_by("name")


def default_source(now: datetime) -> Result:
    default = Source.objects.filter(is_default=True).first()
    if default is None:
        return bad(
            "No source is the default: imports of unknown alerts would make a new one.",
            "Mark one in the console under Sources, or restart `manage.py serve`, which makes one.",
            link=address("sources"),
            label="Sources",
        )
    return good(f"The default source is {default.name}.")


def access(now: datetime) -> Result:
    """Each source can be sent to, in production only with a token."""
    valid = Q(tokens__expires_at__isnull=True) | Q(tokens__expires_at__gt=now)
    with_token = set(watched().filter(valid, tokens__isnull=False).values_list("pk", flat=True))
    faults = []
    for source in watched():
        if source.open_on_loopback and settings.PRODUCTION:
            says = (
                f"{source.name} takes alerts without a token from this machine, and a proxy that adds no header counts"
                " as it."
            )
            faults.append(about(source, says, "Take `open on loopback` away from it."))
        elif source.pk not in with_token and not source.open_on_loopback:
            todo = "Give it one in the console, and put it into the alert."
            faults.append(about(source, f"{source.name} has no valid token.", todo))
    return judged(faults, "Every source can be sent to.")


def about(source: Source, says: str, todo: str = "", severity: Severity = Severity.BAD) -> Problem:
    return Problem(says, todo, severity, address("source", source.pk), "Source")


def alert_expiry(now: datetime) -> Result:
    return of_expiries(watched(), now)


def of_expiries(found: Iterable[Source], now: datetime) -> Result:
    warned = ((source, expiry_warning(source.alert_expires_at, now)) for source in found)
    faults = [
        about(source, f"{source.name}: {warning[1]}", severity=Severity(warning[0]))
        for source, warning in warned
        if warning
    ]
    return judged(faults, "No alert is about to expire.")


def habits(now: datetime) -> Result:
    """A finding on nearly every signal of a source is told here, once, and not at each of them."""
    totals = FindingTotal.objects.filter(source__in=watched()).select_related("source").order_by("source__name")
    faults = [
        about(
            total.source,
            f"{total.source.name}: {finding.title}, on {found} of {total.signals} signals.",
            finding.advice,
            Severity.INFO,
        )
        for total in totals
        for finding, found in told(found_in(total))
    ]
    return judged(faults, "No finding stands on nearly every signal of a source.")


def silence(now: datetime) -> Result:
    """Who was never heard may be about to be set up, but not where all of it is in use."""
    return of_silences(silences(now))


def of_silences(found: Sequence[Silence]) -> Result:
    faults = [silent(silence) for silence in found if silence.tone == "bad"]
    if all(silence.state == State.UNHEARD for silence in found):
        severity = Severity.WARN if settings.PRODUCTION else Severity.INFO
        todo = "Activation says how to set one up."
        faults.append(Problem(UNHEARD, todo, severity, address("activation"), "Activation"))
    return judged(faults, "No source is silent too long.")


def silences(now: datetime) -> list[Silence]:
    """Of each source whether it is silent; whether the worker lives is asked only where it matters."""
    lines = listen(watched(), now)
    found = judge(lines, now, worker_alive=True)
    if any(silence.tone == "bad" for silence in found) and wedged(now):
        return judge(lines, now, worker_alive=False)
    return found


def silent(silence: Silence) -> Problem:
    closed = "" if silence.open else " (now closed)"
    says = f"{silence.line.name}: silent for {silence.minutes} minutes of open market{closed}."
    return Problem(says, silence.todo, link=address("deliveries"), label="Deliveries")


def calendars(now: datetime) -> Result:
    """Outside the years that the calendars know, every minute would count as open."""
    faults = [fault for name in watched().values_list("calendar", flat=True).distinct().order_by("calendar")
              if (fault := calendar_fault(name, now))]  # fmt: skip
    return judged(faults, f"The market calendars know {now.year}.")


def charts(now: datetime) -> Result:
    """Sources whose bars or market nobody knows though they send signals: what depends on them is left open."""
    heard = watched().filter(signals__isnull=False).distinct()
    return judged([fault for source in heard if (fault := chart_fault(source))], "The chart of every source is known.")


def chart_fault(source: Source) -> Problem | None:
    reasons = []
    if source.bar_minutes is None:
        reasons.append(bars_reason(source))
    if not source.calendar:
        reasons.append(hours_reason(source))
    if not reasons:
        return None
    says = f"{source.name}: {'; '.join(reasons)}. What depends on it has no value."
    return about(source, says, "Import its alert log, whose Ticker says it, or set it in the admin under Sources.")


def calendar_fault(name: str, now: datetime) -> str:
    if name in (ALWAYS_OPEN, UNKNOWN):
        return ""
    if now.year not in KNOWN_YEARS:
        return (
            f"{name}: the calendar ends with {KNOWN_YEARS[-1]}, and it is {now.year}. Check the system clock, or extend"
            " KNOWN_YEARS in signals/calendars.py."
        )
    start = datetime(now.year, 1, 1, tzinfo=UTC)
    try:
        minutes = market(name).open_minutes(start, start.replace(year=now.year + 1))
    except ValueError as error:
        return f"{error}. Correct the source's calendar in the console."
    return "" if minutes else f"{name}: the calendar has no session in {now.year}. Update pandas_market_calendars."


def clock(now: datetime) -> Result:
    """What was received or fired later than now proves that a clock is wrong, and mostly it is ours."""
    newest = Delivery.objects.order_by("-received_at").values_list("received_at", "fire_minute")[:NEWEST]
    latest = max((moment for row in newest for moment in row), default=now)
    if latest - now > CLOCKS_DIFFER:
        return bad(
            f"An alert is of {latest:%Y-%m-%d %H:%M}Z, and this machine's clock says {now:%Y-%m-%d %H:%M}Z. Gaps and"
            " leases are judged by it.",
            "Set the clock (`timedatectl` shows whether NTP does).",
        )
    return good("No alert is of the future.")
