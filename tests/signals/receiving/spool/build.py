"""Records to spool, and what a spool hands over."""

import errno
import multiprocessing
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from signals.receiving.spool import DrainStop, Spool
from signals.receiving.spooled import Spooled

NOON = datetime(2025, 12, 10, 17, 0, 0, 123456, tzinfo=UTC)
SPAWN = multiprocessing.get_context("spawn")  # a forked child would inherit pytest's locks and threads


def spooled(number: int = 0, body: bytes | None = None) -> Spooled:
    return Spooled(
        received_at=NOON + timedelta(seconds=number),
        token_hash="",
        remote_addr="52.89.214.238",
        body=str(number).encode() if body is None else body,
        content_type="application/json",
        loopback=False,
    )


def taken(spool: Spool) -> list[bytes]:
    """The bodies that one drain hands over."""
    bodies: list[bytes] = []
    spool.drain(lambda record: bodies.append(record.body))
    return bodies


def journal(spool: Spool) -> Path:
    return spool.directory / "active.journal"


def stop_at(body: bytes, into: list[bytes] | None = None) -> Callable[[Spooled], None]:
    def handle(record: Spooled) -> None:
        if record.body == body:
            raise DrainStop("the database is down")
        if into is not None:
            into.append(record.body)

    return handle


def disk_full_after(keep: int) -> Callable[[int, memoryview], int]:
    """An os.write that writes `keep` bytes at the first call and fails from the second on."""
    write, calls = os.write, iter([keep])

    def failing(fd: int, data: memoryview) -> int:
        left = next(calls, None)
        if left is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[:left])

    return failing
