"""What people do to fills and gaps: undo, approve, refuse, dismiss. Each audited under one operation id.

An undone fill stays undone: the same field, tier and evidence do not come back. The rows are derived anew at once, and
the next cycle looks at them again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from signals.models import AutomatedSignal, Fill
from signals.projector import overwrite
from signals.rebuild import rederive

from .apply import count_records
from .audit import Action, Journal
from .gaps import CATALOGUE
from .models import GapRecord

CHUNK = 200
STANDING = (Fill.State.ACTIVE, Fill.State.PROPOSED)


def undo_fill(fill: Fill, *, actor: str, reason: str) -> int:
    return undo(Fill.objects.filter(pk=fill.pk), actor=actor, reason=reason)


def undo_run(run_id: int, *, actor: str, reason: str) -> int:
    return undo(of_run(run_id), actor=actor, reason=reason)


def undo_tier(tier: str, since: datetime, *, actor: str, reason: str) -> int:
    """Undo everything that a tier has filled since a moment (wall clock)."""
    return undo(of_tier(tier, since), actor=actor, reason=reason)


def of_run(run_id: int) -> QuerySet[Fill]:
    """What a run filled and still stands, or waits for approval."""
    return Fill.objects.filter(run_id=run_id, state__in=STANDING)


def of_tier(tier: str, since: datetime) -> QuerySet[Fill]:
    """What a tier has filled since a moment (wall clock) and still stands, or waits for approval."""
    return Fill.objects.filter(tier=tier, created_at__gte=since, state__in=STANDING)


def undo(
    fills: QuerySet[Fill], *, actor: str, reason: str, progress: Callable[[int], object] = lambda fills: None
) -> int:
    """Undo those of the fills that stand, in chunks of signals; returns how many. Proposed ones are refused by it.

    `progress` is told of every chunk how many it undid; what it raises ends the work between two chunks.
    """
    found = fills.filter(state__in=STANDING).order_by("signal__source", "signal")
    keys = list(found.values_list("signal__source", "signal").distinct())
    operation, count = uuid4(), 0
    for _, group in groupby(keys, key=lambda key: key[0]):
        signals = [signal for _, signal in group]
        for start in range(0, len(signals), CHUNK):
            undone = undo_chunk(fills, signals[start : start + CHUNK], operation, actor, reason)
            count += undone
            progress(undone)
    return count


def undo_chunk(fills: QuerySet[Fill], keys: Sequence[int], operation: UUID, actor: str, reason: str) -> int:
    now = timezone.now()
    journal = Journal(now, operation=operation, actor=actor)
    with transaction.atomic():
        signals = lock(keys)
        ended = list(fills.filter(signal__in=keys, state__in=STANDING))
        for fill in ended:
            journal.note_fill(signals[fill.signal_id], Action.UNDONE, fill, old=fill.value, new=None, note=reason)
            fill.state, fill.ended_at = Fill.State.UNDONE, now
        Fill.objects.bulk_update(ended, ["state", "ended_at"], batch_size=500)
        overwrite(derived(signals.values(), now))
        journal.write()
    return len(ended)


def approve(fill: Fill, *, actor: str, reason: str = "") -> None:
    """Let a fill that waited for approval stand. Raises ValueError when it no longer waits."""
    now = timezone.now()
    journal = Journal(now, operation=uuid4(), actor=actor)
    with transaction.atomic():
        signals = lock([fill.signal_id])
        if not Fill.objects.filter(pk=fill.pk, state=Fill.State.PROPOSED).exists():
            raise ValueError("This fill no longer waits for approval; reload the page.")
        # A field has one active fill: the approved one takes the place of whatever stands.
        standing = Fill.objects.filter(signal=fill.signal_id, field=fill.field, state=Fill.State.ACTIVE)
        standing.update(state=Fill.State.SUPERSEDED, ended_at=now)
        Fill.objects.filter(pk=fill.pk).update(state=Fill.State.ACTIVE)
        journal.note_fill(signals[fill.signal_id], Action.APPROVED, fill, note=reason)
        overwrite(derived(signals.values(), now))
        journal.write()


def lock(keys: Sequence[int]) -> dict[int, AutomatedSignal]:
    rows = AutomatedSignal.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
    return {row.pk: row for row in rows}


def derived(signals: Iterable[AutomatedSignal], now: datetime) -> list[AutomatedSignal]:
    """The signals as their events and standing fills have them, queued for the next cycle."""
    return list(requeued(signals, now))


def requeued(signals: Iterable[AutomatedSignal], now: datetime) -> Iterator[AutomatedSignal]:
    rows = list(signals)
    stamps = Fill.objects.filter(signal__in=rows, state=Fill.State.ACTIVE).order_by("created_at")
    latest = dict(stamps.values_list("signal_id", "created_at"))
    for _, fresh in rederive(rows):
        fresh.needs_sync, fresh.updated_at = True, now
        fresh.reconciliation_timestamp = latest.get(fresh.pk)
        yield fresh


def dismiss_gap(signal: AutomatedSignal, gap: str, *, actor: str, reason: str) -> None:
    """Let a gap of a signal no longer count. Raises ValueError for an unknown gap and for want of a reason."""
    if gap not in CATALOGUE:
        raise ValueError(f"There is no gap {gap!r}: there are {', '.join(CATALOGUE)}.")
    if not reason.strip():
        raise ValueError("Say why: whoever wonders about this gap later will read it.")
    now = timezone.now()
    journal = Journal(now, operation=uuid4(), actor=actor)
    with transaction.atomic():
        lock([signal.pk])
        record = GapRecord.objects.filter(signal=signal, gap=gap, state=GapRecord.State.OPEN).first()
        if GapRecord.objects.filter(signal=signal, gap=gap, state=GapRecord.State.DISMISSED).exists():
            return
        if record is not None:
            count_records([], [record])
        record = record or GapRecord(signal=signal, gap=gap, opened_at=now)
        record.state, record.closed_at = GapRecord.State.DISMISSED, now
        record.reason, record.actor = reason, actor
        record.save()
        requeue(signal, now)
        journal.note(signal, Action.GAP_DISMISSED, gap=gap, note=reason)
        journal.write()


def reopen_gap(signal: AutomatedSignal, gap: str, *, actor: str, reason: str = "") -> None:
    """Take a dismissal back: the gap counts again as soon as the next cycle has looked."""
    now = timezone.now()
    journal = Journal(now, operation=uuid4(), actor=actor)
    with transaction.atomic():
        lock([signal.pk])
        dismissed = GapRecord.objects.filter(signal=signal, gap=gap, state=GapRecord.State.DISMISSED)
        if not dismissed.update(state=GapRecord.State.REOPENED, closed_at=now):
            return
        requeue(signal, now)
        journal.note(signal, Action.GAP_REOPENED, gap=gap, note=reason)
        journal.write()


def requeue(signal: AutomatedSignal, now: datetime) -> None:
    AutomatedSignal.objects.filter(pk=signal.pk).update(needs_sync=True, updated_at=now)
