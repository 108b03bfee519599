"""The spool: a local append-only journal that keeps webhook bodies while the database cannot.

A record is durable once `Spool.append` has returned; `Spool.drain` hands the records over in the order
of their appends, each at least once. The reasons, the file formats and the operator's side are in
docs/spool.md. The directory must be on a local disk: the locks are flock(2), which NFS only imitates.
"""

import errno
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from signals.storage.queries import batches

from .files import fsync_directory, locked, size_of, write_all
from .spooled import Line, Spooled, decode, encode, frame, lines, unframe

logger = logging.getLogger(__name__)

DEFAULT_MAX_BYTES = 1 << 30
DEFAULT_LOCK_TIMEOUT = 1.0  # seconds; the webhook must have decided within 2
BLOCK = 4096  # bytes
MANY = 10  # records from which on they are handed over together
AT_ONCE = 500
MAX_ERROR_TEXT = 2_000  # characters kept of a rejected record's error

ADVICE = {
    errno.ENOSPC: "free space on its disk",
    errno.EDQUOT: "raise the disk quota of the service's user",
    errno.EACCES: "let the service's user read and write there",
    errno.EROFS: "remount its file system writable",
}


class SpoolError(Exception):
    """The file system refused. After `append`: nothing was kept, so the sender must not hear 200."""


class DrainStop(Exception):  # noqa: N818 - it is an instruction, like StopIteration
    """Raised by a handler that cannot take any record now: this one and all later ones stay."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain did. `stopped` is DrainStop's reason; `busy`: another process is draining."""

    count: int = 0
    torn: int = 0
    failed: int = 0
    stopped: str | None = None
    busy: bool = False


class Spool:
    """The journal in one directory, shared by any number of processes and threads.

    Appenders hold the lock of the directory itself, the drainer that of the file `progress`, so an
    append waits for a drain only while the journal is being renamed. `max_bytes` bounds what waits;
    `lock_timeout` is in seconds: a hung disk must end in an error, not in a web worker hung as well.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        lock_timeout: float = DEFAULT_LOCK_TIMEOUT,
    ) -> None:
        self.directory = directory
        self.max_bytes = max_bytes
        self.lock_timeout = lock_timeout
        self._active = directory / "active.journal"
        self._progress = directory / "progress"
        self._rejected = directory / "rejected"

    # -- appending

    def append(self, record: Spooled) -> None:
        """Durable on return. Raises SpoolError when it could not be made so; then nothing was kept."""
        self.append_all([record])

    def append_all(self, records: Iterable[Spooled]) -> None:
        """All of them or none, at the price of one: it is the disk's confirmation that takes time."""
        self._append(b"".join(frame(encode(record)) for record in records))

    def _append(self, frames: bytes) -> None:
        with self._file_errors("append to"):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked_directory() as directory_fd:
                self._write(frames, directory_fd)

    def _write(self, frames: bytes, directory_fd: int) -> None:
        fd = os.open(self._active, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            start = os.fstat(fd).st_size
            self._refuse_over_limit(start + len(frames))
            if start == 0:
                # Before the first byte, so that a file with records in it has a durable name, even if
                # its creator died here.
                os.fsync(directory_fd)
                fsync_directory(self.directory.parent)
            try:
                write_all(fd, frames)
                os.fsync(fd)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(fd, start)
                raise
        finally:
            os.close(fd)

    def _refuse_over_limit(self, active_bytes: int) -> None:
        if active_bytes + sum(map(size_of, self._sealed())) + self.rejected_bytes() > self.max_bytes:
            raise SpoolError(
                f"the spool {self.directory} has reached its limit of {self.max_bytes} bytes:"
                " bring the database back so that it drains, look through `rejected`, or raise the limit"
            )

    def rejected_bytes(self) -> int:
        """What `rejected` takes of the disk, where no file takes less than a block."""
        with suppress(FileNotFoundError):
            return sum(max(BLOCK, entry.stat().st_size) for entry in os.scandir(self._rejected))
        return 0

    # -- draining

    def drain(
        self, handle: Callable[[Spooled], None], handle_many: Callable[[Sequence[Spooled]], None] | None = None
    ) -> Drained:
        """Hands over what was appended before this call, oldest first, and removes what was taken.

        A crash may make the next drain hand over the record in flight once more (after a power cut:
        several), so `handle` must be idempotent. DrainStop from `handle` ends the drain and keeps the
        rest; any other exception moves that record to `rejected/` and goes on. Raises SpoolError when
        the files cannot be read or the rejected record not be written; the rest stays then, too.

        `handle_many` is offered up to 500 records at once where MANY wait; it takes all or, raising anything but
        DrainStop, none: then they are handed over one by one.
        """
        with self._file_errors("drain"):
            if not self.directory.is_dir():
                return Drained()
            with locked(self._progress, os.O_RDWR | os.O_CREAT, timeout=0) as fd:
                return Drained(busy=True) if fd is None else self._drain(handle, handle_many, fd)

    def _drain(
        self,
        handle: Callable[[Spooled], None],
        handle_many: Callable[[Sequence[Spooled]], None] | None,
        progress_fd: int,
    ) -> Drained:
        outcomes: Counter[str] = Counter()
        stopped = None
        try:
            for segment in self._segments():
                for run in batches(lines(segment, self._drained_bytes(segment)), AT_ONCE):
                    if handle_many and len(run) >= MANY and self._hand_over_all(run, handle_many):
                        outcomes["count"] += len(run)
                        self._note_progress(progress_fd, segment, run[-1].end)
                        continue
                    for line in run:
                        outcomes[self._hand_over(segment, line, handle)] += 1
                        self._note_progress(progress_fd, segment, line.end)
                segment.unlink()
        except DrainStop as stop:
            stopped = str(stop) or "the handler asked to stop"
        return Drained(outcomes["count"], outcomes["torn"], outcomes["failed"], stopped)

    def _hand_over_all(self, run: Sequence[Line], handle_many: Callable[[Sequence[Spooled]], None]) -> bool:
        """Whether all were taken. One that is torn, or fails, is found by handing them over one by one."""
        payloads = [payload for line in run if (payload := unframe(line.raw)) is not None]
        if len(payloads) < len(run):
            return False
        try:
            handle_many([decode(payload) for payload in payloads])
        except DrainStop:
            raise
        except Exception as error:  # noqa: BLE001 - whose fault it is, the next attempt finds out and tells
            logger.warning("spool: %d records together failed, going one by one: %s", len(run), error)
            return False
        return True

    def _segments(self) -> Iterator[Path]:
        """Sealed segments left by earlier drains, then, once those are gone, what was appended since."""
        yield from self._sealed()
        newest = self._seal()
        if newest is not None:
            yield newest

    def _seal(self) -> Path | None:
        """Renames the active journal, so that appends go on in a new one. No append is under way then."""
        with self._locked_directory() as directory_fd:
            if size_of(self._active) == 0:
                return None
            # Names sort in order of sealing even if the clock was set back, and never come again:
            # the progress noted for one segment must not be taken for another's.
            stamp = max([time.time_ns(), *(int(path.stem) + 1 for path in self._sealed())])
            segment = self.directory / f"{stamp:020d}.draining"
            self._active.rename(segment)
            os.fsync(directory_fd)
            return segment

    def _hand_over(self, segment: Path, line: Line, handle: Callable[[Spooled], None]) -> str:
        name = f"{segment.stem}-{line.start:012d}"  # the same after a crash, so nothing is kept twice
        payload = unframe(line.raw)
        if payload is None:
            # Mostly an append that died and was never acknowledged; but it may be a damaged disk.
            logger.warning("spool: torn record of %d bytes kept as rejected/%s.torn", len(line.raw), name)
            self._keep(f"{name}.torn", line.raw)
            return "torn"
        try:
            handle(decode(payload))
        except DrainStop:
            raise
        except Exception as error:
            logger.exception("spool: record kept as rejected/%s.json", name)
            text = f"{type(error).__name__}: {error}"[:MAX_ERROR_TEXT]
            self._keep(f"{name}.json", json.dumps({"error": text, "payload": payload.decode()}).encode())
            return "failed"
        return "count"

    def _keep(self, name: str, content: bytes) -> None:
        """Writes a file of `rejected/` durably: the segment that holds the record is removed next."""
        self._rejected.mkdir(mode=0o700, exist_ok=True)
        draft = self._rejected / f"{name}.tmp"
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, content)
            os.fsync(fd)
        finally:
            os.close(fd)
        draft.rename(self._rejected / name)
        fsync_directory(self._rejected)
        fsync_directory(self.directory)

    def _note_progress(self, fd: int, segment: Path, offset: int) -> None:
        # Not fsynced, and allowed to fail (a full disk must not keep the spool from emptying): a note
        # that is lost means handing over again, never losing. It outlives the process all the same.
        with suppress(OSError):
            os.pwrite(fd, frame(b"%s %020d" % (segment.name.encode(), offset)), 0)

    def _drained_bytes(self, segment: Path) -> int:
        """How far this segment has been handed over; 0 when unknown."""
        try:
            note = unframe(self._progress.read_bytes())
        except FileNotFoundError:
            note = None
        name, _, offset = (note or b"").decode().partition(" ")
        return int(offset) if name == segment.name else 0

    # -- looking, and mending

    def pending_bytes(self) -> int:
        """Bytes of journal not handed over yet; 0 when there is nothing to drain."""
        # The active journal first: one sealed in between is then counted twice, never missed.
        with self._file_errors("read"):
            active = size_of(self._active)
            return active + sum(max(0, size_of(path) - self._drained_bytes(path)) for path in self._sealed())

    def oldest(self) -> datetime | None:
        """When the longest-waiting record was received (UTC); None when no whole record waits."""
        with self._file_errors("read"):
            heads = [self._first_receipt(self._active)]
            heads += [self._first_receipt(path) for path in self._sealed()]
        return min((head for head in heads if head is not None), default=None)

    def _first_receipt(self, path: Path) -> datetime | None:
        with suppress(FileNotFoundError):
            for line in lines(path, self._drained_bytes(path)):
                payload = unframe(line.raw)
                with suppress(ValueError, KeyError, TypeError):
                    if payload is not None:
                        return decode(payload).received_at
        return None

    def rejected(self) -> list[Path]:
        """What waits for an operator: refused records (`.json`) and torn ones (`.torn`), oldest first."""
        return sorted(path for path in self._rejected.glob("*") if path.suffix in {".json", ".torn"})

    def requeue_rejected(self) -> int:
        """Appends the refused records again, for the next drain; returns how many. Torn ones stay."""
        refused = [path for path in self.rejected() if path.suffix == ".json"]
        with self._file_errors("requeue the rejected records of"):
            for path in refused:
                self._append(frame(json.loads(path.read_bytes())["payload"].encode()))
                path.unlink()
        return len(refused)

    @contextmanager
    def still(self, timeout: float) -> Iterator[list[Path]]:
        """The files that hold records, while nothing is drained. Appends go on: the last record may be torn, as it is
        before its sender hears of it. Raises SpoolError when a drain does not end in time."""
        with self._file_errors("look into"):
            if not self.directory.is_dir():
                yield []
                return
            with locked(self._progress, os.O_RDWR | os.O_CREAT, timeout) as fd:
                if fd is None:
                    raise SpoolError(f"the spool {self.directory} has been drained for {timeout:g} s: try again later")
                yield [path for path in (*self._sealed(), self._active, *self.rejected()) if size_of(path)]

    # -- the file system

    def _sealed(self) -> list[Path]:
        return sorted(self.directory.glob("[0-9]" * 20 + ".draining"))

    @contextmanager
    def _locked_directory(self) -> Iterator[int]:
        with locked(self.directory, os.O_RDONLY | os.O_DIRECTORY, self.lock_timeout) as fd:
            if fd is None:
                raise SpoolError(
                    f"the spool {self.directory} has been locked for {self.lock_timeout} s:"
                    " look for a hung disk or a stopped process"
                )
            yield fd

    @contextmanager
    def _file_errors(self, attempt: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            advice = ADVICE.get(error.errno or 0, "check the path and its disk")
            reason = error.strerror or str(error)
            raise SpoolError(f"cannot {attempt} the spool {self.directory}: {reason}; {advice}") from error


def spool() -> Spool:
    """The journal for bodies that the database cannot take."""
    return Spool(settings.SPOOL_DIR, lock_timeout=0.3)
