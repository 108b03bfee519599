"""What people are told of: one table of rules. Each asks the one definition of the thing, and defines nothing.

A rule that raises an error sees nothing: what it saw before stays as it is, until it can be judged again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet

from dashboard.telling.addresses import address
from dashboard.telling.formats import duration, some
from dashboard.watching.checks import CHECKS, decisions, feeds, records, sources, worker
from dashboard.watching.checks.result import Problem, Severity
from dashboard.watching.expiry import expiry_warning
from dashboard.watching.pulses import LIMIT, pulses
from dashboard.watching.silence import State
from reconciliation.gaps import GapView
from reconciliation.health import health
from reconciliation.models import GapRecord, SignalHealthMetric
from signals.models import AutomatedSignal, Quarantine, Source
from signals.vocabulary import Origin

from .incidents import Symptom

DAY = timedelta(days=1)
LOOKED_BACK = timedelta(days=30)
WORKER, SILENT, EVERYTHING = "worker-stopped", "source-silent", "everything-silent"
EXPLAINED = (WORKER, EVERYTHING, "cycle-failing")
"""What explains that gaps stay open and health falls."""

Find = Callable[[datetime, float], Iterable[Symptom]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition to tell of, with what holds while nobody changed it.

    `find` sees symptoms as of a moment, given the limit; `limited` says what the limit is, or "" where there is none.
    """

    name: str
    title: str
    find: Find
    limited: str = ""
    limit: float = 0
    least: Severity = Severity.WARN
    nag_hours: float = 4
    escalate_minutes: int = 0
    enabled: bool = True


def symptom(rule: str, problem: Problem, *, key: str = "", **more: object) -> Symptom:
    """What a check found, as a symptom of a rule."""
    return Symptom(
        rule, key or rule, problem.says, problem.todo, problem.severity.value, problem.link, **more  # type: ignore[arg-type]
    )  # fmt: skip


def worker_stopped(now: datetime, _: float) -> Iterator[Symptom]:
    for problem in worker.idle(now):
        yield symptom(WORKER, problem)


def cycle_failing(now: datetime, _: float) -> Iterator[Symptom]:
    for problem in worker.unfinished():
        yield symptom("cycle-failing", problem)


def source_silent(now: datetime, _: float) -> Iterator[Symptom]:
    """Each silent source; where all are, that is one cause."""
    for silence in sources.silences(now):
        if silence.tone == "bad":
            name = silence.line.name
            together = EVERYTHING if silence.state == State.ALL_SILENT else ""
            suspects = (WORKER,) if silence.state == State.WORKER_DOWN else ()
            yield symptom(
                SILENT, sources.silent(silence), key=silent_key(name), source=name, cause=together, suspects=suspects
            )


def silent_key(source: str) -> str:
    return f"{SILENT}:{source}"


def alert_expiring(now: datetime, _: float) -> Iterator[Symptom]:
    for source in sources.watched():
        if warning := expiry_warning(source.alert_expires_at, now):
            tone, told = warning
            says, _dot, todo = told.partition(". ")
            problem = sources.about(source, f"{source.name}: {says}.", todo, Severity(tone))
            yield symptom("alert-expiring", problem, key=f"alert-expiring:{source.name}", source=source.name)


def near_limit(now: datetime, limit: float) -> Iterator[Symptom]:
    for pulse in pulses(now):
        if pulse.now >= limit:
            name = pulse.source.name
            yield Symptom(
                "near-limit", f"near-limit:{name}",
                f"{name}: {pulse.now} alerts in 3 minutes. TradingView stops an alert that fires more than {LIMIT}.",
                "Look in TradingView whether the alert still runs, and have it fire less often (batches, longer bars).",
                Severity.BAD if pulse.now >= LIMIT else Severity.WARN, address("deliveries"), name,
            )  # fmt: skip


def health_low(now: datetime, limit: float) -> Iterator[Symptom]:
    """As the last cycle left it."""
    last = SignalHealthMetric.objects.first()
    if last is not None and is_low(last.health, limit):
        says = f"Health is {last.health:.1f} %, under {limit:g} %."
        todo, link = "See on the overview which gaps cost it.", address("overview")
        simulated = any_simulated() and not is_low(of_real(now), limit)
        yield of_gaps("health-low", says, todo, link, Severity.BAD, simulated=simulated)


def is_low(score: float | None, limit: float) -> bool:
    return score is not None and score < limit


def any_simulated() -> bool:
    return Source.objects.filter(simulated=True).exists()


def of_real(now: datetime) -> float | None:
    """Health without invented markets."""
    return health(GapView.at(now), signals=Q(source__simulated=False)).score


def gaps_many(now: datetime, limit: float) -> Iterator[Symptom]:
    number = decisions.number_left()
    if number > limit:
        says = f"{some(number, 'actionable gap')}, more than {limit:g}."
        todo = "Import TradingView's alert log, which has what was lost."
        real = open_gaps().filter(signal__source__simulated=False)[: int(limit) + 1]
        simulated = any_simulated() and real.count() <= limit
        yield of_gaps("gaps-many", says, todo, address("gaps"), simulated=simulated)


def open_gaps() -> QuerySet[GapRecord]:
    return GapRecord.objects.filter(state=GapRecord.State.OPEN)


def gaps_old(now: datetime, limit: float) -> Iterator[Symptom]:
    """Gaps that opened within the health window: what nobody could fill for longer is told by health and number."""
    since = now - timedelta(hours=settings.HEALTH_WINDOW_HOURS)
    old = open_gaps().filter(opened_at__lt=now - timedelta(minutes=limit), opened_at__gt=since)
    real = Count("pk", filter=Q(signal__source__simulated=False))
    found = old.aggregate(number=Count("pk"), first=Min("opened_at"), real=real)
    if found["number"]:
        age = duration((now - found["first"]).total_seconds())
        says = f"{some(found['number'], 'gap')} open for longer than {limit:g} minutes, the oldest for {age}."
        todo = "Each type of gap says what a person can do."
        yield of_gaps("gaps-old", says, todo, address("gaps"), simulated=not found["real"])


def of_gaps(
    rule: str, says: str, todo: str, link: str, severity: Severity = Severity.WARN, *, simulated: bool
) -> Symptom:
    return Symptom(rule, rule, says, todo, severity.value, link, suspects=EXPLAINED, simulated=simulated)


def quarantined(now: datetime, _: float) -> Iterator[Symptom]:
    for problem in records.damaged():
        yield symptom("quarantine", problem, simulated=not unread_of_real(foreign=False))


def unread_of_real(*, foreign: bool) -> bool:
    """Whether any of what could not be read is not of an invented market."""
    unread = Quarantine.objects.filter(state=Quarantine.State.OPEN, foreign=foreign)
    return unread.filter(delivery__source__simulated=False).exists()


def unknown_format(now: datetime, _: float) -> Iterator[Symptom]:
    for problem in records.foreign():
        yield symptom("unknown-format", problem, simulated=not unread_of_real(foreign=True))


def lost_found(now: datetime, _: float) -> Iterator[Symptom]:
    """Signals that replay found in the last day, by source."""
    found = AutomatedSignal.objects.filter(
        ~Q(origin=Origin.ALERTS), origin=Origin.REPLAY, created_at__gt=now - DAY, first_event_at__gt=now - LOOKED_BACK
    )
    for name, number in found.order_by().values_list("source__name").annotate(Count("pk")).order_by("source__name"):
        yield Symptom(
            "lost-found", f"lost-found:{name}",
            f"{name}: {some(number, 'signal')} that nobody heard of found by replay in the last day.",
            "Look at them under Replay: approve or refuse those that wait.",
            Severity.WARN, address("replay"), name,
        )  # fmt: skip


def feed_disagrees(now: datetime, _: float) -> Iterator[Symptom]:
    """Feeds that cannot be asked, fail, or tell other prices."""
    for number, problem in enumerate(feeds.feeds(now).problems):
        yield symptom("feed", problem, key="feed" if not number else f"feed:{number}", cause="feed")


def other(now: datetime, _: float) -> Iterator[Symptom]:
    """What the overview shows of each other check. Several problems of one are one symptom."""
    for check in OTHERS:
        if found := check.judge(now).problems:
            says = " ".join(problem.says for problem in found)
            first = found[0]
            yield Symptom("other", f"check:{check.name}", says, first.todo, first.severity.value, first.link)


TOLD = frozenset({"cycles", "silence", "alert_expiry", "quarantine", "feeds"})
"""Checks that have a rule of their own above."""
OTHERS = tuple(check for check in CHECKS if check.cheap and not check.decision and check.name not in TOLD)

# Causes before what comes of them.
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(WORKER, "The worker stopped", worker_stopped, nag_hours=1, escalate_minutes=30),
        Rule("cycle-failing", "A cycle failed", cycle_failing),
        Rule(SILENT, "A source is silent in market hours", source_silent, escalate_minutes=60),
        Rule("alert-expiring", "An alert in TradingView is about to expire", alert_expiring, nag_hours=24),
        Rule("near-limit", "A source nears 15 alerts in 3 minutes", near_limit, "alerts in 3 minutes", 12),
        Rule("health-low", "Health is under a limit", health_low, "percent", 80),
        Rule("gaps-many", "More actionable gaps than a limit", gaps_many, "actionable gaps", 50, nag_hours=24),
        Rule("gaps-old", "A gap is open for long", gaps_old, "minutes", 60, nag_hours=24),
        Rule("quarantine", "The quarantine is not empty", quarantined, nag_hours=24),
        Rule("unknown-format", "Alerts of an unknown format came", unknown_format, nag_hours=24),
        Rule("lost-found", "Replay found lost signals", lost_found, nag_hours=0),
        Rule("feed", "A feed of price bars disagrees or fails", feed_disagrees, nag_hours=24),
        Rule("other", "Anything else that the overview warns of", other, nag_hours=24),
    )
}
