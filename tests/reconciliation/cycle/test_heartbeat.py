"""The cluster's processes are judged apart: readers by what they promised, scheduler and pusher by what they left."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from reconciliation.cycle import heartbeat, schedule, worker
from reconciliation.cycle.cluster import ReaderLock
from reconciliation.models import SyncRun
from tests.processes import PATIENCE

NOW = timezone.now


def ago(**age: float) -> Any:
    return NOW() - timedelta(**age)


@pytest.fixture(autouse=True)
def _own_directory(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    heartbeat.begin()


@pytest.fixture
def readers() -> Iterator[list[int]]:
    """The numbers of as many living processes as the cluster has readers."""
    started = [subprocess.Popen(["sleep", "infinity"]) for _ in range(heartbeat.READERS)]
    yield [process.pid for process in started]
    for process in started:
        process.kill()
        process.wait()


def promise(pid: int, seconds: float) -> None:
    file = heartbeat.directory() / str(pid)
    until = NOW().timestamp() + seconds
    file.touch()
    os.utime(file, (until, until))


def all_promise(readers: list[int]) -> None:
    for pid in readers:
        promise(pid, PATIENCE)


def test_readers_that_keep_their_promises_live(readers: list[int]) -> None:
    all_promise(readers)
    assert heartbeat.readers_fault(NOW()) is None


def test_one_that_broke_its_promise_is_missed(readers: list[int]) -> None:
    all_promise(readers)
    promise(readers[0], -1)
    assert heartbeat.readers_fault(NOW()) == "2 of 3 processes (workers and monitor) show that they live"


def test_the_promise_of_a_process_that_is_gone_counts_for_nothing_and_is_forgotten(readers: list[int]) -> None:
    all_promise(readers)
    (heartbeat.directory() / str(readers[0])).rename(heartbeat.directory() / "4194305")  # no process has this number
    assert heartbeat.readers_fault(NOW()) is not None
    assert not (heartbeat.directory() / "4194305").exists()


def test_a_beat_is_a_promise_and_a_new_cluster_forgets_it() -> None:
    heartbeat.beat(PATIENCE)
    [until] = heartbeat.promises()
    assert until > NOW().timestamp()
    heartbeat.begin()
    assert list(heartbeat.promises()) == []


def test_a_directory_that_is_not_there_stops_no_worker(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "missing"
    heartbeat.beat(PATIENCE)
    with pytest.raises(OSError):
        heartbeat.readers_fault(NOW())


@pytest.mark.django_db
class TestCluster:
    @pytest.fixture(autouse=True)
    def _sound(self, readers: list[int]) -> None:
        all_promise(readers)
        schedule.install()
        assert worker.cluster_fault(NOW()) is None

    def test_a_worker_that_does_not_live_is_told_first(self, readers: list[int]) -> None:
        promise(readers[1], -1)
        assert "show that they live" in (worker.cluster_fault(NOW()) or "")

    def test_a_schedule_that_was_not_taken_shows_the_scheduler(self) -> None:
        Schedule.objects.update(next_run=ago(seconds=91))
        assert "the scheduler does not look" in (worker.cluster_fault(NOW()) or "")

    def test_a_schedule_that_is_due_later_than_it_comes_shows_a_clock_that_was_set_back(self) -> None:
        Schedule.objects.filter(name=schedule.NAME).update(next_run=NOW() + timedelta(minutes=5))
        assert "the clock was set back" in (worker.cluster_fault(NOW()) or "")
        schedule.catch_up(NOW())
        assert worker.cluster_fault(NOW()) is None

    def test_a_task_that_was_not_fetched_shows_the_pusher(self) -> None:
        OrmQ.objects.create(key="signalsync", payload="", lock=ago(seconds=61))
        assert "the pusher does not look" in (worker.cluster_fault(NOW()) or "")

    def test_missing_cycles_are_held_against_a_cluster_only_that_had_the_time_for_one(self) -> None:
        started = ago(seconds=301).timestamp()
        os.utime(heartbeat.directory() / heartbeat.STARTED, (started, started))
        assert worker.cluster_fault(NOW()) == "no scheduled cycle has ever finished"


@pytest.mark.django_db
@pytest.mark.parametrize(("ended_ago", "tasks"), [(None, 1), (121, 1), (100, 0), (-300, 1)])
def test_a_start_asks_for_the_cycle_that_is_overdue(ended_ago: float | None, tasks: int) -> None:
    if ended_ago is not None:
        ended = ago(seconds=ended_ago)
        SyncRun.objects.create(trigger="schedule", state="finished", as_of=ended, started_at=ended, finished_at=ended)
    schedule.catch_up(NOW())
    assert [task.func() for task in OrmQ.objects.all()] == [schedule.TASK] * tasks


@pytest.mark.skipif(sys.platform != "linux", reason="the lock is for forked processes")
def test_the_lock_of_a_killed_reader_passes_to_the_next() -> None:
    lock = ReaderLock()
    reading, writing = os.pipe()
    if (holder := os.fork()) == 0:
        lock.acquire()
        os.write(writing, b"x")
        signal.pause()
    os.read(reading, 1)
    assert not lock.acquire(block=False)
    assert not lock.acquire(timeout=0.01)
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    assert lock.acquire(block=False)
    lock.release()
    os.close(reading)
    os.close(writing)
