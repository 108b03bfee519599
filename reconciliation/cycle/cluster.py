"""django-q2's cluster, but killing a process of it stops nothing, and each that waits for work shows that it lives.

`python -m reconciliation.cycle.cluster SECONDS` (between two beats) is `manage.py qcluster` with another queue
(django-q2 #23). Its readers, the workers and the monitor, hold a lock while they wait. The usual one is a semaphore,
and when its holder is killed, nobody ever gets it again: the cluster looks healthy and runs nothing. A file's lock the
kernel takes from whoever dies.
"""

import fcntl
import logging
import multiprocessing
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty
from tempfile import TemporaryFile
from typing import Any

import django
from django.db import Error, connections

log = logging.getLogger(__name__)
POLL = 0.2
"""Seconds between two tries to get the lock: another reader waits for work, so nothing is lost by it."""


class ReaderLock:
    """A lock between processes, not threads, that ends with its holder. It stands in for multiprocessing's."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - it lives as long as the queue

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if not block or (deadline is not None and time.monotonic() >= deadline):
                    return False
                time.sleep(POLL)
            else:
                return True

    def release(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def install_queue(beat_every: float) -> None:
    """Have the cluster's sentinel make its two queues of this kind. Before the sentinel is forked."""
    from django_q import cluster
    from django_q.queues import Queue

    from .heartbeat import BUSY_FOR, MISSED, beat

    class BeatingQueue(Queue):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
            self._rlock = ReaderLock()

        def get(self, *_: Any) -> Any:
            """The next task, however long it takes to come."""
            while True:
                beat(MISSED * beat_every)
                try:
                    task = super().get(timeout=beat_every)  # type: ignore[no-untyped-call]
                except Empty:
                    continue
                beat(BUSY_FOR)
                return task

    cluster.Queue = BeatingQueue  # type: ignore[attr-defined]


def install_roll_call() -> None:
    """Have the sentinel say that this cluster is there whenever it looks at the schedules."""
    from django_q import cluster

    from . import clusters

    look = cluster.scheduler  # type: ignore[attr-defined]

    def announce_and_look(*args: Any, **kwargs: Any) -> None:
        try:
            clusters.announce()
        except Error:
            log.exception("nobody can be told that this cluster is there")
        look(*args, **kwargs)

    cluster.scheduler = announce_and_look  # type: ignore[attr-defined]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalsync_project.settings")
    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    from . import clusters
    from .heartbeat import begin
    from .schedule import catch_up

    begin()
    clusters.start()
    install_roll_call()
    if sys.platform == "linux":  # where processes are forked, and inherit the lock's file
        install_queue(float(sys.argv[1]))
    catch_up(timezone.now())
    call_command("qcluster")
    for sentinel in multiprocessing.active_children():
        sentinel.join()  # it ends when this process is told to, or is killed; then nobody says that it was stopped
    connections.close_all()
    with suppress(Error):
        clusters.stop()


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main()
