"""Whether alerts arrive before what they tell of can have happened: then this machine's clock is behind."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from statistics import median_low
from uuid import UUID

from signals.clock import MINUTE, TradeId, instant
from signals.models import Delivery, SignalEvent, Source
from signals.signal.registers import BIRTH
from signals.vocabulary import Channel, DeliveryStatus

from .clocknotes import EARLIEST, Witness, note

LOOKED_AT = 100  # of the newest deliveries
LATELY = timedelta(days=1)
LEAST = 3
OF_THIS_ZONE = timedelta(minutes=15)  # zones differ by more: a bar that is further off is another zone's


def look(now: datetime) -> None:
    """Note what the newest alerts by webhook say of our clock, if enough of them say anything."""
    newest = Delivery.objects.filter(
        channel=Channel.WEBHOOK, status=DeliveryStatus.ACCEPTED, received_at__range=(now - LATELY, now + LATELY)
    ).order_by("-received_at")
    received = dict(newest.values_list("pk", "received_at")[:LOOKED_AT])
    ahead = ahead_by(early(received))
    if ahead is not None:
        note(Witness.PAYLOAD, ahead, max(received.values()))


def early(received: dict[UUID, datetime]) -> Iterator[timedelta]:
    """How long before each receipt the bar that its birth tells of had closed."""
    zones = {source.pk: source.zones_seen or source.zones for source in Source.objects.all()}
    births = SignalEvent.objects.filter(delivery__in=list(received), type__in=BIRTH).select_related("signal")
    for event in births:
        at = received[event.delivery_id]
        if stated := event.facts.get("triangle_time"):
            yield at - (datetime.fromisoformat(stated) + MINUTE)
        elif named := TradeId.parse(event.signal.trade_id):
            closes = [instant(named.naive, zone, near=at) + MINUTE for zone in zones[event.source_id]]
            nearest = min(closes, key=lambda close: abs(at - close), default=at)
            if abs(at - nearest) < OF_THIS_ZONE:
                yield at - nearest


def ahead_by(lags: Iterable[timedelta]) -> timedelta | None:
    """Our clock minus the right one, at most, where four in five alerts came before their bars closed; 0 where not.

    None for too few. How far a clock is ahead bars do not tell: alerts may be late. Pure.
    """
    found = list(lags)
    if len(found) < LEAST:
        return None
    behind = [lag for lag in found if lag <= EARLIEST]
    return median_low(behind) if 5 * len(behind) >= 4 * len(found) else timedelta(0)
