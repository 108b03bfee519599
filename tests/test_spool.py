"""The spool keeps what the database cannot: durable on return, handed over in order, never lost."""

import errno
import fcntl
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals import spool as spool_module
from signals.spool import Drained, DrainStop, Spool, Spooled, SpoolError

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


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


# -- records


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


# -- appending


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


def disk_full_after(keep: int) -> Callable[[int, memoryview], int]:
    """An os.write that writes `keep` bytes at the first call and fails from the second on."""
    write, calls = os.write, iter([keep])

    def failing(fd: int, data: memoryview) -> int:
        left = next(calls, None)
        if left is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[:left])

    return failing


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


# -- draining


def stop_at(body: bytes, into: list[bytes] | None = None) -> Callable[[Spooled], None]:
    def handle(record: Spooled) -> None:
        if record.body == body:
            raise DrainStop("the database is down")
        if into is not None:
            into.append(record.body)

    return handle


def test_records_are_handed_over_once_in_the_order_of_their_appends(spool: Spool) -> None:
    bodies = [str(number).encode() for number in range(50)]
    for number in range(50):
        spool.append(spooled(number))
    assert taken(spool) == bodies
    assert taken(spool) == []
    assert not list(spool.directory.glob("*.draining"))


def test_there_is_nothing_to_drain_before_the_first_append(spool: Spool) -> None:
    assert spool.drain(lambda record: None) == Drained()
    assert (spool.pending_bytes(), spool.oldest(), spool.rejected()) == (0, None, [])
    assert not spool.directory.exists()


def test_a_stopped_drain_goes_on_where_it_stopped_and_before_later_records(spool: Spool) -> None:
    for number in range(4):
        spool.append(spooled(number))
    bodies: list[bytes] = []
    assert spool.drain(stop_at(b"2", bodies)) == Drained(count=2, stopped="the database is down")
    spool.append(spooled(4))
    assert spool.drain(stop_at(b"2", bodies)).count == 0
    assert bodies == [b"0", b"1"]
    assert taken(spool) == [b"2", b"3", b"4"]


def test_stops_during_a_long_outage_do_not_pile_up_segments(spool: Spool) -> None:
    for number in range(10):
        spool.append(spooled(number))
        spool.drain(stop_at(b"0"))
    assert len(list(spool.directory.glob("*.draining"))) == 1
    assert taken(spool) == [str(number).encode() for number in range(10)]


def test_order_survives_a_clock_that_is_set_back(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append(spooled(1))
    spool.drain(stop_at(b"1"))
    monkeypatch.setattr("signals.spool.time.time_ns", lambda: 5)
    spool.append(spooled(2))
    assert spool._seal() is not None  # as a drain leaves it that was killed right after sealing
    assert taken(spool) == [b"1", b"2"]


def test_what_is_appended_during_a_drain_waits_for_the_next(spool: Spool) -> None:
    spool.append(spooled(1))

    def handle(record: Spooled) -> None:
        spool.append(spooled(2))

    assert spool.drain(handle) == Drained(count=1)
    assert taken(spool) == [b"2"]


def test_only_one_drains_at_a_time(spool: Spool) -> None:
    spool.append(spooled(1))
    inner: list[Drained] = []
    outer = spool.drain(lambda record: inner.append(Spool(spool.directory).drain(lambda record: None)))
    assert inner == [Drained(busy=True)]
    assert outer == Drained(count=1)


def test_an_exit_in_the_middle_keeps_the_record_and_frees_the_lock(spool: Spool) -> None:
    spool.append(spooled(1))

    def leave(record: Spooled) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        spool.drain(leave)
    assert taken(spool) == [b"1"]


def test_progress_that_cannot_be_noted_only_repeats_records(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        spool.append(spooled(number))

    def full(_fd: int, _data: bytes, _offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        assert spool.drain(stop_at(b"2")).count == 2
    assert taken(spool) == [b"0", b"1", b"2"]


@pytest.mark.parametrize("note", [b"", b"\0" * 80, b"garbage\n", b"\n4 00 1234\n"])
def test_a_damaged_progress_note_only_repeats_records(spool: Spool, note: bytes) -> None:
    for number in range(3):
        spool.append(spooled(number))
    spool.drain(stop_at(b"2"))
    (spool.directory / "progress").write_bytes(note)
    assert taken(spool) == [b"0", b"1", b"2"]


# -- refused records


def refuse_two(record: Spooled) -> None:
    if record.body == b"2":
        raise RuntimeError("no such column")


def test_one_bad_record_is_put_aside_with_its_error_and_stops_nothing(spool: Spool) -> None:
    for number in range(4):
        spool.append(spooled(number))
    assert spool.drain(refuse_two) == Drained(count=3, failed=1)
    (kept,) = spool.rejected()
    assert json.loads(kept.read_bytes())["error"] == "RuntimeError: no such column"
    assert taken(spool) == []


def test_rejected_records_can_be_queued_again(spool: Spool) -> None:
    for number in range(3):
        spool.append(spooled(number))
    spool.drain(refuse_two)
    assert spool.requeue_rejected() == 1
    assert spool.rejected() == []
    records: list[Spooled] = []
    spool.drain(records.append)
    assert records == [spooled(2)]


def test_a_rejected_record_is_kept_once_however_often_it_is_handed_over(spool: Spool) -> None:
    for number in range(4):
        spool.append(spooled(number))

    def refuse_two_stop_at_three(record: Spooled) -> None:
        refuse_two(record)
        stop_at(b"3")(record)

    spool.drain(refuse_two_stop_at_three)
    (spool.directory / "progress").unlink()
    assert spool.drain(refuse_two) == Drained(count=3, failed=1)
    assert len(spool.rejected()) == 1


def test_a_record_that_cannot_be_put_aside_stays(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        spool.append(spooled(number))
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", disk_full_after(0))
        with pytest.raises(SpoolError, match="cannot drain the spool"):
            spool.drain(refuse_two)
    assert spool.rejected() == []
    assert taken(spool) == [b"2", b"3"]


def test_a_rejected_record_is_on_the_disk_before_its_segment_goes(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(spooled(2))
    steps: list[str] = []
    fsync, unlink = os.fsync, os.unlink

    def recorded_fsync(fd: int) -> None:
        steps.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        fsync(fd)

    def recorded_unlink(path: Path) -> None:
        steps.append(f"unlink {path.suffix}")
        unlink(path)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "unlink", recorded_unlink)
    spool.drain(refuse_two)
    sealing, draft, *names = steps
    assert sealing == "spool"
    assert draft.endswith(".json.tmp")
    assert names == ["rejected", "spool", "unlink .draining"]


def test_a_whole_record_of_an_unknown_version_is_put_aside_not_dropped(spool: Spool) -> None:
    spool.append(spooled(1))
    payload = b'{"version": 9}'
    with journal(spool).open("ab") as file:
        file.write(spool_module._frame(payload))
    spool.append(spooled(3))
    assert spool.drain(lambda record: None) == Drained(count=2, failed=1)
    (kept,) = spool.rejected()
    assert json.loads(kept.read_bytes()) == {"error": "KeyError: 'received_at'", "payload": payload.decode()}


# -- damage


def test_a_record_torn_at_any_byte_costs_no_other(tmp_path: Path) -> None:
    source = Spool(tmp_path / "source")
    source.append(spooled(1))
    start = journal(source).stat().st_size
    source.append(spooled(2))
    whole = journal(source).read_bytes()
    for cut in range(start, len(whole)):
        spool = Spool(tmp_path / str(cut))
        spool.directory.mkdir()
        journal(spool).write_bytes(whole[:cut])
        spool.append(spooled(3))
        bodies: list[bytes] = []
        drained = spool.drain(lambda record, into=bodies: into.append(record.body))
        if cut == len(whole) - 1:  # only its last newline is missing: the record is whole
            assert (bodies, drained) == ([b"1", b"2", b"3"], Drained(count=3))
        else:
            assert (bodies, drained) == ([b"1", b"3"], Drained(count=2, torn=int(cut > start + 1)))
        assert [path.read_bytes() for path in spool.rejected()] == (
            [whole[start + 1 : cut] + b"\n"] if drained.torn else []
        )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_inside_one_record_never_reaches_another(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"))
    edges = []
    for number in range(3):
        spool.append(spooled(number))
        edges.append(journal(spool).stat().st_size)
    content = bytearray(journal(spool).read_bytes())
    at = data.draw(st.integers(edges[0], edges[1] - 1))
    until = data.draw(st.integers(at + 1, edges[1]))
    content[at:until] = data.draw(st.binary(min_size=until - at, max_size=until - at))
    journal(spool).write_bytes(content)
    bodies = taken(spool)
    assert bodies[0] == b"0"
    assert bodies[-1] == b"2"
    assert bodies[1:-1] in ([], [b"1"])


# -- crashes and company


def drain_until_killed(directory: Path, log: Path, victim: bytes, after_effect: bool) -> None:
    def handle(record: Spooled) -> None:
        if record.body == victim and not after_effect:
            os.kill(os.getpid(), signal.SIGKILL)
        with log.open("ab") as file:
            file.write(record.body + b"\n")
        if record.body == victim:
            os.kill(os.getpid(), signal.SIGKILL)

    Spool(directory).drain(handle)


@pytest.mark.parametrize("victim", [0, 7, 19])
@pytest.mark.parametrize("after_effect", [False, True], ids=["before its effect", "after its effect"])
def test_a_drain_that_is_killed_goes_on_at_the_record_in_flight(
    spool: Spool, tmp_path: Path, victim: int, after_effect: bool
) -> None:
    for number in range(20):
        spool.append(spooled(number))
    log = tmp_path / "log"
    log.touch()
    child = SPAWN.Process(target=drain_until_killed, args=(spool.directory, log, str(victim).encode(), after_effect))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL

    def numbers(first: int, last: int) -> list[bytes]:
        return [str(number).encode() for number in range(first, last)]

    assert log.read_bytes().split() == numbers(0, victim + after_effect)
    assert spool.oldest() == spooled(victim).received_at
    assert taken(spool) == numbers(victim, 20)  # the one in flight again, the others once


def append_many(directory: Path, writer: int, count: int) -> None:
    spool = Spool(directory, lock_timeout=60)
    for number in range(count):
        spool.append(spooled(number, body=b"%d %d" % (writer, number)))


def test_nothing_is_lost_when_processes_append_while_another_drains(spool: Spool) -> None:
    writers = [SPAWN.Process(target=append_many, args=(spool.directory, writer, 200)) for writer in range(4)]
    for writer in writers:
        writer.start()
    bodies: list[bytes] = []
    drainer = Spool(spool.directory, lock_timeout=60)
    while any(writer.is_alive() for writer in writers):
        drained = drainer.drain(lambda record: bodies.append(record.body))
        assert (drained.torn, drained.failed, drained.stopped) == (0, 0, None)
    drainer.drain(lambda record: bodies.append(record.body))
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    for writer in range(4):
        mine = [body for body in bodies if body.startswith(b"%d " % writer)]
        assert mine == [b"%d %d" % (writer, number) for number in range(200)]
    assert len(bodies) == 800


def test_threads_of_one_process_share_a_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path, lock_timeout=60)

    def work(writer: int) -> None:
        for number in range(25):
            spool.append(spooled(number, body=b"%d %d" % (writer, number)))

    threads = [Thread(target=work, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bodies = taken(spool)
    assert sorted(bodies) == sorted(b"%d %d" % (writer, number) for writer in range(8) for number in range(25))


# -- looking


def test_what_is_pending_is_known_without_draining(spool: Spool) -> None:
    for number in range(3):
        spool.append(spooled(number))
    size = journal(spool).stat().st_size
    assert (spool.pending_bytes(), spool.oldest()) == (size, NOON)
    spool.drain(stop_at(b"2"))
    assert spool.pending_bytes() == size // 3
    spool.append(spooled(3))
    assert spool.pending_bytes() == size // 3 * 2
    assert spool.oldest() == spooled(2).received_at
    taken(spool)
    assert (spool.pending_bytes(), spool.oldest()) == (0, None)


def test_the_oldest_record_is_found_behind_a_torn_one(spool: Spool) -> None:
    spool.directory.mkdir()
    journal(spool).write_bytes(b"\n117 torn")
    spool.append(spooled(5))
    assert spool.oldest() == spooled(5).received_at
