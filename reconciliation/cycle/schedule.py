"""The schedule, declared in one place: django-q2 runs a cycle every SYNC_INTERVAL seconds."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django_q.models import Schedule
from django_q.tasks import async_task

from reconciliation.models import SyncRun

log = logging.getLogger(__name__)
NAME = "sync cycle"
TASK = "reconciliation.cycle.worker.tick"


def install() -> None:
    """Make the schedule what it should be. Repeating it changes nothing, not even when the next cycle is due."""
    minutes, rest = divmod(settings.SYNC_INTERVAL, 60)
    if rest or minutes < 1:
        raise ImproperlyConfigured(f"SYNC_INTERVAL is {settings.SYNC_INTERVAL}: give a multiple of 60 seconds.")
    # Schedules come from here alone. Another one runs whatever function it names, an unreadable one stops them all, and
    # a second one of this name (names are not unique to django-q2) would double every cycle.
    ours = Schedule.objects.filter(name=NAME).order_by("pk").values_list("pk", flat=True)[:1]
    for other in Schedule.objects.exclude(pk__in=list(ours)):
        log.warning(
            "deleting the schedule %r of the function %r: only the sync's is known here", other.name, other.func
        )
        other.delete()
    Schedule.objects.update_or_create(
        name=NAME,
        defaults={
            "func": TASK,
            "args": None,
            "kwargs": None,
            "hook": None,
            "cluster": None,
            "schedule_type": Schedule.MINUTES,
            "minutes": minutes,
            "repeats": -1,
        },
    )


def last_finished() -> datetime | None:
    """When the last scheduled cycle ended, however it ended."""
    ended = SyncRun.objects.filter(trigger=SyncRun.Trigger.SCHEDULE, finished_at__isnull=False)
    return ended.order_by("-pk").values_list("finished_at", flat=True).first()


def catch_up(now: datetime) -> None:
    """Ask for a cycle at once where one is overdue: what the schedule had handed to a dead cluster is lost with it."""
    last = last_finished()
    if last is None or now - last > timedelta(seconds=settings.SYNC_INTERVAL):
        async_task(TASK)  # type: ignore[no-untyped-call]
