"""What the worker does for the outbox every minute."""

from django.utils import timezone

from .delivering import deliver_due
from .keeping import forget


def task() -> str:
    """Send what is due and forget what is old. Returns what was done, for django-q2's list."""
    done = deliver_due(timezone.now())
    forget(timezone.now())
    return str(done)
