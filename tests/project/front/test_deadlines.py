"""What an alert's deadlines say of the database: only a thread that hangs is a sign. And what is taken in together."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from signals.receiving.outage import Breaker
from signalsync_project.front.worker import ANSWER_WITHIN, MOST_TOGETHER, TOGETHER_BYTES, FrontWorker, next_of


class Waiting:
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
        self.given: list[tuple[list[Waiting], Future[list[bytes]]]] = []

    def submit(self, _: Any, calls: list[Waiting]) -> Future[list[bytes]]:
        self.given.append((calls, Future()))
        return self.given[-1][1]


@pytest.fixture
def worker() -> FrontWorker:
    worker = FrontWorker.__new__(FrontWorker)
    worker.running, worker.waiting, worker.alert_threads, worker.free = {}, {}, Threads(), 1
    worker.loop = SimpleNamespace(
        time=lambda: 0.0, call_later=lambda *_: None, call_soon_threadsafe=lambda call, *given: call(*given)
    )
    worker.kept = []
    worker.journal = SimpleNamespace(breaker=Breaker(), add=worker.kept.append)
    return worker


def test_one_that_waited_for_us_to_start_is_kept_at_once_and_read_once(worker: FrontWorker) -> None:
    late = Waiting(age=ANSWER_WITHIN)
    worker.take_alert(late)
    assert worker.kept == [late]
    assert worker.alert_threads.given == []
    assert worker.journal.breaker.allows()


def test_one_that_no_thread_has_begun_is_taken_from_them(worker: FrontWorker) -> None:
    begun, waiting = Waiting(age=0.0), Waiting(age=1.5)
    worker.take_alert(begun)
    worker.take_alert(waiting)
    worker.time_is_over(waiting)
    assert worker.kept == [waiting]
    assert list(worker.running) == [begun]
    assert not worker.waiting
    assert worker.journal.breaker.allows()


def test_one_that_a_thread_hangs_with_keeps_others_from_the_database(worker: FrontWorker) -> None:
    hanging = Waiting(age=0.0)
    worker.take_alert(hanging)
    worker.time_is_over(hanging)
    assert worker.kept == [hanging]
    assert hanging in worker.running
    assert not worker.journal.breaker.allows()


# -- together


def test_one_alone_waits_for_no_company(worker: FrontWorker) -> None:
    worker.free = 2
    alerts = [Waiting(age=0.0), Waiting(age=0.0)]
    for alert in alerts:
        worker.take_alert(alert)
    assert [calls for calls, _ in worker.alert_threads.given] == [[each] for each in alerts]


def test_what_came_while_all_threads_were_busy_is_taken_in_together(worker: FrontWorker) -> None:
    first, *others = alerts = [Waiting(age=0.0) for _ in range(4)]
    for alert in alerts:
        worker.take_alert(alert)
    [(calls, future)] = worker.alert_threads.given
    future.set_result([b"stored"])
    assert calls == [first]
    assert first.said == b"stored"
    assert worker.alert_threads.given[1][0] == others
    assert list(worker.running) == others


@pytest.mark.parametrize(
    ("size", "together"), [(1_000, MOST_TOGETHER), (TOGETHER_BYTES // 3, 3), (TOGETHER_BYTES + 1, 1)]
)
def test_no_more_is_taken_in_together_than_can_be_in_time(size: int, together: int) -> None:
    alerts = [Waiting(age=0.0, size=size) for _ in range(MOST_TOGETHER + 1)]
    assert next_of(alerts) == alerts[:together]


def test_what_is_no_post_is_answered_by_itself() -> None:
    alerts = [Waiting(age=0.0) for _ in range(3)]
    alerts[1].post = False
    assert [next_of(alerts), next_of(alerts[1:])] == [alerts[:1], alerts[1:2]]
