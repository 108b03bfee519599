"""The worker's turn every minute: tell what is new, post what is due, look after endpoints, forget what is old."""

from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from dashboard.models import Attempt, StreamMark
from dashboard.outbox import Done, deliver_due
from signals import measuring

from . import stream
from .sending import SENDER, keep_outcomes

READS_FOR = 30.0  # seconds; what is left then is for the next turn
SENDS_FOR = 30.0
FORGOTTEN_AT_ONCE = 1000


def task() -> str:
    """Returns what was done, for django-q2's list. Who is posted to does not matter: others ask for the stream."""
    now = timezone.now()
    try:
        told = tell(now)
    finally:  # what was told before is posted in any case
        done = deliver(timezone.now())
    forget(now)
    return f"{told} rows read; {done}"


def tell(now: datetime) -> int:
    """Read on until all is told, or for READS_FOR seconds. Returns how many rows were read."""
    if StreamMark.objects.count() < stream.MARKS:
        stream.begin(now)
    until, told = monotonic() + READS_FOR, 0
    while (read := stream.read_on(timezone.now())) and monotonic() < until:
        told += read
    return told + read


def deliver(now: datetime) -> Done:
    """Post what is due, and write down what came of it."""
    try:
        return deliver_due(now, deadline=SENDS_FOR, by={stream.KIND: SENDER})
    finally:
        keep_outcomes()
        measuring.settle()


def forget(now: datetime) -> None:
    if settings.OUTBOUND_RETENTION_DAYS:
        before = now - timedelta(days=settings.OUTBOUND_RETENTION_DAYS)
        stream.forget(before)
        drop(Attempt.objects.filter(at__lt=before).order_by("at"))


def drop(rows: "QuerySet[Attempt]") -> None:
    Attempt.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])).delete()
