"""The schedule, declared in one place: django-q2 runs a cycle every SYNC_INTERVAL seconds."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django_q.models import Schedule

NAME = "sync cycle"
TASK = "reconciliation.cycle.worker.tick"


def install() -> None:
    """Make the schedule what it should be. Repeating it changes nothing, not even when the next cycle is due."""
    minutes, rest = divmod(settings.SYNC_INTERVAL, 60)
    if rest or minutes < 1:
        raise ImproperlyConfigured(f"SYNC_INTERVAL is {settings.SYNC_INTERVAL}: give a multiple of 60 seconds.")
    # Names are not unique to django-q2; a second schedule would double every cycle.
    spare = Schedule.objects.filter(name=NAME).order_by("pk").values_list("pk", flat=True)[1:]
    Schedule.objects.filter(pk__in=list(spare)).delete()
    Schedule.objects.update_or_create(
        name=NAME,
        defaults={"func": TASK, "schedule_type": Schedule.MINUTES, "minutes": minutes, "repeats": -1},
    )
