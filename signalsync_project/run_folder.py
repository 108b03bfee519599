"""A folder for the service's sockets, of this user alone and of a short name.

A service that is killed leaves its folder; the next one that starts removes it.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

PREFIX = "signalsync-"
LOCK = "running"
"""A file that is locked for as long as the service runs, whichever container its process is in."""
YOUNG = 60.0  # seconds: one that is being made has no lock yet


@contextmanager
def run_folder() -> Iterator[Path]:
    """The folder, for as long as the service runs. Raises OSError when none can be made."""
    remove_abandoned(time.time())
    with TemporaryDirectory(prefix=PREFIX) as name, (Path(name) / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(name)


def remove_abandoned(now: float) -> None:
    """Remove folders of ours whose service has died. `now` in seconds since the epoch."""
    for folder in Path(gettempdir()).glob(f"{PREFIX}*"):
        try:
            told = folder.lstat()
            if told.st_uid != os.getuid() or now - told.st_mtime < YOUNG:
                continue
            with (folder / LOCK).open("r+b") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except OSError:  # it runs, is no such folder, or somebody else was quicker
            continue
