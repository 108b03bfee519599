"""Whether the audit log and what it tells of agree: fills, the lives of gaps, and what runs counted.

It notices a hand in the database that changed, deleted or invented on one side. Who changes both alike, or entries of
what has no row of its own (set aside, calibrated, administered), remains unnoticed. Reads a chunk of signals or runs at
a time; memory does not grow with the tables.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import Count, Model, QuerySet

from signals.models import AutomatedSignal, Fill

from .audit import Action
from .models import GapRecord, SyncAuditLog, SyncRun

AT_ONCE = 200
Told = Counter[tuple[Any, ...]]
"""What is told, by kind and details. One thing is told by one row, so that numbers must agree."""

FILL_MADE = {Action.FILLED: "filled", Action.PROPOSED: "proposed"}
FILL_ENDED = {
    Action.SUPERSEDED: "replaced",
    Action.CONFLICT: "replaced",
    Action.WITHDRAWN: "withdrawn",
    Action.UNDONE: "undone",
}
FILL_DECIDED = {Action.APPROVED: "approved", Action.TAKEN_BACK: "taken back"}
GAPS = frozenset({Action.GAP_OPENED, Action.GAP_CLOSED, Action.GAP_DISMISSED, Action.GAP_REOPENED})
CANCELLED = (Action.FILLED, "cancelled_at")
ENDS_OF_FILLS = {Fill.State.SUPERSEDED: "replaced", Fill.State.WITHDRAWN: "withdrawn", Fill.State.UNDONE: "undone"}
# What a run counts, by the entries that it must have written.
COUNTED = {"fills": Action.FILLED, "conflicts": Action.CONFLICT, "healed": Action.HEALED, "errors": Action.SET_ASIDE}


class Fault(NamedTuple):
    """What does not agree, about which signal (its trade id) or run."""

    about: str
    says: str


def verify() -> Iterator[tuple[str, int, list[Fault]]]:
    """A chunk after the other: what it is of (`signals` or `runs`), how many, and what is wrong with them."""
    for signals in chunks(AutomatedSignal.objects.only("pk", "trade_id")):
        # Read again where it seems wrong: a cycle may have written between two of the reads.
        yield "signals", len(signals), faults_of_signals(signals) and faults_of_signals(signals)
    for runs in chunks(SyncRun.objects.filter(state=SyncRun.State.FINISHED)):
        yield "runs", len(runs), faults_of_runs(runs)


def chunks(rows: QuerySet[Any]) -> Iterator[Sequence[Any]]:
    chunk: list[Model] = list(rows.order_by("pk")[:AT_ONCE])
    while chunk:
        yield chunk
        chunk = list(rows.order_by("pk").filter(pk__gt=chunk[-1].pk)[:AT_ONCE])


def faults_of_signals(signals: Sequence[AutomatedSignal]) -> list[Fault]:
    fills, records = by_signal(Fill, signals), by_signal(GapRecord, signals)
    entries = by_signal(SyncAuditLog, signals)
    return [
        Fault(signal.trade_id, says)
        for signal in signals
        for says in (
            *fill_faults(fills[signal.pk], entries[signal.pk]),
            *gap_faults(records[signal.pk], entries[signal.pk]),
        )
    ]


def by_signal(model: type[Model], signals: Sequence[AutomatedSignal]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    rows: QuerySet[Any] = model._default_manager.all()
    for row in rows.filter(signal__in=signals).order_by("pk"):
        found[row.signal_id].append(row)
    return found


# -- fills


def fill_faults(fills: Iterable[Fill], entries: Iterable[SyncAuditLog]) -> Iterator[str]:
    """In words, what of a signal's fills and the entries about them does not agree."""
    left = told_of_fills(entries)
    for fill in sorted(fills, key=lambda fill: fill.state != Fill.State.ACTIVE):  # what must be approved comes first
        for what, expected in life_of_fill(fill, left):
            if not taken(left, expected):
                yield f"Fill {fill.pk} ({fill}): no entry says so that it was {what}."
        if fill.state in ENDS_OF_FILLS:
            taken(left, ("approved", identity(fill)))  # or it ended while it waited
    for what, (field, *_), *_ in left.elements():
        yield f"An entry says that a fill of {field} was {what}, and no fill is so."


def life_of_fill(fill: Fill, told: Told) -> list[tuple[str, tuple[Any, ...]]]:
    """What must be told of a fill. Where it can have come to its state in two ways, what is told decides."""
    who, value = identity(fill), as_json(fill.value)
    filled, proposed = ("filled", who, value, fill.created_at), ("proposed", who, value, fill.created_at)
    waited = fill.state == Fill.State.PROPOSED or (not told[filled] and told[proposed] > 0)
    life: list[tuple[str, tuple[Any, ...]]] = [("proposed", proposed) if waited else ("filled", filled)]
    if fill.state == Fill.State.ACTIVE and waited:
        life.append(("approved", ("approved", who)))
    if fill.state in ENDS_OF_FILLS:
        undone = ("undone", who, value, fill.ended_at)
        if fill.state == Fill.State.WITHDRAWN and told[undone]:
            return [*life, ("undone", undone), ("taken back", ("taken back", who))]
        end = ENDS_OF_FILLS[Fill.State(fill.state)]
        life.append((end, (end, who, value, fill.ended_at)))
    return life


def told_of_fills(entries: Iterable[SyncAuditLog]) -> Told:
    told: Told = Counter()
    for entry in entries:
        action = Action(entry.action)
        if action in FILL_MADE:
            told[FILL_MADE[action], identity(entry), as_json(entry.new), entry.at] += 1
        elif action in FILL_ENDED:
            # What was only proposed never stood in the row: its withdrawal has it as `new`.
            value = entry.new if entry.old is None else entry.old
            told[FILL_ENDED[action], identity(entry), as_json(value), entry.at] += 1
        elif action in FILL_DECIDED:
            told[FILL_DECIDED[action], identity(entry)] += 1
    return told


def identity(row: Fill | SyncAuditLog) -> tuple[Any, ...]:
    """What a fill and every entry about it have in common."""
    return row.field, row.gap, row.tier, row.method, row.confidence, as_json(row.evidence)


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def taken(told: Told, expected: tuple[Any, ...]) -> bool:
    """Whether it is told; each entry counts once."""
    if not told[expected]:
        return False
    told[expected] -= 1
    return True


# -- gaps


def gap_faults(records: Iterable[GapRecord], entries: Sequence[SyncAuditLog]) -> Iterator[str]:
    """In words, what of the lives of a signal's gaps and the entries about them does not agree."""
    left: Told = Counter(told_of_gap(entry) for entry in entries if entry.action in GAPS)
    filled = {(entry.gap, entry.at, entry.tier) for entry in entries if entry.action == Action.FILLED}
    for record in records:
        for action, expected in life_of_gap(record, left):
            fill_tells = action == Action.GAP_CLOSED and (record.gap, record.closed_at, record.tier) in filled
            if not (fill_tells or taken(left, expected)):
                yield f"Gap record {record.pk} ({record}): no entry says so: {action.label}."
    for name, gap, *_ in left.elements():
        yield f"An entry says of {gap}: {Action(name).label}, and no record is so."


def told_of_gap(entry: SyncAuditLog) -> tuple[Any, ...]:
    about = (entry.action, entry.gap, entry.at)
    if entry.action == Action.GAP_DISMISSED:
        return *about, entry.note, entry.actor
    return (*about, entry.tier) if entry.action == Action.GAP_CLOSED else about


def life_of_gap(record: GapRecord, told: Told) -> Iterator[tuple[SyncAuditLog.Action, tuple[Any, ...]]]:
    """What must be told of a gap's record. What was dismissed before a cycle found it was never opened."""
    gap, ended = record.gap, record.closed_at
    if not told[Action.GAP_DISMISSED, gap, record.opened_at, record.reason, record.actor]:
        yield Action.GAP_OPENED, (Action.GAP_OPENED, gap, record.opened_at)
    if record.state in (GapRecord.State.FILLED, GapRecord.State.CLOSED):
        yield Action.GAP_CLOSED, (Action.GAP_CLOSED, gap, ended, record.tier)
    elif record.state == GapRecord.State.DISMISSED:
        yield Action.GAP_DISMISSED, (Action.GAP_DISMISSED, gap, ended, record.reason, record.actor)
    elif record.state == GapRecord.State.REOPENED:
        yield Action.GAP_REOPENED, (Action.GAP_REOPENED, gap, ended)
        dismissed = [each for each in told if each[:2] == (Action.GAP_DISMISSED, gap) and told[each]]
        same = (each for each in dismissed if each[3:] == (record.reason, record.actor))
        yield Action.GAP_DISMISSED, next(same, (Action.GAP_DISMISSED, gap, None, record.reason, record.actor))


# -- runs


Entries = Counter[tuple[str, str, str]]
"""How many entries of a run there are, by action, tier and field."""


def faults_of_runs(runs: Sequence[SyncRun]) -> list[Fault]:
    entries = entries_of_runs(runs)
    return [Fault(f"run {run.pk}", says) for run in runs for says in run_faults(run, entries[run.pk])]


def entries_of_runs(runs: Sequence[SyncRun]) -> dict[int, Entries]:
    counted = SyncAuditLog.objects.filter(run__in=runs).order_by().values_list("run", "action", "tier", "field")
    entries: dict[int, Entries] = defaultdict(Counter)
    for run, action, tier, field, number in counted.annotate(number=Count("pk")):
        entries[run][action, tier, field] += number
    return entries


def counts_told(entries: Entries) -> dict[str, Any]:
    """A run's counts as its entries tell them; of `withdrawn` the most that it can be.

    The log also has those that waited for approval and are not counted.
    """
    actions: Counter[str] = Counter()
    tiers: Counter[str] = Counter()
    for (action, tier, _), number in entries.items():
        actions[action] += number
        if action == Action.FILLED:
            tiers[tier] += number
    return {
        **{name: actions[action] for name, action in COUNTED.items()},
        "fills_by_tier": dict(sorted(tiers.items())),
        "cancelled": sum(number for (action, _, field), number in entries.items() if (action, field) == CANCELLED),
        "withdrawn": actions[Action.WITHDRAWN],
    }


def run_faults(run: SyncRun, entries: Entries) -> Iterator[str]:
    """In words, which of a finished run's counts are not those of its entries."""
    told = counts_told(entries)
    for name in (*COUNTED, "cancelled"):
        if getattr(run, name) != told[name]:
            yield f"It counts {getattr(run, name)} {name}; the audit log has {told[name]}."
    if Counter(run.fills_by_tier) != Counter(told["fills_by_tier"]):
        yield f"It counts {run.fills_by_tier} fills by tier; the audit log has {told['fills_by_tier']}."
    if run.withdrawn > told["withdrawn"]:
        yield f"It counts {run.withdrawn} withdrawn; the audit log has {told['withdrawn']}."
