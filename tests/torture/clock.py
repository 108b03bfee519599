"""The wall clock of everything under torture, which can be set; the harness's own is never touched.

A small library (clock.c) is compiled and preloaded. Files' times stay the kernel's, which is what they are on a machine
whose clock was set after they were written.
"""

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """How far the tortured clock is off, in seconds, and when it was so."""

    def __init__(self, folder: Path) -> None:
        self.library, self.file = folder / "clock.so", folder / "clock"
        self.file.write_bytes(struct.pack("@l", 0))
        self.lock = Lock()
        # Between which two moments it was set, to which offset: this thread may be held up in the midst of it.
        self.history: list[tuple[float, float, int]] = [(0.0, 0.0, 0)]
        compiler = shutil.which("cc") if sys.platform == "linux" else None
        self.works = compiler is not None
        if compiler:
            # Readable for PostgreSQL, which runs as somebody else.
            command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(self.library), str(SOURCE), "-ldl"]
            subprocess.run(command, check=True)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "TORTURE_CLOCK": str(self.file)} if self.works else {}

    @property
    def offset(self) -> int:
        return self.history[-1][2]

    def set(self, seconds: int) -> None:
        with self.lock:
            before = time.time()
            fd = os.open(self.file, os.O_WRONLY)
            os.pwrite(fd, struct.pack("@l", seconds), 0)
            os.close(fd)
            self.history.append((before, time.time(), seconds))

    def minutes(self, start: float, end: float) -> Iterator[int]:
        """The minutes since 1970 that an alert can be of which came and was read between two moments of ours.

        It tells when it came by the clock as it is set when it is read, which may be another than when it came.
        """
        with self.lock:
            history = list(self.history)
        ends = [after for _, after, _ in history[1:]] + [float("inf")]
        for (since, _, seconds), until in zip(history, ends, strict=True):
            if since - 1 <= end and until + 1 >= start:
                yield from range(int(start + seconds) // 60, int(end + seconds) // 60 + 1)
