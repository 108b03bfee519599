"""What an alert's deadlines say of the database: only a thread that hangs is a sign that it does."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from signals.receiving.outage import Breaker
from signalsync_project.front.worker import ANSWER_WITHIN, FrontWorker


class Waiting:
    """An alert that has come whole, `age` seconds ago."""

    post = alert = True
    answered = False
    peer, arrived = "", 0.0

    def __init__(self, age: float) -> None:
        self.seconds = age

    def age(self) -> float:
        return self.seconds

    def parts(self) -> list[bytes]:
        return []


class Threads:
    """Keeps what is given to it, and begins nothing by itself."""

    def __init__(self) -> None:
        self.given: list[Future[bytes]] = []

    def submit(self, *_: Any) -> Future[bytes]:
        self.given.append(Future())
        return self.given[-1]


@pytest.fixture
def worker() -> FrontWorker:
    worker = FrontWorker.__new__(FrontWorker)
    worker.running, worker.alert_threads = {}, Threads()
    worker.loop = SimpleNamespace(time=lambda: 0.0, call_later=lambda *_: None, call_soon_threadsafe=lambda *_: None)
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
    waiting = Waiting(age=1.5)
    worker.take_alert(waiting)
    [future] = worker.alert_threads.given
    worker.time_is_over(waiting, future)
    assert worker.kept == [waiting]
    assert future.cancelled()
    assert worker.running == {}
    assert worker.journal.breaker.allows()


def test_one_that_a_thread_hangs_with_keeps_others_from_the_database(worker: FrontWorker) -> None:
    hanging = Waiting(age=0.0)
    worker.take_alert(hanging)
    [future] = worker.alert_threads.given
    future.set_running_or_notify_cancel()
    worker.time_is_over(hanging, future)
    assert worker.kept == [hanging]
    assert hanging in worker.running
    assert not worker.journal.breaker.allows()
