"""When a destination may be sent the next message: a token bucket that is stored as the moment when it is full."""

from datetime import datetime, timedelta

from dashboard.models import Pace

from .senders import Sender


def next_pace(full_at: datetime, now: datetime, *, per_minute: int) -> tuple[datetime, bool]:
    """When the bucket is full after one more message, and whether it may be sent now. Pure."""
    each = timedelta(minutes=1) / per_minute
    then = max(full_at, now) + each
    return (then, True) if then <= now + timedelta(minutes=1) else (full_at, False)


def take_turn(destination: str, sender: Sender, now: datetime) -> bool:
    """Whether one message may be sent to the destination now. If so, it counts as sent."""
    while True:
        pace, _ = Pace.objects.get_or_create(pk=destination, defaults={"full_at": now})
        then, may = next_pace(pace.full_at, now, per_minute=sender.per_minute)
        if not may:
            return False
        if Pace.objects.filter(pk=destination, full_at=pace.full_at).update(full_at=then):
            return True
