"""What people do to fills and gaps: undo, take that back, approve, refuse, dismiss. Each audited under one operation.

An undone fill stays undone: the same field, tier and evidence do not come back until somebody takes the undo back. The
rows are derived anew at once, and the next cycle looks at them again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from signals.models import AutomatedSignal, Fill, Source
from signals.signal.rebuilding import rederive
from signals.signal.saving import overwrite
from signals.storage.bulk import update

from .audit import Action, Journal, plain
from .cycle.applying import count_records
from .gaps import CATALOGUE, GapView, score
from .models import GapRecord

SIGNALS_AT_ONCE = 200
STANDING = (Fill.State.ACTIVE, Fill.State.PROPOSED)
REPLACED = "a fill that was approved takes its place"


def undo_fill(fill: Fill, *, actor: str, reason: str) -> int:
    return undo(Fill.objects.filter(pk=fill.pk), actor=actor, reason=reason)


def of_run(run_id: int) -> QuerySet[Fill]:
    """What a run filled, whatever has become of it."""
    return Fill.objects.filter(run_id=run_id)


def of_tier(tier: str, since: datetime) -> QuerySet[Fill]:
    """What a tier has filled since a moment (wall clock), whatever has become of it."""
    return Fill.objects.filter(tier=tier, created_at__gte=since)


def standing(fills: QuerySet[Fill]) -> QuerySet[Fill]:
    """Those that stand, or wait for approval."""
    return fills.filter(state__in=STANDING)


def undone(fills: QuerySet[Fill]) -> QuerySet[Fill]:
    return fills.filter(state=Fill.State.UNDONE)


def undo(
    fills: QuerySet[Fill], *, actor: str, reason: str, progress: Callable[[int], object] = lambda fills: None
) -> int:
    """Undo those of the fills that stand, in chunks of signals; returns how many. Proposed ones are refused by it.

    `progress` is told of every chunk how many it undid; what it raises ends the work between two chunks.
    """
    operation, count = uuid4(), 0
    for keys in chunks_of(standing(fills)):
        ended = undo_chunk(fills, keys, operation, actor, reason)
        count += ended
        progress(ended)
    return count


def chunks_of(fills: QuerySet[Fill]) -> Iterator[Sequence[int]]:
    """The keys of the signals that they fill, in chunks of one source each."""
    keys = list(fills.order_by("signal__source", "signal").values_list("signal__source", "signal").distinct())
    for _, group in groupby(keys, key=lambda key: key[0]):
        signals = [signal for _, signal in group]
        for start in range(0, len(signals), SIGNALS_AT_ONCE):
            yield signals[start : start + SIGNALS_AT_ONCE]


def undo_chunk(fills: QuerySet[Fill], keys: Sequence[int], operation: UUID, actor: str, reason: str) -> int:
    now = timezone.now()
    journal = Journal(now, operation=operation, actor=actor)
    with transaction.atomic():
        signals = lock(keys)
        ended = list(standing(fills).filter(signal__in=keys))
        for fill in ended:
            fill.state, fill.ended_at = Fill.State.UNDONE, now
        update(Fill, ended, ["state", "ended_at"])
        fresh = derive_and_write(signals, now)
        for fill in ended:
            left = plain(getattr(fresh[fill.signal_id], fill.field))  # an event may say the same
            journal.note_fill(fresh[fill.signal_id], Action.UNDONE, fill, old=fill.value, new=left, note=reason)
        journal.write()
    return len(ended)


def take_back(fills: QuerySet[Fill], *, actor: str, reason: str) -> int:
    """Take the undo of those of the fills that were undone back: they may come again. Returns how many.

    Nothing is put in at once: the next cycle fills what it finds to be so today.
    """
    operation = uuid4()
    return sum(take_back_chunk(fills, keys, operation, actor, reason) for keys in chunks_of(undone(fills)))


def take_back_chunk(fills: QuerySet[Fill], keys: Sequence[int], operation: UUID, actor: str, reason: str) -> int:
    now = timezone.now()
    journal = Journal(now, operation=operation, actor=actor)
    with transaction.atomic():
        signals = lock(keys)
        barred = list(undone(fills).filter(signal__in=keys))
        for fill in barred:
            held = plain(getattr(signals[fill.signal_id], fill.field))
            journal.note_fill(signals[fill.signal_id], Action.TAKEN_BACK, fill, old=held, new=held, note=reason)
        Fill.objects.filter(pk__in=[fill.pk for fill in barred]).update(state=Fill.State.WITHDRAWN)
        AutomatedSignal.objects.filter(pk__in=keys).update(needs_sync=True, updated_at=now, flips=None)
        journal.write()
    return len(barred)


def approve(fill: Fill, *, actor: str, reason: str = "") -> None:
    """Let a fill that waited for approval stand. Raises ValueError when it no longer waits."""
    now = timezone.now()
    journal = Journal(now, operation=uuid4(), actor=actor)
    with transaction.atomic():
        signals = lock([fill.signal_id])
        if not Fill.objects.filter(pk=fill.pk, state=Fill.State.PROPOSED).exists():
            raise ValueError("This fill no longer waits for approval; reload the page.")
        # A field has one active fill: the approved one takes the place of whatever stands.
        active = Fill.objects.filter(signal=fill.signal_id, field=fill.field, state=Fill.State.ACTIVE)
        replaced = list(active)
        active.update(state=Fill.State.SUPERSEDED, ended_at=now)
        Fill.objects.filter(pk=fill.pk).update(state=Fill.State.ACTIVE)
        signal = derive_and_write(signals, now)[fill.signal_id]
        value = plain(getattr(signal, fill.field))
        for other in replaced:
            journal.note_fill(signal, Action.SUPERSEDED, other, old=other.value, new=value, note=REPLACED)
        old = plain(getattr(signals[fill.signal_id], fill.field))
        journal.note_fill(signal, Action.APPROVED, fill, old=old, new=value, note=reason)
        journal.write()


def lock(keys: Sequence[int]) -> dict[int, AutomatedSignal]:
    rows = AutomatedSignal.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
    return {row.pk: row for row in rows}


def derive_and_write(signals: Mapping[int, AutomatedSignal], now: datetime) -> dict[int, AutomatedSignal]:
    """Write the signals as their events and standing fills have them, queued for the next cycle; return them by key."""
    stamps = Fill.objects.filter(signal__in=signals, state=Fill.State.ACTIVE).order_by("created_at")
    latest = dict(stamps.values_list("signal_id", "created_at"))
    found = {fresh.pk: fresh for _, fresh in rederive(list(signals.values()))}
    for fresh in found.values():
        fresh.needs_sync, fresh.updated_at, fresh.flips = True, now, None
        fresh.reconciliation_timestamp = latest.get(fresh.pk)
    overwrite(list(found.values()))
    return found


def dismiss_gap(signal: AutomatedSignal, gap: str, *, actor: str, reason: str) -> None:
    """Let a gap of a signal no longer count. Raises ValueError for an unknown gap and for want of a reason."""
    if gap not in CATALOGUE:
        raise ValueError(f"There is no gap {gap!r}: there are {', '.join(CATALOGUE)}.")
    if not reason.strip():
        raise ValueError("Say why: whoever wonders about this gap later will read it.")
    now = timezone.now()
    journal = Journal(now, operation=uuid4(), actor=actor)
    with transaction.atomic():
        row = lock([signal.pk])[signal.pk]
        record = GapRecord.objects.filter(signal=signal, gap=gap, state=GapRecord.State.OPEN).first()
        if GapRecord.objects.filter(signal=signal, gap=gap, state=GapRecord.State.DISMISSED).exists():
            return
        if record is not None:
            count_records([], [record])
        record = record or GapRecord(signal=signal, gap=gap, opened_at=now)
        record.state, record.closed_at = GapRecord.State.DISMISSED, now
        record.reason, record.actor = reason, actor
        record.save()
        requeue(row, now)
        journal.note(signal, Action.GAP_DISMISSED, gap=gap, note=reason)
        journal.write()


def reopen_gap(signal: AutomatedSignal, gap: str, *, actor: str, reason: str = "") -> None:
    """Take a dismissal back: the gap counts again, and the next cycle tries to fill it."""
    now = timezone.now()
    journal = Journal(now, operation=uuid4(), actor=actor)
    with transaction.atomic():
        row = lock([signal.pk])[signal.pk]
        dismissed = GapRecord.objects.filter(signal=signal, gap=gap, state=GapRecord.State.DISMISSED)
        if not dismissed.update(state=GapRecord.State.REOPENED, closed_at=now):
            return
        requeue(row, now)
        journal.note(signal, Action.GAP_REOPENED, gap=gap, note=reason)
        journal.write()


def requeue(signal: AutomatedSignal, now: datetime) -> None:
    """Queue a signal for the next cycle, with the health that its gaps leave it now."""
    view = GapView(now, Source.objects.filter(pk=signal.source_id))
    dismissed = GapRecord.objects.filter(signal=signal, state=GapRecord.State.DISMISSED)
    gaps = view.open_gaps(signal, frozenset(dismissed.values_list("signal_id", "gap")))
    rows = AutomatedSignal.objects.filter(pk=signal.pk)
    rows.update(needs_sync=True, updated_at=now, health_score=score(gaps), flips=None)
