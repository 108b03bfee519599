"""One delivery gives way to another that is the same alert, and better told: it becomes a duplicate of it.

Its events go, as do the prices at its minute, and what was derived from them is derived anew. So the rows are those
that there would be, had the better one come first. It is the one place where a stored delivery changes and events go.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from signals.bars.storing import store_bars
from signals.clock import bar_of
from signals.models import AutomatedSignal, Delivery, DeliveryBody, PriceBar, Quarantine, SignalEvent, Source
from signals.parcels import bars_told
from signals.signal.rebuilding import SIGNALS_AT_ONCE, chunks, restore
from signals.signal.zones import Hold, count_again, hold_clock
from signals.storage.queries import batches
from signals.vocabulary import DeliveryStatus

from .quarantine import dismiss_all


class Way(NamedTuple):
    """Which delivery gives way, the minute at which it stood, and to which."""

    delivery: UUID
    minute: datetime
    to: UUID


def give_way(source: Source, ways: Sequence[Way], reason: str, now: datetime) -> bool:
    """Let them, in a transaction that holds the source's clock. Returns whether votes went: see settle_clock."""
    keys = [way.delivery for way in ways]
    with transaction.atomic():
        hold_clock(source, Hold.ALONE, ())
        events = SignalEvent.objects.filter(delivery__in=keys)
        signals = sorted(set(events.values_list("signal_id", flat=True)))
        voted = events.exclude(clock_vote="").exists()
        forget_bars(source, keys)
        lend_bodies(ways)
        for way in ways:
            Delivery.objects.filter(duplicate_of=way.delivery).update(duplicate_of=way.to)
            Delivery.objects.filter(pk=way.delivery).update(
                status=DeliveryStatus.DUPLICATE, duplicate_of=way.to, reason=reason, event_count=0, faults=[]
            )
        # Now that they are duplicates': before, the guards would refuse it.
        DeliveryBody.objects.filter(delivery__in=keys).delete()
        events.delete()
        dismiss_all(Quarantine.objects.filter(delivery__in=keys), reason, by=None, now=now)
        restore_bars(source, [way.minute for way in ways])
        for some in batches(signals, SIGNALS_AT_ONCE):
            chunk = AutomatedSignal.objects.filter(pk__in=some)
            restore(list(chunk), now=now)
            chunk.update(needs_sync=True)
    return voted


def settle_clock(source: Source, now: datetime) -> None:
    """After votes went: the zones that are voted for now, and all signals by them where that can have changed any."""
    if count_again(source) or len(source.zones_seen) > 1:
        for chunk in chunks(source):
            restore(chunk, now=now)


def lend_bodies(ways: Sequence[Way]) -> None:
    """Where the better one's body was let go, that of the one that gives way stays with it: the bytes are the same."""
    rows = Delivery.objects.prefetch_related("body").in_bulk([key for way in ways for key in (way.delivery, way.to)])
    for way in ways:
        own, to = rows[way.delivery], rows[way.to]
        if hasattr(own, "body") and not hasattr(to, "body") and own.checksum == to.checksum:
            DeliveryBody.objects.create(delivery=to, raw=own.raw, repaired_text=own.repaired_text)


def forget_bars(source: Source, keys: Sequence[UUID]) -> None:
    """Take away the prices that these deliveries put at the minutes of their receipts."""
    for delivery in Delivery.objects.filter(pk__in=keys).prefetch_related("body"):
        if delivery.let_go:  # which symbol's, only its body told
            own = PriceBar.objects.filter(time=bar_of(delivery.fire_minute))
            own.filter(evidence__startswith=f"{delivery.checksum}:").delete()
        for bar in bars_told(source, delivery):
            if bar.time == bar_of(delivery.fire_minute):
                PriceBar.objects.filter(symbol=bar.symbol, time=bar.time, evidence=bar.evidence).delete()


def restore_bars(source: Source, minutes: Sequence[datetime]) -> None:
    """Store again what else tells of these minutes: it may have stood behind what was there."""
    others = Delivery.objects.filter(source=source, fire_minute__in=minutes, status=DeliveryStatus.ACCEPTED)
    store_bars(bar for delivery in others.prefetch_related("body") for bar in bars_told(source, delivery))
