"""What an alert's deadlines say of the database: only a thread that hangs is a sign. What is taken in together, and
what is left to the journal."""

import socket
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from signals.receiving.outage import Breaker
from signalsync_project.front.counter import Asked
from signalsync_project.front.waiting import (
    FEW_BYTES,
    LONGEST_RUSH,
    LOOK_SECONDS,
    MOST_TOGETHER,
    NO_RUSH_WITHIN,
    QUEUE,
    QUEUE_BYTES,
    TOGETHER_BYTES,
    Rush,
    Waiting,
)
from signalsync_project.front.worker import ANSWER_WITHIN, GATHERED_WITHIN, STILL_COMING, FrontWorker


class Alert:
    """An alert that has come whole, `age` seconds ago."""

    post = alert = True
    answered = False
    peer, arrived, said = "", 0.0, b""

    def __init__(self, age: float, size: int = 1_000) -> None:
        self.seconds, self.size = age, size

    def answer(self, said: bytes) -> None:
        self.said = said

    def age(self) -> float:
        return self.seconds

    def parts(self) -> list[bytes]:
        return []


class Threads:
    """Keeps what is given to it, and begins nothing by itself."""

    def __init__(self) -> None:
        self.given: list[tuple[list[Alert], Future[list[bytes]]]] = []

    def submit(self, _: Any, calls: list[Alert]) -> Future[list[bytes]]:
        self.given.append((calls, Future()))
        return self.given[-1][1]


class Loop:
    """Of which the moment is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.gathered: list[Callable[[], None]] = []
        self.gathered_at = 0.0
        self.looks: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[..., None], *_: Any) -> SimpleNamespace:
        """Of deadlines nothing is kept: tests call them."""
        if seconds <= GATHERED_WITHIN:
            self.gathered.append(call)
            self.gathered_at = self.now + seconds
        if seconds == LOOK_SECONDS:
            self.looks.append(call)
        return SimpleNamespace(cancel=lambda: self.gathered.remove(call))

    def call_at(self, moment: float, call: Callable[[], None]) -> None:
        self.due.append((moment, call))

    def call_soon_threadsafe(self, call: Callable[..., None], *given: Any) -> None:
        call(*given)


@pytest.fixture
def worker() -> FrontWorker:
    worker = FrontWorker.__new__(FrontWorker)
    worker.running, worker.waiting, worker.busy, worker.begun = {}, Waiting(), {}, count()
    worker.alert_threads, worker.loop, worker.grouping = Threads(), Loop(), Breaker()
    worker.rush, worker.kept = Rush(worker.loop), []
    worker.journal = SimpleNamespace(breaker=Breaker(), add=worker.kept.append)
    return worker


def test_one_that_waited_for_us_to_start_is_kept_at_once_and_read_once(worker: FrontWorker) -> None:
    late = Alert(age=ANSWER_WITHIN)
    worker.take_alert(late)
    assert worker.kept == [late]
    assert worker.alert_threads.given == []
    assert worker.journal.breaker.allows()


def test_one_that_no_thread_has_begun_is_taken_from_them(worker: FrontWorker) -> None:
    begun, waiting = Alert(age=0.0), Alert(age=1.5)
    worker.take_alert(begun)
    worker.take_alert(waiting)
    worker.time_is_over(waiting)
    assert worker.kept == [waiting]
    assert list(worker.running) == [begun]
    assert not worker.waiting
    assert worker.journal.breaker.allows()


def test_one_that_a_thread_hangs_with_keeps_others_from_the_database(worker: FrontWorker) -> None:
    hanging = Alert(age=0.0)
    worker.take_alert(hanging)
    worker.time_is_over(hanging)
    assert worker.kept == [hanging]
    assert hanging in worker.running
    assert not worker.journal.breaker.allows()


# -- together


def test_one_alone_waits_for_no_company(worker: FrontWorker) -> None:
    alert = Alert(age=0.0)
    worker.take_alert(alert)
    assert [calls for calls, _ in worker.alert_threads.given] == [[alert]]


def test_what_came_while_a_thread_was_at_work_is_taken_in_together(worker: FrontWorker) -> None:
    first, *others = alerts = [Alert(age=0.0) for _ in range(5)]
    for alert in alerts:
        worker.take_alert(alert)
    [(calls, future)] = worker.alert_threads.given
    future.set_result([b"stored"])
    worker.loop.gathered[0]()
    assert calls == [first]
    assert first.said == b"stored"
    assert worker.alert_threads.given[1][0] == others
    assert list(worker.running) == others


class TestGathering:
    """Those who have posted at once post again at once: a moment later there are as many again."""

    @pytest.fixture
    def crowd(self, worker: FrontWorker) -> list[Alert]:
        """Three, of which the first was taken in and the others wait for a third."""
        alerts = [Alert(age=0.0) for _ in range(3)]
        for alert in alerts:
            worker.take_alert(alert)
        worker.alert_threads.given[0][1].set_result([b"stored"])
        assert len(worker.alert_threads.given) == 1
        return alerts

    def test_as_many_as_there_were_begin_at_once(self, worker: FrontWorker, crowd: list[Alert]) -> None:
        again = Alert(age=0.0)
        worker.take_alert(again)
        assert worker.alert_threads.given[1][0] == [*crowd[1:], again]

    def test_no_more_are_waited_for_than_one_transaction_takes(self, worker: FrontWorker, crowd: list[Alert]) -> None:
        large = Alert(age=0.0, size=TOGETHER_BYTES)
        worker.take_alert(Alert(age=0.0))
        worker.take_alert(large)
        worker.alert_threads.given[1][1].set_result([b"stored"] * 3)
        assert worker.alert_threads.given[2][0] == [large]

    def test_fewer_wait_a_moment_and_no_longer(self, worker: FrontWorker, crowd: list[Alert]) -> None:
        [gathered] = worker.loop.gathered
        gathered()
        assert worker.alert_threads.given[1][0] == crowd[1:]

    def test_one_that_comes_is_given_a_moment_for_the_next(self, worker: FrontWorker, crowd: list[Alert]) -> None:
        worker.crowd, worker.loop.now = 5, 0.002
        worker.take_alert(Alert(age=0.0))
        [gathered] = worker.loop.gathered
        assert worker.loop.gathered_at == 0.002 + STILL_COMING
        gathered()
        assert len(worker.alert_threads.given[1][0]) == 3

    def test_who_goes_on_coming_is_not_waited_for_any_longer(self, worker: FrontWorker, crowd: list[Alert]) -> None:
        worker.crowd, worker.loop.now = 5, GATHERED_WITHIN - STILL_COMING / 2
        worker.take_alert(Alert(age=0.0))
        assert worker.loop.gathered_at == pytest.approx(GATHERED_WITHIN)

    def test_an_earlier_moment_does_not_end_a_later_one(self, worker: FrontWorker, crowd: list[Alert]) -> None:
        worker.take_alert(Alert(age=0.0))
        worker.alert_threads.given[1][1].set_result([b"stored"] * 3)
        assert len(worker.loop.gathered) == 1

    def test_who_is_alone_after_the_crowd_has_gone_waits_for_nobody(
        self, worker: FrontWorker, crowd: list[Alert]
    ) -> None:
        worker.take_alert(Alert(age=0.0))
        worker.alert_threads.given[1][1].set_result([b"stored"] * 3)
        worker.loop.gathered[0]()
        alone = [Alert(age=0.0) for _ in range(2)]
        for number, alert in enumerate(alone, start=2):
            worker.take_alert(alert)
            worker.alert_threads.given[number][1].set_result([b"stored"])
        assert [alert.said for alert in alone] == [b"stored", b"stored"]


def test_after_it_failed_once_nothing_is_taken_in_together_for_a_while(worker: FrontWorker) -> None:
    worker.grouping.failed()
    alerts = [Alert(age=0.0) for _ in range(3)]
    for alert in alerts:
        worker.take_alert(alert)
    worker.alert_threads.given[0][1].set_result([b"stored"])
    worker.loop.gathered[0]()
    assert [calls for calls, _ in worker.alert_threads.given] == [alerts[:1], alerts[1:2]]


def test_another_thread_helps_out_when_one_is_not_soon_done(worker: FrontWorker) -> None:
    alerts = [Alert(age=0.0) for _ in range(3)]
    for alert in alerts[:2]:
        worker.take_alert(alert)
    assert len(worker.alert_threads.given) == 1
    [(worker.loop.now, begin)] = worker.loop.due
    begin()
    assert [calls for calls, _ in worker.alert_threads.given] == [alerts[:1], alerts[1:2]]
    worker.take_alert(alerts[2])
    begin()
    assert len(worker.alert_threads.given) == 2, "there are two threads"


def next_of(alerts: list[Alert]) -> list[Alert]:
    waiting = Waiting()
    for alert in alerts:
        waiting.add(alert)
    return waiting.next()


@pytest.mark.parametrize(
    ("size", "together"),
    [(1_000, MOST_TOGETHER), (TOGETHER_BYTES // 5, 5), (TOGETHER_BYTES // 2, 2), (TOGETHER_BYTES + 1, 1)],
)
def test_no_more_is_taken_in_together_than_can_be_in_time(size: int, together: int) -> None:
    alerts = [Alert(age=0.0, size=size) for _ in range(MOST_TOGETHER + 1)]
    assert next_of(alerts) == alerts[:together]


@pytest.mark.parametrize("place", [0, 4])
def test_what_is_no_post_is_answered_by_itself(place: int) -> None:
    alerts = [Alert(age=0.0) for _ in range(8)]
    alerts[place].post = False
    assert next_of(alerts) == alerts[: place or 1]


# -- when more comes than can be stored as it comes


def come(worker: FrontWorker, count: int, size: int = 1_000) -> list[Alert]:
    """So many alerts; the first of them is given to a thread and the others wait."""
    alerts = [Alert(age=0.0, size=size) for _ in range(count)]
    for alert in alerts:
        worker.take_alert(alert)
    return alerts


@pytest.mark.parametrize(("size", "waiting"), [(500, QUEUE), (QUEUE_BYTES // 8, 8)], ids=["many", "large"])
def test_what_comes_after_two_transactions_wait_goes_to_the_journal(
    worker: FrontWorker, size: int, waiting: int
) -> None:
    alerts = come(worker, 1 + waiting + 2, size)
    assert worker.kept == alerts[-2:]
    assert len(worker.waiting) == waiting


def test_one_that_is_large_is_no_rush(worker: FrontWorker) -> None:
    come(worker, 4, QUEUE_BYTES)
    assert worker.kept == []


class TestRush:
    """What comes in a rush is the journal's, though nobody waits any more."""

    @pytest.fixture
    def rush(self, worker: FrontWorker) -> FrontWorker:
        come(worker, 1 + QUEUE + 1, 500)  # of which the last began it
        worker.kept.clear()
        worker.waiting = Waiting()
        return worker

    def look(self, worker: FrontWorker) -> None:
        [look] = worker.loop.looks
        worker.loop.looks.clear()
        worker.loop.now += LOOK_SECONDS
        look()

    def test_it_goes_on_as_long_as_much_comes_between_two_looks(self, rush: FrontWorker) -> None:
        for _ in range(3):
            assert len(come(rush, 8, FEW_BYTES // 8)) == 8
            self.look(rush)
        assert (len(rush.kept), rush.rush.on) == (24, True)

    def test_it_ends_when_little_has_come(self, rush: FrontWorker) -> None:
        come(rush, 6, FEW_BYTES)
        self.look(rush)
        rush.busy.clear()
        [alert] = come(rush, 1)
        assert rush.alert_threads.given[-1][0] == [alert]
        assert rush.loop.looks == []

    def test_it_ends_after_a_while_so_that_the_other_way_is_tried(self, rush: FrontWorker) -> None:
        while rush.rush.on:
            assert rush.loop.now < LONGEST_RUSH
            come(rush, 8, FEW_BYTES // 8)
            self.look(rush)
        assert rush.loop.now == LONGEST_RUSH

    def test_after_the_journal_refused_the_database_is_asked_and_there_is_none_for_a_while(
        self, rush: FrontWorker
    ) -> None:
        rush.not_kept()
        self.look(rush)
        come(rush, 1 + QUEUE + 1, 500)
        assert (len(rush.kept), rush.rush.on) == (1, False), "what is beyond the queue and two threads, alone"
        rush.loop.now += NO_RUSH_WITHIN
        come(rush, 1)
        assert rush.rush.on

    def test_a_question_is_answered_all_the_same(self, rush: FrontWorker) -> None:
        question = Alert(age=0.0)
        question.post = False
        rush.busy.clear()
        rush.take_alert(question)
        assert rush.alert_threads.given[-1][0] == [question]


def test_what_waits_is_counted_by_its_bytes_as_it_comes_and_goes() -> None:
    waiting, alerts = Waiting(), [Alert(age=0.0, size=QUEUE_BYTES // 8) for _ in range(8)]
    for alert in alerts:
        waiting.add(alert)
    assert waiting.are_too_many()
    waiting.remove(alerts)
    assert (len(waiting), waiting.bytes, waiting.are_too_many()) == (0, 0, False)


def test_one_that_is_answered_while_the_door_is_closing_is_read_as_ever(worker: FrontWorker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker.bound_to, worker.sockets, worker.cfg = listener.getsockname(), [listener], Config()
    asked = worker.asked([b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"], ("127.0.0.1", 1), 0.0)
    assert isinstance(asked, Asked)
    assert asked.environ["wsgi.input"].read() == b"hi"
