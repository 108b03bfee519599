"""Appending to the spool: a record is durable before it counts, and a full disk damages no other."""

import errno
import fcntl
import multiprocessing
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.receiving.spool import Drained, Spool, SpoolError
from signals.receiving.spooled import Spooled

from .build import NOON, disk_full_after, journal, spooled, stop_at, taken


def test_a_record_comes_back_whole(spool: Spool) -> None:
    record = Spooled(
        received_at=NOON,
        token_hash="9f86d081884c7d65",
        remote_addr="2001:db8::1",
        body=b'{"trade_id": "20251210_110000000_BULLISH"}',
        content_type="text/plain; charset=utf-8",
        loopback=True,
    )
    spool.append(record)
    records: list[Spooled] = []
    assert spool.drain(records.append) == Drained(count=1)
    assert records == [record]
    assert records[0].received_at.microsecond == 123456


@settings(max_examples=40, deadline=None)
@given(
    body=st.binary(max_size=300) | st.text().map(lambda text: text.encode()),
    content_type=st.text(st.characters(max_codepoint=255)),  # WSGI headers are latin-1
    token_hash=st.text("0123456789abcdef"),
    loopback=st.booleans(),
)
def test_any_bytes_come_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, content_type: str, token_hash: str, loopback: bool
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"))
    record = Spooled(NOON, token_hash, "127.0.0.1", body, content_type, loopback)
    spool.append(record)
    records: list[Spooled] = []
    spool.drain(records.append)
    assert records == [record]


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b"\n\n" * 100, bytes(range(256)) * 256, "é€😀".encode() * 7281, b"\x00" * 65536],
    ids=["empty", "newline", "newlines", "binary 64 KiB", "unicode 64 KiB", "zeros 64 KiB"],
)
def test_bodies_up_to_the_cap_come_back_unchanged(spool: Spool, body: bytes) -> None:
    spool.append(spooled(body=body))
    assert taken(spool) == [body]


@pytest.mark.parametrize("moment", [NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=-6)))])
def test_a_receipt_time_that_is_not_utc_is_refused(moment: datetime) -> None:
    with pytest.raises(ValueError, match="aware and in UTC"):
        Spooled(moment, "", "", b"", "", False)


def test_the_journal_is_for_the_service_alone(spool: Spool) -> None:
    spool.append(spooled())
    assert spool.directory.stat().st_mode & 0o777 == 0o700
    assert journal(spool).stat().st_mode & 0o777 == 0o600


def test_an_append_returns_only_after_name_and_content_are_on_the_disk(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, str]] = []
    fsync, write = os.fsync, os.write

    def recorded_fsync(fd: int) -> None:
        steps.append(("fsync", Path(os.readlink(f"/proc/self/fd/{fd}")).name))
        fsync(fd)

    def recorded_write(fd: int, data: memoryview) -> int:
        steps.append(("write", Path(os.readlink(f"/proc/self/fd/{fd}")).name))
        return write(fd, data)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "write", recorded_write)
    spool.append(spooled(1))
    parent = spool.directory.parent.name
    content = [("write", "active.journal"), ("fsync", "active.journal")]
    assert steps == [("fsync", "spool"), ("fsync", parent), *content]

    steps.clear()
    spool.append(spooled(2))
    assert steps == content  # the name is durable already


def test_a_write_that_the_system_splits_is_completed(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    spool.append(spooled(1))
    spool.append(spooled(2))
    assert taken(spool) == [b"1", b"2"]


@pytest.mark.parametrize("keep", [1, 2, 40, 150])
@pytest.mark.parametrize("truncates", [True, False], ids=["cut back", "left torn"])
def test_a_disk_that_fills_up_half_way_through_a_record_damages_no_other(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, keep: int, truncates: bool
) -> None:
    def refuse(_fd: int, _size: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    spool.append(spooled(1))
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", disk_full_after(keep))
        if not truncates:
            patched.setattr(os, "ftruncate", refuse)
        with pytest.raises(SpoolError, match="No space left on device; free space on its disk"):
            spool.append(spooled(2))
    spool.append(spooled(3))
    bodies: list[bytes] = []
    torn = int(not truncates and keep > 1)  # one byte is only the newline in front
    assert spool.drain(lambda record: bodies.append(record.body)) == Drained(count=2, torn=torn)
    assert bodies == [b"1", b"3"]


def test_a_record_whose_fsync_failed_is_not_kept(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append(spooled(1))

    def fail(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(SpoolError, match="Input/output error"):
            spool.append(spooled(2))
    assert taken(spool) == [b"1"]


def test_over_its_limit_the_spool_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=1_000)
    spool.append(spooled(1, body=b"x" * 300))
    with pytest.raises(SpoolError, match="limit of 1000 bytes"):
        spool.append(spooled(2, body=b"y" * 300))
    assert 0 < spool.pending_bytes() <= 1_000
    assert taken(spool) == [b"x" * 300]
    spool.append(spooled(2, body=b"y" * 300))  # drained, there is room again
    assert taken(spool) == [b"y" * 300]


def test_sealed_records_count_towards_the_limit(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=1_000)
    spool.append(spooled(body=b"x" * 400))
    spool.drain(stop_at(b"x" * 400))
    with pytest.raises(SpoolError, match="limit"):
        spool.append(spooled(body=b"x" * 400))


def test_a_directory_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SpoolError, match=r"cannot append to the spool .*/file/spool: Not a directory"):
        Spool(tmp_path / "file" / "spool").append(spooled())


def append_as_a_stranger(directory: Path, answer_fd: int) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)  # root may write anywhere
    try:
        Spool(directory).append(spooled())
    except SpoolError as error:
        os.write(answer_fd, str(error).encode())


def test_missing_permission_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    directory.mkdir()
    directory.chmod(0o500)
    reading, writing = os.pipe()
    # Forked, because the stranger could not import what is in root's home.
    child = multiprocessing.get_context("fork").Process(target=append_as_a_stranger, args=(directory, writing))
    child.start()
    child.join()
    os.close(writing)
    with os.fdopen(reading) as answer:
        message = answer.read()
    assert "Permission denied; let the service's user read and write there" in message
    assert str(directory) in message


def test_an_append_does_not_wait_for_ever_behind_a_hung_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path, lock_timeout=0)
    fd = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        with pytest.raises(SpoolError, match="look for a hung disk"):
            spool.append(spooled())
    finally:
        os.close(fd)
    spool.append(spooled())
    assert taken(spool) == [b"0"]
