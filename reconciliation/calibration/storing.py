"""Calibrating: measure every source, report, and store what was measured where that was asked for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from reconciliation.audit import Action
from reconciliation.models import MeasuredConfidence, SyncAuditLog
from reconciliation.tiers.trust import measured_as
from signals.models import AutomatedSignal, Fill, Source
from signals.storage.bulk import append
from signals.tiers import REPLAY

from .accuracy import Rating, Tally, pooled, rating
from .measuring import Tallies, measure, row_of, stored_of

PLACES = Decimal("0.001")
SUREST = 1 - PLACES  # that it was never wrong so far makes no fill as sure as an event


def calibrate(*, seeds: int = 10, apply: bool = False, actor: str = "") -> list[dict[str, Any]]:
    """Measure every source; one row for each source, tier, field, method and declared confidence.

    `apply` stores what was measured, and new fills use it (confidence.trusted). Raises ValueError for less than one
    seed.
    """
    if seeds < 1:
        raise ValueError(f"{seeds} seeds measure nothing: give 1 or more")
    rows = []
    for source in Source.objects.order_by("name"):
        stored = stored_of(source)
        if stored is None:
            continue
        tallies = measure(stored, source, seeds=seeds)
        rows += [row_of(source, kind, tally) for kind, tally in sorted(tallies.items())]
        if apply:
            store(source, tallies, now=timezone.now(), actor=actor)
    return rows


def standards(tallies: Tallies) -> Iterator[tuple[str, str, Tally]]:
    """Of each tier and field, all fills that claim what is declared. Those that a tier doubts keep their own figure.

    So does replay's, which is measured by itself on each stretch of bars.
    """
    found: dict[tuple[str, str], list[Tally]] = defaultdict(list)
    for kind, tally in tallies.items():
        if not kind.doubted and not kind.is_part and kind.method != REPLAY:
            found[kind.tier, kind.field].append(tally)
    for (tier, field), parts in sorted(found.items()):
        yield tier, field, pooled(parts)


def store(source: Source, tallies: Tallies, *, now: datetime, actor: str = "") -> list[MeasuredConfidence]:
    """Store what enough signals vouch for, and audit each change, in one transaction. Returns what changed."""
    changed, entries, operation = [], [], uuid4()
    with transaction.atomic():
        held = {(row.tier, row.field): row for row in MeasuredConfidence.objects.filter(source=source)}
        for tier, field, tally in standards(tallies):
            if rating(tally, 1.0) == Rating.TOO_FEW:
                continue
            before = held.get((tier, field))
            measured = min(Decimal(tally.share).quantize(PLACES), SUREST)
            if before and before.confidence == measured:
                continue
            entries.append(
                SyncAuditLog(
                    at=now,
                    operation=operation,
                    actor=actor,
                    action=Action.CALIBRATED,
                    tier=tier,
                    field=field,
                    method="calibrate",
                    old=str(before.confidence) if before else None,
                    new=str(measured),
                    confidence=measured,
                    evidence={"source": source.name, "signals": len(tally.signals), "fills": tally.n},
                )
            )
            row = before or MeasuredConfidence(source=source, tier=tier, field=field)
            row.confidence, row.sample, row.measured_at = measured, tally.n, now
            row.save()
            changed.append(row)
        append(SyncAuditLog, entries)
        requeue_filled(source, changed)
    return changed


def requeue_filled(source: Source, changed: Iterable[MeasuredConfidence]) -> None:
    """Have the next cycle renew the fills that claim another confidence."""
    for row in changed:
        fills = Fill.objects.filter(state=Fill.State.ACTIVE, tier=row.tier, field__in=measured_as(row.field))
        AutomatedSignal.objects.filter(source=source, pk__in=fills.values("signal")).update(needs_sync=True)
