"""The owner's steps from an empty system to one that works alone: what each asks for, and whether it holds.

`observe` asks the database, `steps` decides. What the self-test and invented markets sent counts nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Max, Q, QuerySet

from dashboard.telling.addresses import address
from reconciliation.gaps import GapView
from reconciliation.health import Health, count_gaps, health, window
from reconciliation.models import SignalHealthMetric, SyncAuditLog
from signals.clock import floor_minute
from signals.models import AutomatedSignal, Delivery, Quarantine, SignalEvent, Source
from signals.vocabulary import Channel, DeliveryStatus, EventType, Status

from .checks.result import Problem
from .checks.worker import cycles
from .selftest import SELF_TEST

DAY = timedelta(days=1)
FIRST_HOUR, FIRST_HOUR_WANTED = timedelta(hours=1), 10
DAY_WANTED = 100
GAPS_ALLOWED = 7
HEALTH_WANTED = 90.0
REMEMBERED, NONE_REMEMBERED = 3600, 60  # seconds
MOST_COUNTED = 99
CONFIRMATION = "no_confirmation_time"

SET_UP = (
    "Set up the alert in TradingView as described below. If it fires there and nothing arrives: check the address, then"
    " run the self-test."
)
UNREAD = (
    "TradingView calls it delivered, and it is stored; but no signal comes of what nobody can read. If it is not the"
    " indicator's own message, choose 'Any alert() function call' in the alert, or teach its format."
)
BORN = "It comes with the next triangle. If updates come and it does not: the indicator's switch for it is off."


@dataclass(frozen=True, slots=True)
class Observed:
    """What the steps are judged by. Moments are when something first was so; None when it never was.

    `created_owed`: a source may send SIGNAL_CREATED; where none does, signals begin with their ENTRY.
    `first_alert` is the first that was read; `unread` is how many were not and still wait, counted to MOST_COUNTED + 1.
    `stopped` is what the check of the cycles finds.
    """

    first_alert: datetime | None = None
    unread: int = 0
    created_owed: bool = True
    first_entry: datetime | None = None
    first_created: datetime | None = None
    first_signal: datetime | None = None
    in_first_hour: int = 0
    tenth_at: datetime | None = None
    gaps: int = 0
    actionable: int = 0
    gaps_fine_since: datetime | None = None
    health: Health = field(default_factory=lambda: Health(0, 0))
    healthy_since: datetime | None = None
    in_day: int = 0
    hundredth_at: datetime | None = None
    confirmed: int = 0
    without_created: int = 0
    cancelled: int = 0
    stale_pending: int = 0
    last_cancelled: datetime | None = None
    by_hand: int = 0
    stopped: Problem | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """`figure` is where it stands, `met_at` since when where that is known, `todo` what to do while it is not met."""

    title: str
    figure: str
    met: bool
    todo: str
    met_at: datetime | None = None
    link: str = ""  # where to do it, called `label`
    label: str = ""


def steps(seen: Observed) -> list[Step]:
    """The steps in the order in which they can be met. Pure."""
    return [*arriving(seen), *healthy(seen), *complete(seen), unattended(seen)]


def arriving(seen: Observed) -> list[Step]:
    """Alerts arrive, can be read, and become signals."""
    unread = seen.first_alert is None and seen.unread > 0
    return [
        Step(
            "The alert is configured",
            alert_figure(seen),
            seen.first_alert is not None,
            UNREAD if unread else SET_UP,
            seen.first_alert,
            *((address("unknown-formats"), "Unknown formats") if unread else ()),
        ),
        begun(seen, unread),
        Step(
            "Signals are in All Signals",
            "they are" if seen.first_signal else "none yet",
            seen.first_signal is not None,
            "Deliveries without signals are heartbeats, or could not be read: look at Deliveries.",
            seen.first_signal,
        ),
        Step(
            f"{FIRST_HOUR_WANTED} signals in the first hour",
            f"{seen.in_first_hour} of {FIRST_HOUR_WANTED}",
            seen.in_first_hour >= FIRST_HOUR_WANTED,
            "Quiet markets give fewer. If TradingView's alert log shows more than arrived, compare it under Alert log.",
            seen.tenth_at,
        ),
    ]


def begun(seen: Observed, unread: bool) -> Step:
    """The event that signals begin with is stored."""
    kind, first_one = ("SIGNAL_CREATED", seen.first_created) if seen.created_owed else ("ENTRY", seen.first_entry)
    todo = BORN if seen.created_owed else "It comes with the first alert that opens a trade."
    return Step(
        f"The first {kind} is stored",
        "stored" if first_one else "none yet",
        first_one is not None,
        "It comes with the first alert that can be read: see the step before." if unread else todo,
        first_one,
    )


def alert_figure(seen: Observed) -> str:
    if seen.first_alert:
        return "an alert arrived and was read"
    if seen.unread:
        return f"{seen.unread}{'+' if seen.unread > MOST_COUNTED else ''} arrived, none could be read"
    return "waiting for your first alert…"


def healthy(seen: Observed) -> list[Step]:
    """What arrives is complete enough to work with."""
    score = seen.health.score
    return [
        Step(
            f"At most {GAPS_ALLOWED} gaps, or none that is actionable",
            f"{seen.gaps} gaps of recent and active signals, {seen.actionable} actionable",
            seen.first_signal is not None and (seen.gaps <= GAPS_ALLOWED or seen.actionable == 0),
            "Cycles fill what can be filled. For what stays: import TradingView's alert log.",
            seen.gaps_fine_since,
        ),
        Step(
            f"Health is {HEALTH_WANTED:.0f} or more",
            "unknown: no signal in the window" if score is None else f"{score:.1f} %",
            score is not None and score >= HEALTH_WANTED,
            "Health is the share of recent and active signals without an actionable gap: see Gaps.",
            seen.healthy_since,
        ),
    ]


def complete(seen: Observed) -> list[Step]:
    """A whole day's signals are there from their beginning to their end."""
    day = Step(
        f"{DAY_WANTED} signals in 24 hours",
        f"{seen.in_day} of {DAY_WANTED}",
        seen.in_day >= DAY_WANTED,
        "Weekends and quiet days give fewer. If the alert log shows more than arrived, compare it.",
        seen.hundredth_at,
    )
    if not seen.created_owed:
        return [day]
    return [
        day,
        Step(
            "Every confirmed signal has its SIGNAL_CREATED",
            f"{seen.without_created} of {seen.confirmed} without, in 24 hours",
            seen.confirmed > 0 and seen.without_created == 0,
            "Those without were confirmed before the alert was set up, or lost theirs: import the alert log.",
        ),
        Step(
            "Cancellations are tracked",
            f"{seen.cancelled} cancelled, {seen.stale_pending} pending for more than an hour",
            seen.cancelled > 0 and seen.stale_pending == 0,
            "The cycle infers a cancellation when an opposite signal follows: see that cycles run.",
            seen.last_cancelled,
        ),
    ]


def unattended(seen: Observed) -> Step:
    """The last step: alerts arrive, cycles run, and nobody had to do anything for a day."""
    todo = [
        (seen.first_alert is None, "It cannot be said before the first alert was read."),
        (seen.stopped is not None, seen.stopped.todo if seen.stopped else ""),
        (
            seen.by_hand > 0,
            "See in Audit what was done by hand and why. A day without any meets this step.",
        ),
    ]
    arrived = "" if seen.first_alert else "no alert was read yet; " if seen.unread else "no alert arrived yet; "
    things = "1 thing" if seen.by_hand == 1 else f"{seen.by_hand} things"
    return Step(
        "It works without people",
        f"{arrived}{things} done by hand in 24 hours; cycles {'do not run' if seen.stopped else 'run'}",
        not any(lacking for lacking, _ in todo),
        " ".join(says for lacking, says in todo if lacking),
    )


def observe(now: datetime) -> Observed:
    view = GapView.at(now)
    sources = list(Source.objects.filter(simulated=False).exclude(name=SELF_TEST))
    signals = AutomatedSignal.objects.filter(source__in=sources)
    recent = signals.filter(first_event_at__gt=now - DAY)
    # A replay was a webhook that could not be read at first.
    arrived = Delivery.objects.filter(source__in=sources, channel__in=(Channel.WEBHOOK, Channel.REPLAY))
    events = SignalEvent.objects.filter(source__in=sources)
    created = first("created", events.filter(type=EventType.SIGNAL_CREATED), "delivery__received_at")
    # A source that is known not to tell confirmations sends orders: what it opens begins with its ENTRY.
    owed = created is not None or all(CONFIRMATION not in source.gaps_off for source in sources)
    first_alert = first("alert", arrived.filter(status=DeliveryStatus.ACCEPTED), "received_at")
    hour = signals.none()
    if first_alert:
        start = floor_minute(first_alert)
        hour = signals.filter(first_event_at__gte=start, first_event_at__lt=start + FIRST_HOUR)
    day = by_status(recent)
    gaps = count_gaps(view, window(now))
    return Observed(
        first_alert=first_alert,
        unread=0 if first_alert else waiting(sources),
        created_owed=owed,
        first_created=created,
        first_entry=None if owed else first("entry", events.filter(type=EventType.ENTRY), "delivery__received_at"),
        first_signal=first("signal", signals, "created_at"),
        in_first_hour=hour.order_by()[:FIRST_HOUR_WANTED].count(),
        tenth_at=nth(hour, FIRST_HOUR_WANTED),
        gaps=gaps.total,
        actionable=sum(gaps.actionable.values()),
        gaps_fine_since=since(Q(actionable_gaps=0)),
        health=health(view),
        healthy_since=since(Q(health__gte=HEALTH_WANTED)),
        in_day=day["all"],
        hundredth_at=nth(recent, DAY_WANTED),
        confirmed=day["confirmed"],
        without_created=day["without"],
        cancelled=day["cancelled"],
        stale_pending=recent.filter(status=Status.PENDING, first_event_at__lt=now - FIRST_HOUR).count(),
        last_cancelled=day["last_cancelled"],
        by_hand=done_by_hand(now),
        stopped=next(iter(cycles(now).problems), None),
    )


def by_status(signals: QuerySet[AutomatedSignal]) -> dict[str, Any]:
    """How many there are, confirmed, confirmed without a SIGNAL_CREATED, and cancelled; when one was cancelled last."""
    confirmed = Q(status__in=(Status.CONFIRMED, Status.COMPLETED))
    return signals.aggregate(
        all=Count("pk"),
        confirmed=Count("pk", filter=confirmed),
        without=Count("pk", filter=confirmed & Q(created_fired_at__isnull=True)),
        cancelled=Count("pk", filter=Q(status=Status.CANCELLED)),
        last_cancelled=Max("updated_at", filter=Q(status=Status.CANCELLED)),
    )


def waiting(sources: Sequence[Source]) -> int:
    """How many deliveries wait in quarantine, counted to MOST_COUNTED + 1."""
    rows = Quarantine.objects.filter(state=Quarantine.State.OPEN, delivery__source__in=sources)
    return rows.order_by()[: MOST_COUNTED + 1].count()


def first(name: str, rows: QuerySet[Any], moment: str) -> datetime | None:
    """When the first of these rows came; keys are made in order of time. What happens once is remembered.

    That there is none so far is remembered, too, for a minute: meanwhile only what came since is looked at.
    """
    key = f"activation:first-{name}"
    found: datetime | None = cache.get(key)
    if found is None:
        seen = cache.get(f"{key}:none-to")
        newest = rows.model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
        fresh = rows if seen is None else rows.filter(pk__gt=seen)
        found = fresh.order_by("pk").values_list(moment, flat=True).first()
        if found is not None:
            cache.set(key, found, REMEMBERED)
        elif seen is None and newest is not None:
            cache.set(f"{key}:none-to", newest, NONE_REMEMBERED)
    return found


def nth(signals: QuerySet[AutomatedSignal], n: int) -> datetime | None:
    """When the n-th signal of the set was first heard of; None while there are fewer."""
    return signals.order_by("first_event_at").values_list("first_event_at", flat=True)[n - 1 : n].first()


def since(fine: Q) -> datetime | None:
    """Since when every cycle's snapshot has been fine; None when the last one is not."""
    last_bad = SignalHealthMetric.objects.exclude(fine).order_by("-pk").values_list("pk", flat=True).first()
    after = SignalHealthMetric.objects.filter(pk__gt=last_bad or 0).order_by("pk")
    return after.values_list("at", flat=True).first()


def done_by_hand(now: datetime) -> int:
    """Operations of people in the last day: on signals, and in the quarantine."""
    entries = SyncAuditLog.objects.filter(~Q(actor=""), ~Q(action=SyncAuditLog.Action.ADMINISTERED), at__gt=now - DAY)
    operations = entries.order_by().values("operation").distinct()
    decided = Quarantine.objects.filter(decided_by__isnull=False, decided_at__gt=now - DAY)
    return operations.count() + decided.count()
