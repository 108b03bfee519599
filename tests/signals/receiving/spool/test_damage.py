"""The spool under damage, kill -9 and company."""

import os
import signal
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.receiving.spool import Drained, Spool
from signals.receiving.spooled import Spooled

from .build import NOON, SPAWN, journal, spooled, stop_at, taken


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
