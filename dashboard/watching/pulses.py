"""How near the alerts of each source come to the number at which TradingView stops an alert."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from signals.models import Source
from signals.vocabulary import Channel, DeliveryStatus

from .silence import last_webhook

# TradingView stops an alert that fires more often than this.
LIMIT, LIMIT_WINDOW = 15, timedelta(minutes=3)
OBSERVED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pulse:
    """One source's webhooks: in the last 3 minutes, the most in any 3 minutes of the last hour, the last one."""

    source: Source
    last_hour: int
    now: int
    most: int
    last: datetime | None

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.now / LIMIT))

    @property
    def tone(self) -> str:
        return "bad" if self.most >= LIMIT else "warn" if self.most >= LIMIT * 2 // 3 else "good"


def busiest(moments: Iterable[datetime], window: timedelta = LIMIT_WINDOW) -> int:
    """The most moments within any stretch of this length. Pure."""
    stretch: deque[datetime] = deque()
    most = 0
    for moment in sorted(moments):
        stretch.append(moment)
        while stretch[0] <= moment - window:
            stretch.popleft()
        most = max(most, len(stretch))
    return most


def pulses(now: datetime) -> list[Pulse]:
    """The arrivals of every source: two index lookups each. Retries count once: duplicates are left out."""
    found = []
    for source in Source.objects.all():
        arrived = source.deliveries.filter(~Q(status=DeliveryStatus.DUPLICATE), channel=Channel.WEBHOOK)
        recent = list(arrived.filter(received_at__gt=now - OBSERVED).values_list("received_at", flat=True)[:5000])
        in_window = sum(moment > now - LIMIT_WINDOW for moment in recent)
        found.append(Pulse(source, len(recent), in_window, busiest(recent), last_webhook(source, now)))
    return found
