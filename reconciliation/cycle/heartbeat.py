"""Whether the cluster's processes live, each judged by what it alone does.

The readers of its queues (the workers and the monitor) promise again and again when they will next be heard of: a file
for each in VAR_DIR/workers, named after the process, whose modification time is the promise. The scheduler is judged by
a schedule that it should have taken, the pusher by a task that it should have fetched.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django_q.models import OrmQ, Schedule

from .schedule import TASK, put_off

BEAT_EVERY = 5.0
"""Seconds between two beats of a process that waits for work."""
MISSED = 4  # beats, until it counts as dead
BUSY_FOR = settings.Q_CLUSTER["timeout"] + 30.0
"""Seconds: the sentinel ends a task, and its worker, before."""
READERS = settings.Q_CLUSTER["workers"] + 1
SCHEDULER_LATE = timedelta(seconds=90)  # it looks every 30 s
PUSHER_LATE = timedelta(seconds=60)  # it looks every second
STARTED = "started"


def directory() -> Path:
    return Path(settings.VAR_DIR) / "workers"


def begin() -> None:
    """Forget the processes of an earlier cluster."""
    shutil.rmtree(directory(), ignore_errors=True)
    with suppress(OSError):
        directory().mkdir(parents=True)
        (directory() / STARTED).touch()


def beat(seconds: float) -> None:
    """Promise that this process will be heard of again within so many seconds. A full disk must not stop it."""
    until = time.time() + seconds
    file = directory() / str(os.getpid())
    with suppress(OSError):
        file.touch()
        os.utime(file, (until, until))


def started(now: datetime) -> timedelta:
    """How long ago this machine's cluster started. Raises OSError when it did not say so."""
    return timedelta(seconds=now.timestamp() - (directory() / STARTED).stat().st_mtime)


def promises() -> Iterator[float]:
    """Until when each process that is there promised to be heard of, as a Unix time."""
    for file in directory().iterdir():
        if file.name == STARTED:
            continue
        with suppress(OSError):
            if Path(f"/proc/{file.name}").exists():
                yield file.stat().st_mtime
            else:
                file.unlink()


def readers_fault(now: datetime) -> str | None:
    """Why the workers or the monitor do not work, or None. Raises OSError where no cluster of this machine can tell."""
    living = sum(until >= now.timestamp() for until in promises())
    if living >= READERS:
        return None
    return f"{living} of {READERS} processes (workers and monitor) show that they live"


def scheduler_fault(now: datetime) -> str | None:
    for each in put_off(now):
        return f"{each.name} is due at {each.next_run:%Y-%m-%d %H:%M:%S}Z, later than it comes: the clock was set back"
    due = Schedule.objects.filter(func=TASK).exclude(repeats=0).order_by("next_run").first()
    if due is None or due.next_run is None or now - due.next_run <= SCHEDULER_LATE:
        return None
    return f"the cycle due at {due.next_run:%Y-%m-%d %H:%M:%S}Z was not started: the scheduler does not look"


def pusher_fault(now: datetime) -> str | None:
    """Why tasks are not fetched, or None. Of a queue in Redis nobody can tell how long a task has waited."""
    if settings.REDIS_URL:
        return None
    oldest = OrmQ.objects.order_by("lock").values_list("lock", flat=True).first()
    if oldest is None or now - oldest <= PUSHER_LATE:
        return None
    waited = int((now - oldest).total_seconds())
    return f"a task has been waiting for {waited} s to be fetched: the pusher does not look"
