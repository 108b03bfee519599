"""The schedules, declared in one place: a cycle every SYNC_INTERVAL seconds, and what is to be sent every minute."""

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
SENDING, SENDING_TASK = "sending", "dashboard.outbox.step.task"  # by its name: it stands above the cycle
SET_BACK = timedelta(seconds=30)  # less than that is no reason to do anything
TELLING, TELLING_TASK = "outbound events", "dashboard.outbound.step.task"


def install() -> None:
    """Make the schedule what it should be. Repeating it changes nothing, not even when the next cycle is due."""
    minutes, rest = divmod(settings.SYNC_INTERVAL, 60)
    if rest or minutes < 1:
        raise ImproperlyConfigured(f"SYNC_INTERVAL is {settings.SYNC_INTERVAL}: give a multiple of 60 seconds.")
    # Schedules come from here alone. Another one runs whatever function it names, an unreadable one stops them all, and
    # a second one of a name (names are not unique to django-q2) would double every cycle.
    wanted = {NAME: (TASK, minutes), SENDING: (SENDING_TASK, 1), TELLING: (TELLING_TASK, 1)}
    named = Schedule.objects.filter(name__in=wanted).order_by("-pk").values_list("name", "pk")
    ours = dict(named)  # of one name the oldest
    for other in Schedule.objects.exclude(pk__in=ours.values()):
        log.warning("deleting the schedule %r of the function %r: it is not known here", other.name, other.func)
        other.delete()
    for name, (function, every) in wanted.items():
        defaults = {"func": function, "minutes": every, "schedule_type": Schedule.MINUTES, "repeats": -1}
        nothing = {"args": None, "kwargs": None, "hook": None, "cluster": None}
        Schedule.objects.update_or_create(name=name, defaults=defaults | nothing)


def last_finished() -> datetime | None:
    """When the last scheduled cycle ended, however it ended."""
    ended = SyncRun.objects.filter(trigger=SyncRun.Trigger.SCHEDULE, finished_at__isnull=False)
    return ended.order_by("-pk").values_list("finished_at", flat=True).first()


def put_off(now: datetime) -> list[Schedule]:
    """Schedules that are due later than they come: the clock was set back after that was said."""
    soon = now + SET_BACK
    return [
        each
        for each in Schedule.objects.exclude(repeats=0).filter(next_run__gt=soon).order_by("pk")
        if each.next_run and each.minutes and each.next_run > soon + timedelta(minutes=each.minutes)
    ]


def catch_up(now: datetime) -> None:
    """Ask for a cycle at once where one is overdue: what the schedule had handed to a dead cluster is lost with it.

    One that ends later than now ended under another clock.
    """
    Schedule.objects.filter(pk__in=[each.pk for each in put_off(now)]).update(next_run=now)
    last = last_finished()
    if last is None or not timedelta(0) <= now - last <= timedelta(seconds=settings.SYNC_INTERVAL):
        async_task(TASK)  # type: ignore[no-untyped-call]
