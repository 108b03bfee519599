"""A signal's life as one timeline: what was sent, what was filled, what was found, who did what.

Pure: rows in, entries out. Events stand at their fire minute; fills and gaps at the moment they were written; a finding
where the value that it doubts was reported.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from reconciliation.findings import FINDINGS, Finding
from reconciliation.gaps import CATALOGUE
from reconciliation.models import SyncAuditLog
from signals.models import AutomatedSignal, Fill, SignalEvent
from signals.signal.positions import is_idle
from signals.tiers import ASKING
from signals.vocabulary import EXITS, REPORTS, EventType

from .fields import brief, method_name, named, written

AuditAction = SyncAuditLog.Action
R = TypeVar("R", Fill, SyncAuditLog)
RECOMPUTED = "recomputed"  # as apply notes it
# Who speaks, which is what keeps entries visually apart: the indicator, a tier, the sync's own checks, a person.
INDICATOR, TIER, CHECK, PERSON = "indicator", "tier", "check", "person"
UPDATES_APART = 3  # so many updates in a row, and fewer, are entries of their own

# The fields whose values each finding doubts.
DOUBTED: Mapping[str, tuple[str, ...]] = {
    "negative_mfe": ("be_mfe", "no_be_mfe"),
    "mae_above_zero": ("mae",),
    "legs_crossed": ("be_mfe", "no_be_mfe"),
    "mfe_falling": ("be_mfe", "no_be_mfe"),
    "entry_is_stop": ("entry_price", "stop_loss"),
    "stop_on_wrong_side": ("entry_price", "stop_loss"),
    "exit_without_entry": ("be_exit_at", "stop_exit_at"),
    "htf_conflict": ("htf_conflict",),
    "wrong_session": ("session_label",),
    "unknown_session": ("session_label",),
    "events_before_bar": ("signal_time",),
    "entries_differ": ("entry_price",),
    "price_far": ("entry_price", "current_price", "be_exit_price", "stop_exit_price"),
    "bars_far": ("entry_price",),
    "repainted": (),
    "frozen": (),
    "symbol_unclear": ("created_fired_at", "entry_fired_at"),
    "direction_against_id": ("direction",),
}
# Facts that say nothing to a reader beside the event itself; and those that updates and exits only repeat, which are
# told where what they repeat was lost.
NOT_SHOWN = frozenset(
    {"signal_date", "signal_clock", "single_leg", "direction", "be_triggered", "one_position", "if_open"}
)
REPEATED = frozenset({"session", "htf_alignment", "htf_conflict", "entry_price", "stop_loss", "tp1", "tp2", "tp3"})
BIRTHS = frozenset({EventType.SIGNAL_CREATED, EventType.ENTRY})
SHOWN_AS_FILLS = frozenset({AuditAction.FILLED, AuditAction.PROPOSED})
ACTION_SIDES = {AuditAction.GAP_OPENED: CHECK, AuditAction.SET_ASIDE: CHECK}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened. `facts` are (name, value) as written; `origin` is a provenance entry for its badge."""

    at: datetime
    side: str
    title: str
    tone: str = ""
    facts: Sequence[tuple[str, str]] = ()
    says: str = ""
    who: str = ""
    origin: Mapping[str, Any] | None = None
    event: SignalEvent | None = None
    fill: Fill | None = None
    until: datetime | None = None
    count: int = 1


def timeline(
    signal: AutomatedSignal,
    events: Iterable[SignalEvent],
    fills: Iterable[Fill],
    audit: Iterable[SyncAuditLog],
    tick: Decimal,
    *,
    habits: Set[str] = frozenset(),
) -> list[TimelineEntry]:
    """Everything, oldest first. Of one minute, what was sent comes before what was made of it.

    Findings that are `habits` of its source are told there.
    """
    found = [
        *event_entries((event for event in events if not is_idle(event, signal.direction)), tick),
        *finding_entries(signal, habits),
        *(fill_entry(run, tick) for run in alike(fills, lambda fill: (fill.field, fill.tier, fill.method))),
        *(audit_entry(run, tick) for run in alike(beside_fills(audit), sort_of)),
    ]
    order = (INDICATOR, CHECK, TIER, PERSON)
    return sorted(found, key=lambda entry: (entry.at, order.index(entry.side)))


def alike(rows: Iterable[R], sort: Callable[[R], Any]) -> Iterable[list[R]]:
    """The rows of each sort together, oldest first: cycles make a running trade's values anew with every bar."""
    sorts: dict[Any, list[R]] = defaultdict(list)
    for row in sorted(rows, key=attrgetter("pk")):
        sorts[sort(row)].append(row)
    return sorts.values()


def beside_fills(audit: Iterable[SyncAuditLog]) -> Iterator[SyncAuditLog]:
    """The entries that fills do not tell themselves."""
    for entry in audit:
        if entry.action not in SHOWN_AS_FILLS and entry.note != RECOMPUTED:
            yield entry


def sort_of(entry: SyncAuditLog) -> tuple[Any, ...]:
    """What a person did stands alone; what cycles do again and again is told once."""
    return (entry.pk,) if entry.actor else (entry.action, entry.field, entry.gap, entry.note)


def event_entries(events: Iterable[SignalEvent], tick: Decimal) -> Iterator[TimelineEntry]:
    """One entry an event; updates that follow each other become one, told by the last of them."""
    in_order = sorted(events, key=lambda event: (event.fire_minute, event.sequence_number))
    born = {event.type for event in in_order} >= BIRTHS
    for is_update, group in groupby(in_order, key=lambda event: event.type == EventType.MFE_UPDATE):
        run = list(group)
        if is_update and len(run) > UPDATES_APART:
            yield event_entry(run[-1], tick, born, run)
        else:
            yield from (event_entry(event, tick, born) for event in run)


def event_entry(event: SignalEvent, tick: Decimal, born: bool, run: Sequence[SignalEvent] = ()) -> TimelineEntry:
    """`born` says that the signal's creation and ENTRY are among the events."""
    label = EventType(event.type).label
    repeats = born and event.type not in BIRTHS | REPORTS
    left_out = NOT_SHOWN | REPEATED if repeats else NOT_SHOWN
    facts = [(named(name), written(name, value, tick)) for name, value in event.facts.items() if name not in left_out]
    origin = {"source": ASKING.data_source, "tier": ASKING.told, "confidence": 1.0} if event.type in REPORTS else None
    return TimelineEntry(
        at=run[0].fire_minute if run else event.fire_minute,
        side=INDICATOR,
        title=f"{len(run)} {label}s" if run else label,
        tone="good" if event.type in EXITS else "",
        facts=facts,
        origin=origin,
        event=event,
        until=event.fire_minute if run else None,
        count=len(run) or 1,
    )


def fill_entry(run: Sequence[Fill], tick: Decimal) -> TimelineEntry:
    """A value that a tier put in, and what has become of it. Of several that followed each other, the last."""
    fill = run[-1]
    state = Fill.State(fill.state)
    proposed = state == Fill.State.PROPOSED
    title = f"{named(fill.field)} {'proposed' if proposed else 'filled'}"
    ended = "" if state in (Fill.State.ACTIVE, Fill.State.PROPOSED) else state.label
    return TimelineEntry(
        at=fill.created_at,
        side=TIER,
        title=title,
        facts=[(named(fill.field), brief(fill.field, fill.value, tick)), ("By", method_name(fill.method))],
        says=ended,
        origin={"source": fill.data_source, "tier": fill.tier, "confidence": fill.confidence},
        fill=fill,
        count=len(run),
    )


def audit_entry(run: Sequence[SyncAuditLog], tick: Decimal) -> TimelineEntry:
    """What became of a value or a gap, by a cycle or by a person. Of several alike, the last."""
    entry = run[-1]
    action = AuditAction(entry.action)
    gap = CATALOGUE.get(entry.gap)
    about = named(entry.field) if entry.field else gap.title if gap else ""
    facts = []
    if entry.field:
        facts = [("Was", brief(entry.field, entry.old, tick)), ("Is", brief(entry.field, entry.new, tick))]
    elif isinstance(entry.new, dict):
        facts = [(named(name), written(name, value, tick)) for name, value in entry.new.items()]
    side = PERSON if entry.actor else ACTION_SIDES.get(action, CHECK if entry.gap and not entry.field else TIER)
    return TimelineEntry(
        at=entry.at,
        side=side,
        title=f"{action.label}: {about}" if about else action.label,
        tone="bad"
        if action in (AuditAction.CONFLICT, AuditAction.SET_ASIDE, AuditAction.FROZEN)
        else "warn"
        if action == AuditAction.GAP_OPENED
        else "",
        facts=facts,
        says=entry.note,
        who=entry.actor,
        count=len(run),
    )


def findings_of(signal: AutomatedSignal, habits: Set[str] = frozenset()) -> list[Finding]:
    return [finding for finding in FINDINGS if finding.name not in habits and finding.holds(signal)]


def finding_entries(signal: AutomatedSignal, habits: Set[str]) -> Iterator[TimelineEntry]:
    for finding in findings_of(signal, habits):
        moments = [signal.provenance[name]["at"] for name in DOUBTED[finding.name] if name in signal.provenance]
        known = max(filter(None, moments), default="")
        yield TimelineEntry(
            at=datetime.fromisoformat(known) if known else signal.last_event_at,
            side=CHECK,
            title=f"Finding: {finding.title}",
            tone="" if finding.corrected else "bad",
            says=finding.advice,
        )
