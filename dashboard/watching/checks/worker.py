"""Whether cycles come when they should: schedule, scheduler, queue, worker, lease (docs/operations.md, "wedged")."""

import ast
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings
from django.db.models import Q
from django_q.models import Schedule

from dashboard.telling.addresses import address
from dashboard.telling.formats import duration, some
from reconciliation.cycle import clusters as rollcall
from reconciliation.cycle import lease as leases
from reconciliation.cycle.heartbeat import pusher_fault, scheduler_fault
from reconciliation.cycle.schedule import NAME, TASK, last_finished, put_off
from reconciliation.cycle.worker import patience, wedged
from reconciliation.models import SyncLease, SyncRun
from signalsync_project.masking import masked

from .result import Problem, Result, bad, good, judged

RESTART = "Restart `manage.py serve`; its log says why it stopped."
REDIS_PATIENCE = 2.0  # seconds
REMAKE = "Restart `manage.py serve`, which corrects it."


def sync_schedule(now: datetime) -> Result:
    """One row, enabled, as `reconciliation.cycle.schedule.install` makes it: a second one would double every cycle."""
    rows = list(Schedule.objects.filter(Q(name=NAME) | Q(func=TASK)).order_by("pk"))
    if not rows:
        return bad("No schedule runs the sync.", "Restart `manage.py serve`, which makes it.")
    if len(rows) > 1:
        return bad(f"{len(rows)} schedules run the sync.", "Restart `manage.py serve`, which keeps one.")
    return judged(schedule_faults(rows[0]), f"The sync is scheduled every {rows[0].minutes} minutes.")


def schedule_faults(row: Schedule) -> list[str]:
    faults = []
    if row.func != TASK:
        faults.append(f"The schedule {NAME!r} calls {row.func}, not {TASK}. {REMAKE}")
    if row.repeats == 0:
        faults.append(f"The schedule is switched off (repeats is 0). {REMAKE}")
    if row.cluster not in (None, settings.Q_CLUSTER["name"]):
        faults.append(f"The schedule is for another cluster, {row.cluster!r}. {REMAKE}")
    if row.schedule_type != Schedule.MINUTES or row.minutes != settings.SYNC_INTERVAL // 60:
        faults.append("The schedule's interval is not SYNC_INTERVAL. Restart `manage.py serve`, which corrects it.")
    return faults


def scheduler(now: datetime) -> Result:
    """A due schedule that nobody takes: the scheduler is dead, or it stumbles over a row that it cannot read."""
    if not (late := scheduler_fault(now)):
        return good("No schedule is overdue.")
    late = f"{late[0].upper()}{late[1:]}."
    if put_off(now):
        return bad(late, REMAKE)
    if broken := [row for row in Schedule.objects.order_by("pk") if not readable(row.args)]:
        names = ", ".join(repr(row.name or row.pk) for row in broken)
        return bad(f"{late} One unreadable schedule stops all:", f"restart `manage.py serve` to delete {names}.")
    return bad(f"{late} The scheduler is dead.", RESTART)


def readable(arguments: str | None) -> bool:
    """Whether django-q2 can read a schedule's arguments, which it does as a Python literal."""
    try:
        ast.literal_eval(arguments or "()")
    except (SyntaxError, TypeError, ValueError):
        return False
    return True


def queue(now: datetime) -> Result:
    """A task's lock is when it may be fetched; the pusher does so within seconds."""
    if not (fault := pusher_fault(now)):
        return good("No task waits to be fetched.")
    return bad(f"{fault[0].upper()}{fault[1:]}.", RESTART)


def broker(now: datetime) -> Result:
    """Whether the queue of tasks answers, where Redis keeps it."""
    if not settings.REDIS_URL:
        return good("The queue of tasks is in the database.")
    try:
        redis = import_module("redis")
    except ImportError:
        return bad("REDIS_URL is set, and redis is not installed.", "`pip install -r requirements-redis.txt`.")
    try:
        patience = {"socket_connect_timeout": REDIS_PATIENCE, "socket_timeout": REDIS_PATIENCE}
        with redis.from_url(settings.REDIS_URL, **patience) as connection:
            connection.ping()
    except (redis.RedisError, ValueError) as error:
        advice = "Start it, or correct REDIS_URL: the workers are given nothing to do. Alerts are stored all the same."
        return bad(f"Redis does not answer: {masked(str(error))}.", advice)
    return good("Redis answers.")


def clusters(now: datetime) -> Result:
    """Each cluster that was not stopped says every half minute that it is there."""
    gone = [f"{each.name} since {each.seen_at:%Y-%m-%d %H:%M}Z" for each in rollcall.missing()]
    if gone:
        return bad(
            f"Nothing was heard of the workers of {'; '.join(gone)}.",
            "Restart `manage.py serve` there. One that is given up is forgotten after an hour.",
        )
    living = list(rollcall.living())
    number = sum(each.workers for each in living)
    return good(f"{some(number, 'worker')} on {some(len(living), 'machine')}.")


def cycles(now: datetime) -> Result:
    """Only finished work proves that the worker lives."""
    return of_cycles(wedged(now), now)


def of_cycles(fault: str | None, now: datetime) -> Result:
    return judged([*stopped(fault, now)] or [*unfinished()], "Cycles finish when they should.")


def idle(now: datetime) -> Iterator[Problem]:
    return stopped(wedged(now), now)


def stopped(fault: str | None, now: datetime) -> Iterator[Problem]:
    if not fault:
        return
    yield Problem(
        f"The worker does no cycles: {idle_since(now)[0]}.",
        f"Unless it was just started (wait {patience() / timedelta(minutes=1):g} minutes): {RESTART}",
        link=address("runs"),
        label="Runs",
        detail=f"{fault[0].upper()}{fault[1:]}.",
    )


def idle_since(now: datetime) -> tuple[str, bool]:
    """Since when no scheduled cycle has ended, in words; and whether any ever has."""
    last = last_finished()
    if last is None:
        return "none has run yet", False
    return f"the last one finished {duration((now - last).total_seconds())} ago", True


def unfinished() -> Iterator[Problem]:
    """The last run, when it failed or was cut off."""
    last = SyncRun.objects.exclude(state=SyncRun.State.RUNNING).order_by("-pk").first()
    if last is not None and last.state != SyncRun.State.FINISHED:
        yield Problem(
            f"The last cycle did not finish: {last.error.strip() or last.get_state_display()}",
            "`manage.py runsync` shows whether it still fails.",
            link=address("run", last.pk),
            label=f"Run {last.pk}",
            detail=f"It was run {last.pk}.",
        )


def lease(now: datetime) -> Result:
    """A holder extends its lease chunk by chunk; what lasts longer than a term is no cycle's any more."""
    row = SyncLease.objects.filter(pk=leases.NAME).exclude(holder="").first()
    if row is None or row.expires_at > now + leases.TERM + leases.SLACK:
        return good("No cycle holds the lease.")
    if now - row.expires_at > patience():
        return bad(f"{row.holder} died holding the lease, and no cycle has taken it over since.", RESTART)
    return good(f"{row.holder} holds the lease until {row.expires_at:%H:%M:%S}Z.")
