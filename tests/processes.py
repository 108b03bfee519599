"""Reading what processes under test write, with a deadline."""

import os
import re
import select
import subprocess
import time

import pytest

PATIENCE = 30.0
"""Seconds that a test waits, in all, for what must happen."""


class Output:
    """The lines that a process and everything under it write to one pipe.

    When all of them are gone, and only then, the pipe ends: that is how "no orphans" is checked here, without
    knowing any process's number.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", patience: float = PATIENCE) -> None:
        assert process.stdout is not None
        self.process, self.patience = process, patience
        self._fd = process.stdout.fileno()
        self._deadline = time.monotonic() + patience
        self._unread = b""
        self.seen = ""

    def _line(self) -> str | None:
        """The next line; None at the end of the pipe, when no process is left."""
        while b"\n" not in self._unread:
            left = self._deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                pytest.fail(f"still waiting after {self.patience:.0f} s; seen so far:\n{self.seen}")
            if not (data := os.read(self._fd, 65536)):
                return None
            self._unread += data
        line, self._unread = self._unread.split(b"\n", 1)
        self.seen += line.decode() + "\n"
        return line.decode()

    def expect(self, pattern: str) -> "re.Match[str]":
        while (line := self._line()) is not None:
            if match := re.search(pattern, line):
                return match
        pytest.fail(f"{pattern!r} never came; all that did:\n{self.seen}")

    def pid(self, name: str) -> int:
        return int(self.expect(rf"^{name} (\d+)$")[1])

    def expect_end(self) -> None:
        """Waits until the last process that could write is gone."""
        while self._line() is not None:
            pass
