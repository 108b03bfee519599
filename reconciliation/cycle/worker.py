"""What the background worker does every two minutes, and how to tell that it no longer does it."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from reconciliation.health_windows import keep
from reconciliation.models import SyncRun
from signals.receiving.draining import drain_spool
from signals.receiving.uploads import forget_old

from .lease import BusyError, running
from .run import run_sync

log = logging.getLogger(__name__)
WEDGED_AFTER_INTERVALS = 2.5


def tick() -> str:
    """One scheduled turn: forget old uploads, take in what was spooled, run a cycle, count what no page can wait for.

    Returns what was done, for django-q2's list.
    """
    now = timezone.now()
    forget_old(now)
    drained = drain_spool(now)
    try:
        report = run_sync(now=now, trigger=SyncRun.Trigger.SCHEDULE)
    except BusyError as error:
        log.info("no cycle this time: %s", error)
        return f"skipped: {error}"
    keep(now)
    return (
        f"{drained.count} drained, {report.signals_examined} signals examined, {report.fills} fills,"
        f" gaps {report.gaps_before} -> {report.gaps_after}, {report.errors} set aside"
    )


def wedged(now: datetime) -> str | None:
    """Why the worker must be restarted though it runs, or None: no scheduled cycle has ended for 2.5 intervals.

    A worker can hang without dying (django-q #23), so only finished work proves that it lives. A failed cycle is
    work, too: restarting would not mend it. Ask no sooner than that long after the worker's start.
    """
    if running(now):
        return None
    ended = SyncRun.objects.filter(trigger=SyncRun.Trigger.SCHEDULE, finished_at__isnull=False)
    last = ended.order_by("-pk").values_list("finished_at", flat=True).first()
    if last is None:
        return "no scheduled cycle has ever finished"
    patience = timedelta(seconds=WEDGED_AFTER_INTERVALS * settings.SYNC_INTERVAL)
    if now - last <= patience:
        return None
    return f"the last scheduled cycle finished at {last:%Y-%m-%d %H:%M:%S}Z, {int((now - last).total_seconds())} s ago"
