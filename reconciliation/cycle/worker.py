"""What the background worker does every two minutes, and how to tell that it no longer does it."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django_q.tasks import async_task

from reconciliation import habits, health_windows
from reconciliation.models import SyncRun
from signals.models import Source
from signals.receiving import barclock, timeserver
from signals.receiving.clocknotes import Witness, noted
from signals.receiving.draining import drain_spool
from signals.receiving.mail import polling as mail
from signals.receiving.retiming import retime
from signals.receiving.uploads import forget_old

from . import bodies
from .heartbeat import pusher_fault, readers_fault, scheduler_fault, started
from .lease import BusyError, running
from .run import run_sync
from .schedule import last_finished

log = logging.getLogger(__name__)
LATELY = timedelta(days=1)
WEDGED_AFTER_INTERVALS = 2.5
CYCLE_SECONDS = 75.0
"""A scheduled cycle leaves the rest to the next one then; its task may take 100 in all (settings.Q_CLUSTER)."""
# By their names: what stands above the cycle, and mail, which is nothing to it.
FEEDING, NOTIFYING = "reconciliation.feeding.step.task", "dashboard.notifying.step.task"
MAILING = "signals.receiving.mail.polling.task"


def tick() -> str:
    """One scheduled turn, and after it, whatever came of it, a task that tells people what is wrong."""
    try:
        return turn()
    finally:
        try:
            async_task(NOTIFYING, group="notifying")  # type: ignore[no-untyped-call]
        except Exception:
            log.exception("nobody can be told what is wrong")


def turn() -> str:
    """Forget old uploads, look after the clock, take in what was spooled, run a cycle, count, look after the bodies.

    Returns what was done, for django-q2's list.
    """
    now = timezone.now()
    forget_old(now)
    watch_clock(now)
    drained = drain_spool(now)
    try:
        report = run_sync(now=now, trigger=SyncRun.Trigger.SCHEDULE, within=CYCLE_SECONDS)
    except BusyError as error:
        log.info("no cycle this time: %s", error)
        return f"skipped: {error}"
    health_windows.keep(now)
    habits.keep(now)
    bodies.keep(now)
    if Source.objects.exclude(feed="").exists():
        # A task of its own: it waits for the network. After the cycle, whose gaps say what to ask.
        async_task(FEEDING, group="feeds")  # type: ignore[no-untyped-call]
    if mail.is_used():
        async_task(MAILING, group="mail")  # type: ignore[no-untyped-call]
    return (
        f"{drained.count} drained, {report.signals_examined} signals examined, {report.fills} fills,"
        f" gaps {report.gaps_before} -> {report.gaps_after}, {report.errors} set aside, {report.left} left"
    )


def watch_clock(now: datetime) -> None:
    """Have our clock judged; where a log has shown that it is off, give its times to what came after the log, too.

    Whatever fails here, the turn goes on.
    """
    try:
        barclock.look(now)
        timeserver.ask_if_due(now)
        if any(each.witness == Witness.LOG and each.is_off for each in noted(now)):
            for source in Source.objects.all():
                retime(source, now=now, span=(now - LATELY, now))
    except Exception:
        log.exception("the clock could not be judged")


def patience() -> timedelta:
    return timedelta(seconds=WEDGED_AFTER_INTERVALS * settings.SYNC_INTERVAL)


def cluster_fault(now: datetime) -> str | None:
    """Why the cluster that this machine runs must be restarted, or None. The soonest sign first.

    Ask no sooner than a minute after its start, which the scheduler may take. Raises OSError or a database error where
    that cannot be judged.
    """
    for sign in (readers_fault, pusher_fault, scheduler_fault):
        if fault := sign(now):
            return fault
    return wedged(now) if started(now) > patience() else None


def wedged(now: datetime) -> str | None:
    """Why the worker must be restarted though it runs, or None: no scheduled cycle has ended for 2.5 intervals.

    A worker can hang without dying (django-q #23), so only finished work proves that it lives. A failed cycle is
    work, too: restarting would not mend it. Ask no sooner than that long after the worker's start.
    """
    if running(now):
        return None
    last = last_finished()
    if last is None:
        return "no scheduled cycle has ever finished"
    if now - last <= patience():
        return None
    return f"the last scheduled cycle finished at {last:%Y-%m-%d %H:%M:%S}Z, {int((now - last).total_seconds())} s ago"
