"""Keeps a few processes running: starts, restarts and stops them, and leaves no orphans.

One thread decides everything, in turns of at most TURN seconds; only watchdogs run in threads of their own,
because what they ask (a database) may not answer. docs/operations.md says what restarts what.
"""

import logging
import math
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from signalsync_project.supervised import adopt_orphans

logger = logging.getLogger(__name__)

TURN = 0.2
STEADY = 60.0
"""Seconds after which a child counts as running well: its next restart waits the shortest time again."""
LONGEST_BACKOFF = 30.0
WEDGED_GRACE = 5.0
"""Seconds that a wedged child gets to stop: most ignore the signal, and each second is one without it."""
AGAIN_AFTER = 1.0
"""Seconds within which several stop signals count as one: make and timeout send theirs to us and to our group."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Child:
    """A process to keep running: a Python module and its arguments, in a session of its own.

    `watchdog` returns why the child must be restarted although it runs, or None. It is first asked
    `watchdog_after` seconds after a start, then every `watchdog_every` seconds; when it raises, nothing is
    known and the child is left alone for another `watchdog_after` seconds. All times are in seconds.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    stop_grace_seconds: float = 10.0
    watchdog: Callable[[], str | None] | None = None
    watchdog_every: float = 30.0
    watchdog_after: float = 60.0
    inherited_fds: Sequence[int] = ()


def backoff(failures: int) -> float:
    """Seconds to wait before the restart that follows so many failures in a row: 1, 2, 4 … 30."""
    return min(LONGEST_BACKOFF, 2.0 ** (min(failures, 10) - 1))


def failures_after(failures: int, ran_for: float) -> int:
    """Failures in a row, counting one more death after so many seconds of running."""
    return 1 if ran_for >= STEADY else failures + 1


def how_it_ended(status: int) -> str:
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"


class Inquiry:
    """One question, as to a watchdog, asked in a daemon thread: it may hang, and must not hold up anything."""

    def __init__(self, ask: Callable[[], str | None]) -> None:
        self.reason: str | None = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(ask,), daemon=True)
        self._thread.start()

    @property
    def known(self) -> bool:
        return not self._thread.is_alive()

    def _run(self, ask: Callable[[], str | None]) -> None:
        try:
            self.reason = ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the supervisor goes on and reports it
            self.error = error


@dataclass
class Process:
    """A child's present state. `pid` is None while it waits for its restart at `start_at`."""

    child: Child
    pid: int | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    kill_at: float | None = None
    grace: float = 0.0
    failures: int = 0
    ask_at: float = 0.0
    inquiry: Inquiry | None = None
    watchdog_blind: bool = False

    def start(self, now: float) -> None:
        self.started_at, self.kill_at, self.inquiry = now, None, None
        self.ask_at = now + self.child.watchdog_after
        try:
            self.pid = self._spawn()
        except OSError as error:  # no memory, no process left: as good as a death
            self._put_off(now, f"cannot be started ({error})")
        else:
            logger.info("%s started (pid %d)", self.child.name, self.pid)

    def _spawn(self) -> int:
        """To be called in the main thread: the death signal follows the thread, see supervised."""
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "signalsync_project.supervised", str(os.getpid()), *self.child.argv],
            dict(self.child.env),
            setsid=True,
            setsigmask=[],
            setsigdef=[*STOP_SIGNALS, signal.SIGCHLD],
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, fd) for fd in self.child.inherited_fds],
        )

    def terminate(self, now: float, at_most: float = math.inf) -> None:
        """Ask the main process alone: a signal to django-q's whole group kills its tasks and hangs it."""
        if self.pid is not None and self.kill_at is None:
            self.grace = min(self.child.stop_grace_seconds, at_most)
            self.kill_at = now + self.grace
            os.kill(self.pid, signal.SIGTERM)

    def kill_group(self) -> None:
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def kill_when_overdue(self, now: float) -> None:
        if self.kill_at is not None and now >= self.kill_at:
            logger.warning("%s did not stop within %g s: killing it", self.child.name, self.grace)
            self.kill_group()
            self.kill_at = now + self.grace

    def ended(self, status: int, now: float, stopping: bool) -> None:
        """The main process is gone: its group goes too, and it is due again after the back-off."""
        self.kill_group()
        self.pid, self.kill_at, self.inquiry = None, None, None
        if stopping:
            logger.info("%s %s", self.child.name, how_it_ended(status))
        else:
            self._put_off(now, how_it_ended(status))

    def _put_off(self, now: float, what: str) -> None:
        ran_for = now - self.started_at
        self.failures = failures_after(self.failures, ran_for)
        wait = backoff(self.failures)
        self.start_at = now + wait
        logger.error("%s %s after %.0f s; restarting in %.0f s", self.child.name, what, ran_for, wait)

    def watch(self, now: float) -> None:
        """Ask the watchdog when it is due, and act on its answer."""
        if self.child.watchdog is None or self.kill_at is not None:
            return
        if self.inquiry is None:
            if now >= self.ask_at:
                self.inquiry = Inquiry(self.child.watchdog)
        elif self.inquiry.known:
            inquiry, self.inquiry = self.inquiry, None
            self.ask_at = now + (self.child.watchdog_after if inquiry.error else self.child.watchdog_every)
            self._report_blindness(inquiry.error)
            if inquiry.reason:
                logger.error("%s is wedged: %s; restarting it", self.child.name, inquiry.reason)
                self.terminate(now, WEDGED_GRACE)

    def _report_blindness(self, error: Exception | None) -> None:
        if error and not self.watchdog_blind:
            logger.warning("%s cannot be judged: %s", self.child.name, error)
        elif self.watchdog_blind and not error:
            logger.info("%s can be judged again", self.child.name)
        self.watchdog_blind = error is not None


@dataclass
class Round:
    """Something to do again and again beside the children, in a thread: it may hang, and what it raises is logged once.

    It is first done after `after` seconds, then every `every` seconds after it has ended.
    """

    name: str
    do: Callable[[], None]
    every: float
    after: float
    due_at: float | None = None
    inquiry: Inquiry | None = None
    failing: bool = False

    def turn(self, now: float) -> None:
        if self.due_at is None:
            self.due_at = now + self.after
        if self.inquiry is None:
            if now >= self.due_at:
                self.inquiry = Inquiry(self.do)
        elif self.inquiry.known:
            error, self.inquiry, self.due_at = self.inquiry.error, None, now + self.every
            if error and not self.failing:
                logger.warning("%s cannot be done: %s", self.name, error)
            self.failing = error is not None


@dataclass
class Supervisor:
    """Runs its children until SIGTERM, SIGINT or SIGHUP; a second such signal kills what still runs."""

    children: Sequence[Child]
    rounds: Sequence[Round] = ()
    processes: list[Process] = field(init=False)
    stopping_since: float | None = None

    def __post_init__(self) -> None:
        self.processes = [Process(child) for child in self.children]

    @property
    def stopping(self) -> bool:
        return self.stopping_since is not None

    def run(self) -> None:
        """Returns when every child has stopped. Call it in the main thread, where signals arrive."""
        adopt_orphans()
        with _signals() as waiting:
            try:
                while not self.stopping or any(process.pid for process in self.processes):
                    self._turn(time.monotonic())
                    for number in waiting(TURN):
                        self._on_signal(number)
            finally:
                for process in self.processes:
                    process.kill_group()

    def _turn(self, now: float) -> None:
        self._reap(now)
        for each in () if self.stopping else self.rounds:
            each.turn(now)
        for process in self.processes:
            if process.pid is None:
                if not self.stopping and now >= process.start_at:
                    process.start(now)
            else:
                process.kill_when_overdue(now)
                process.watch(now)

    def _reap(self, now: float) -> None:
        """Collect every dead process: children, and orphans that the kernel gave to this one."""
        running = {process.pid: process for process in self.processes if process.pid is not None}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in running:
                running[pid].ended(status, now, self.stopping)

    def _on_signal(self, number: int) -> None:
        if number not in STOP_SIGNALS:
            return
        now = time.monotonic()
        if self.stopping_since is not None:
            if now - self.stopping_since < AGAIN_AFTER:
                return
            logger.warning("%s again: killing what still runs", signal.Signals(number).name)
            for process in self.processes:
                process.kill_group()
        else:
            logger.info("%s: stopping; once more to kill", signal.Signals(number).name)
            self.stopping_since = now
            for process in self.processes:
                process.terminate(now)


@contextmanager
def _signals() -> Iterator[Callable[[float], bytes]]:
    """A function that waits at most so many seconds and returns the numbers of the signals that came."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)

    def waiting(seconds: float) -> bytes:
        ready, _, _ = select.select([reader], [], [], seconds)
        return reader.recv(4096) if ready else b""

    previous = {number: signal.signal(number, lambda *_: None) for number in (*STOP_SIGNALS, signal.SIGCHLD)}
    previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield waiting
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            signal.signal(number, handler)
        reader.close()
        writer.close()
