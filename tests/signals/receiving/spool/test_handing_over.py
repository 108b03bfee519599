"""Draining the spool: every record once and in order; bad ones are put aside."""

import errno
import json
import os
from pathlib import Path

import pytest

from signals.receiving.spool import Drained, Spool, SpoolError
from signals.receiving.spooled import Spooled, frame

from .build import disk_full_after, journal, spooled, stop_at, taken


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
    monkeypatch.setattr("signals.receiving.spool.time.time_ns", lambda: 5)
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
        file.write(frame(payload))
    spool.append(spooled(3))
    assert spool.drain(lambda record: None) == Drained(count=2, failed=1)
    (kept,) = spool.rejected()
    assert json.loads(kept.read_bytes()) == {"error": "KeyError: 'received_at'", "payload": payload.decode()}
