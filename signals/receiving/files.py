"""Files that several processes share: locked, and made durable."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_native_id

DRAFT_SECONDS = 30.0  # a small file is written in less
LOCK_POLL = 0.002  # seconds; flock(2) has no time-out of its own


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # rotated or drained away since it was listed
        return 0


def write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def rewrite(path: Path, content: bytes) -> None:
    """Write a small file anew, for our user alone: who reads it meanwhile finds the old or the new, whole. Not durable.

    Raises OSError.
    """
    draft = path.with_suffix(f".{get_native_id()}")  # no other thread's of this machine, of whatever process
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
        draft.rename(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def forget_drafts(folder: Path) -> None:
    """Remove what processes that were killed in `rewrite` have left. Never raises."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.suffix[1:].isdigit() and time.time() - path.stat().st_mtime > DRAFT_SECONDS:
                path.unlink(missing_ok=True)


def fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def take_lock(fd: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOCK_POLL)
        else:
            return True


@contextmanager
def locked(path: Path, flags: int, timeout: float) -> Iterator[int | None]:
    """The file, open and exclusively locked; None when someone else kept the lock for `timeout` seconds."""
    fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        yield fd if take_lock(fd, timeout) else None
    finally:
        # Unlocked by name: closing does not do it if a fork has copied the descriptor meanwhile.
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)
