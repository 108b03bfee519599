"""Waiting for what processes under test do: as long as a slow and busy machine may take, and no longer than needed."""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PATIENCE = 120.0
"""Seconds that a test waits for one thing that must happen. It says nothing of how long that should take."""
POLL = 0.01


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE:.0f} s in vain: {what}")
        time.sleep(POLL)


def readable(fd: int, seconds: float) -> bool:
    """Whether there is something to read within that time, or nobody writes any more; however many files are open."""
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


class Output:
    """The lines that a process and everything under it write to one pipe.

    When all of them are gone, and only then, the pipe ends: that is how "no orphans" is checked here, without
    knowing any process's number.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        self.process = process
        self._fd = process.stdout.fileno()
        self._unread = b""
        self.seen = ""

    def _line(self, deadline: float) -> str | None:
        """The next line; None at the end of the pipe, when no process is left."""
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not readable(self._fd, left):
                pytest.fail(f"still waiting after {PATIENCE:.0f} s; seen so far:\n{self.seen}")
            if not (data := os.read(self._fd, 65536)):
                return None
            self._unread += data
        line, self._unread = self._unread.split(b"\n", 1)
        self.seen += line.decode() + "\n"
        return line.decode()

    def expect(self, pattern: str) -> "re.Match[str]":
        """Waits for a line that comes after those that were waited for before."""
        deadline = time.monotonic() + PATIENCE
        while (line := self._line(deadline)) is not None:
            if match := re.search(pattern, line):
                return match
        pytest.fail(f"{pattern!r} never came; all that did:\n{self.seen}")

    def expect_all(self, *patterns: str) -> None:
        """Waits until each has come, in whatever order, since the start."""
        for pattern in patterns:
            if not re.search(pattern, self.seen):
                self.expect(pattern)

    def pid(self, name: str) -> int:
        return int(self.expect(rf"^{name} (\d+)$")[1])

    def expect_end(self) -> None:
        """Waits until the last process that could write is gone."""
        deadline = time.monotonic() + PATIENCE
        while self._line(deadline) is not None:
            pass


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def freeze(pid: int) -> None:
    """SIGSTOP, and wait until the process does nothing any more."""
    os.kill(pid, signal.SIGSTOP)
    stat = Path(f"/proc/{pid}/stat")
    wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", f"process {pid} stops")
