"""When it is judged and told: after each cycle by the worker, and by the supervisor while the worker does nothing."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone

from dashboard.outbox import deliver_due
from reconciliation.cycle.worker import wedged

from .deadman import ping
from .watch import forget, watch

log = logging.getLogger(__name__)
SOON = 5.0  # seconds: what takes longer the outbox sends in its own time


def task() -> str:
    """After a cycle, good or not: tell the dead-man's switch, judge, and send. None of it stops the others."""
    now = timezone.now()
    attempt(ping, now)
    attempt(watch, now)
    attempt(forget, now)
    return str(attempt(lambda moment: deliver_due(moment, deadline=SOON), now) or "nothing sent")


def attempt(what: Callable[[datetime], Any], now: datetime) -> Any:
    try:
        return what(now)
    except Exception:
        log.exception("telling what is wrong failed")
        return None


def stand_in() -> None:
    """The supervisor's turn: judge and send, if no cycle has ended for too long. Raises a database error."""
    now = timezone.now()
    if wedged(now):
        watch(now)
        deliver_due(now)
