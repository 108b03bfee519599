"""Applying: what the plans of a cycle want is written, fills and the signals that they change.

A plan was made without locks. Here the chunk's rows are locked, and a signal that changed since it was loaded is left
for the next cycle; of the others, gap and trust are as the plan saw them. Row, fills, gap records and audit of a
chunk are written in one transaction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from reconciliation.audit import Action, Journal, plain
from reconciliation.gaps import CATALOGUE, score
from reconciliation.models import GapRecord, GapTotal, SetAside, SyncRun
from reconciliation.tiers.proposals import Proposal, evidence_key
from reconciliation.tiers.table import PROPOSE
from signals.models import AutomatedSignal, Fill
from signals.signal.joining import minute_of_fill, outdoes
from signals.signal.registers import RULES, typed
from signals.storage.bulk import append, update
from signals.storage.queries import Among
from signals.tiers import ASKING, OWN_EVENTS, named
from signals.vocabulary import DataSource

from .comparing import changed, differs
from .flipping import note_frozen
from .lease import Fence
from .planning import Plan

RECOMPUTED = "recomputed"
"""The note of a withdrawal where the same tier puts another value in."""
FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(days=1)
FROZEN = "idle_in_transaction_session_timeout = '20s'"
# What every writer of a signal changes at least one of.
VERSION = ("updated_at", "event_count", "clock_zone", "needs_sync")
FLAGS = frozenset({"needs_sync", "check_at", "health_score", "bars_far", "repainted"})
STAMPS = frozenset({"updated_at", "reconciliation_timestamp"})


@dataclass(slots=True)
class Applied:
    """What a chunk's transaction did. `fills` counts values put in, by tier; `plans` were carried out."""

    fills: Counter[str] = field(default_factory=Counter)
    proposed: int = 0
    withdrawn: int = 0
    conflicts: int = 0
    cancelled: int = 0
    healed: int = 0
    plans: list[Plan] = field(default_factory=list)


@dataclass(slots=True)
class NewFill:
    """A fill on its way into its table, by the names of its columns. A model takes ten times as long to make."""

    signal_id: int
    field: str
    gap: str
    value: Any
    tier: str
    method: str
    data_source: DataSource
    confidence: Decimal
    evidence: Mapping[str, Any]
    evidence_key: str
    as_of: datetime | None
    state: Fill.State
    run_id: int | None
    created_at: datetime
    ended_at: None = None


@dataclass(slots=True)
class Batch:
    """Rows that a chunk's transaction writes."""

    journal: Journal
    rows: list[AutomatedSignal] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    flagged: list[AutomatedSignal] = field(default_factory=list)
    fills: list[NewFill] = field(default_factory=list)
    ended: list[Fill] = field(default_factory=list)
    opened: list[GapRecord] = field(default_factory=list)
    closed: list[GapRecord] = field(default_factory=list)


def apply_plans(plans: Sequence[Plan], run: SyncRun, fence: Fence) -> Applied:
    """Write what the plans want, in one transaction. Raises LeaseLostError, and DatabaseError when nothing was kept."""
    now, done = timezone.now(), Applied()
    batch = Batch(Journal(now, run=run))
    with transaction.atomic():
        await_no_disk()
        fence.confirm()
        unchanged = lock(plans)
        for plan in plans:
            if plan.signal.pk in unchanged:
                write_down(plan, batch, done, now)
                done.plans.append(plan)
        SetAside.objects.filter(Among("signal_id", unchanged)).delete()
        store(batch)
    return done


def await_no_disk() -> None:
    """A chunk that a power cut undoes is whole again after the next cycle: its signals are still in the queue.

    A worker that freezes in the midst of one must not keep its rows locked: the database ends it.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL synchronous_commit = off; SET LOCAL {FROZEN}")


def lock(plans: Sequence[Plan]) -> set[int]:
    """Lock the rows, in the order of their keys; return the keys of those that are as they were loaded."""
    loaded = {plan.signal.pk: [getattr(plan.loaded.stored, name) for name in VERSION] for plan in plans}
    rows = AutomatedSignal.objects.select_for_update().filter(Among("pk", loaded)).order_by("pk")
    return {key for key, *version in rows.values_list("pk", *VERSION) if version == loaded[key]}


def write_down(plan: Plan, batch: Batch, done: Applied, now: datetime) -> None:
    """Collect the rows that one plan needs written, and count them."""
    signal, stored = plan.signal, plan.loaded.stored
    note_healed(plan, batch.journal, done)
    for fill in plan.gone:
        end_fill(plan, fill, batch, done, now)
    for offer in plan.add.values():
        add_fill(plan, offer, Fill.State.ACTIVE, batch, now)
        done.fills[offer.tier] += 1
    done.cancelled += any(offer.field == "cancelled_at" for offer in plan.add.values())
    update_proposed(plan, batch, done, now)
    update_gaps(plan, batch, now)
    signal.needs_sync, signal.check_at = look_again(plan, batch, now)
    signal.health_score, signal.bars_far = score(plan.after), plan.loaded.case.bars_far
    signal.repainted = plan.loaded.repainted
    note_frozen(plan, batch.journal)
    if plan.add or plan.gone:
        filled = [fill.created_at for fill in plan.keep.values()]
        signal.reconciliation_timestamp = now if plan.add else max(filled, default=None)
    columns = changed(stored, signal) + (["flips"] if signal.flips != stored.flips else [])
    if columns or plan.add or plan.gone:
        signal.updated_at = now
        batch.rows.append(signal)
        batch.columns.update(columns)
    elif any(getattr(stored, name) != getattr(signal, name) for name in FLAGS):
        batch.flagged.append(signal)


def look_again(plan: Plan, batch: Batch, now: datetime) -> tuple[bool, datetime | None]:
    """Whether the signal stays in the queue, and when it falls due though nothing happens."""
    stored, run = plan.loaded.stored, batch.journal.run
    if run is not None and not set(run.options.get("tiers") or PROPOSE) >= PROPOSE.keys():
        # Tiers that this run did not ask are still owed what put the signal into the queue.
        return stored.needs_sync, stored.check_at or plan.check_at
    if run is not None and run.as_of > now:
        return False, plan.check_at and min(plan.check_at, now)  # the future may come differently
    return False, plan.check_at


def note_healed(plan: Plan, journal: Journal, done: Applied) -> None:
    """Values that the signal's own events say and its row did not."""
    stored, base = plan.loaded.stored, plan.loaded.case.signal
    row, entries, healed = vars(stored), stored.provenance, {}
    for name, entry in base.provenance.items():
        held = entries.get(name)
        stands = held is not None and (held is entry or held == entry or "fill" in held["evidence"])
        if stands and row[name] is not None:
            continue
        after = getattr(base, name)
        if differs(name, stored, after):
            healed[name] = plain(after)
    if healed:
        done.healed += 1
        journal.note(base, Action.HEALED, tier=OWN_EVENTS.key, method="stored_events", new=healed)


def add_fill(plan: Plan, offer: Proposal, state: Fill.State, batch: Batch, now: datetime) -> None:
    batch.fills.append(
        NewFill(
            signal_id=plan.signal.pk,
            field=offer.field,
            gap=offer.gap,
            value=offer.value,
            tier=offer.tier,
            method=offer.method,
            data_source=offer.data_source,
            confidence=offer.confidence,
            evidence=offer.evidence,
            evidence_key=evidence_key(offer.evidence),
            as_of=offer.as_of,
            state=state,
            run_id=batch.journal.run.pk if batch.journal.run else None,
            created_at=now,
        )
    )
    action = Action.FILLED if state == Fill.State.ACTIVE else Action.PROPOSED
    batch.journal.note_fill(plan.signal, action, offer, old=plain(getattr(plan.loaded.stored, offer.field)))


def end_fill(plan: Plan, fill: Fill, batch: Batch, done: Applied, now: datetime) -> None:
    """A fill that no longer stands: replaced by a better value, or withdrawn because its evidence changed."""
    recomputed, outranked = is_recomputed(plan, fill), is_outranked(plan, fill)
    fill.state, fill.ended_at = (Fill.State.SUPERSEDED if outranked else Fill.State.WITHDRAWN), now
    batch.ended.append(fill)
    new = plain(getattr(plan.signal, fill.field))
    if not outranked:
        done.withdrawn += 1
        note = RECOMPUTED if recomputed else "its evidence no longer says so"
        batch.journal.note_fill(plan.signal, Action.WITHDRAWN, fill, old=fill.value, new=new, note=note)
        return
    conflict = contradicts(plan.signal, fill)
    done.conflicts += conflict
    action = Action.CONFLICT if conflict else Action.SUPERSEDED
    note = rule_for(plan.signal, fill)
    batch.journal.note_fill(plan.signal, action, fill, old=fill.value, new=new, note=note)


def is_recomputed(plan: Plan, fill: Fill) -> bool:
    """Whether the tier that made the fill has another value now."""
    replacement = plan.add.get(fill.field)
    return replacement is not None and replacement.tier == fill.tier


def is_outranked(plan: Plan, fill: Fill) -> bool:
    """Whether something better stands in its field."""
    return not is_recomputed(plan, fill) and outdoes(plan.signal, fill)


def contradicts(signal: AutomatedSignal, fill: Fill) -> bool:
    """Whether the better value contradicts the fill. A measurement as of a later bar is news, no contradiction."""
    return not is_news(signal, fill) and differs(fill.field, signal, typed(fill.field, fill.value))


def is_news(signal: AutomatedSignal, fill: Fill) -> bool:
    """Whether the signal holds a measurement as of a later bar than the fill's."""
    rule = RULES.get(fill.field)
    return rule is not None and rule.live and signal.provenance[fill.field]["at"] != minute_of_fill(fill)


def rule_for(signal: AutomatedSignal, fill: Fill) -> str:
    """Which rule decided between the fill and the value that replaced it, in words."""
    held = signal.provenance[fill.field]
    by = named(held["tier"]) if held["tier"] is not None else "the event that owns the value"
    return f"{by} speaks for a later bar" if is_news(signal, fill) else f"{by} is trusted more than {named(fill.tier)}"


def update_proposed(plan: Plan, batch: Batch, done: Applied, now: datetime) -> None:
    """Fills that wait for approval: those still offered stay, others are withdrawn, new ones come."""
    offered = {(offer.field, offer.tier, evidence_key(offer.evidence)): offer for offer in plan.waiting}
    for fill in plan.loaded.proposed:
        if offered.pop((fill.field, fill.tier, fill.evidence_key), None) is None:
            batch.journal.note_withdrawn(plan.signal, fill, "no longer proposed")
            fill.state, fill.ended_at = Fill.State.WITHDRAWN, now
            batch.ended.append(fill)
    for offer in offered.values():
        add_fill(plan, offer, Fill.State.PROPOSED, batch, now)
        done.proposed += 1


def update_gaps(plan: Plan, batch: Batch, now: datetime) -> None:
    """Open records of actionable gaps that this cycle leaves, close those of gaps that are gone."""
    records = plan.loaded.open_records
    actionable = {name for name, due in plan.after.items() if due}
    fillers = {offer.gap: offer.tier for offer in plan.add.values() if offer.gap}
    for name in sorted(actionable - records.keys()):
        batch.opened.append(GapRecord(signal=plan.signal, gap=name, opened_at=now, run=batch.journal.run))
        batch.journal.note(plan.signal, Action.GAP_OPENED, gap=name)
    for name in sorted(records.keys() - actionable):
        record, told = records[name], told_by(plan.signal, name)
        record.closed_at, record.tier = now, fillers.get(name) or told.get("tier", "")
        record.state = GapRecord.State.FILLED if record.tier else GapRecord.State.CLOSED
        batch.closed.append(record)
        if name not in fillers:
            batch.journal.note(plan.signal, Action.GAP_CLOSED, gap=name, **told)


def told_by(signal: AutomatedSignal, gap: str) -> dict[str, Any]:
    """The tier whose event closed the gap, and the event: a copy (tier 0), or the answer to a request (tier 1)."""
    entries = [entry for name in CATALOGUE[gap].fields if (entry := signal.provenance.get(name))]
    tiers = (OWN_EVENTS.told, ASKING.told)
    entry = next((entry for entry in entries if "event" in entry["evidence"] and entry["tier"] in tiers), None)
    return {"tier": str(entry["tier"]), "evidence": entry["evidence"]} if entry else {}


def store(batch: Batch) -> None:
    """Write the batch. Ended fills go first: a field has one active fill at most."""
    update(Fill, batch.ended, ("state", "ended_at"))
    append(Fill, batch.fills)
    update(AutomatedSignal, batch.rows, batch.columns | FLAGS | STAMPS)
    update(AutomatedSignal, batch.flagged, FLAGS)
    update(GapRecord, batch.closed, ("state", "closed_at", "tier"))
    append(GapRecord, batch.opened)
    batch.journal.write()
    count_records(batch.opened, batch.closed)  # last: other workers of the cycle wait for these rows


def count_records(opened: Iterable[GapRecord], closed: Iterable[GapRecord]) -> None:
    """Keep the totals of open records, in one order so that writers do not wait in a circle."""
    change = Counter(record.gap for record in opened)
    change.subtract(record.gap for record in closed)
    for gap, number in sorted(change.items()):
        if number and not GapTotal.objects.filter(pk=gap).update(open=F("open") + number):
            GapTotal.objects.create(gap=gap, open=number)


def set_aside(signal: AutomatedSignal, error: Exception, run: SyncRun, fence: Fence) -> None:
    """Put a signal off that the cycle failed on: a minute, then twice as long each time, at most a day."""
    now, text = timezone.now(), f"{type(error).__name__}: {error}"
    with transaction.atomic():
        fence.confirm()
        row, new = SetAside.objects.get_or_create(
            signal=signal, defaults={"error": text, "first_at": now, "retry_at": now + FIRST_RETRY}
        )
        if not new:
            row.error, row.attempts = text, row.attempts + 1
            row.retry_at = now + min(LAST_RETRY, FIRST_RETRY * 2 ** min(row.attempts - 1, 20))
            row.save()
        # Out of the queue until then; whatever changes the signal puts it back.
        AutomatedSignal.objects.filter(pk=signal.pk).update(needs_sync=False, check_at=None)
        journal = Journal(now, run=run)
        journal.note(signal, Action.SET_ASIDE, note=text)
        journal.write()
