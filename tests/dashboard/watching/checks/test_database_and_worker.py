"""The checks of the database and of the worker: each holds on a sound system and fails on its own fault."""

import sys
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from dashboard.watching.checks import database, worker
from reconciliation.cycle import schedule
from reconciliation.models import Cluster, SyncLease, SyncRun
from tests.dashboard.watching.cases import MINUTE, NOW, SECOND, ago, fails, finished, holds


class TestDatabase:
    def test_it_says_which_answers(self, sound: Any) -> None:
        holds(database.database, str(connection.settings_dict["NAME"]))

    def test_a_missing_migration(self, sound: Any) -> None:
        holds(database.migrations)
        newest = MigrationLoader(connection).graph.leaf_nodes("sessions")[0]
        MigrationRecorder(connection).record_unapplied(*newest)
        fails(database.migrations, "Run `manage.py migrate`")

    def test_this_one_keeps_what_was_acknowledged(self, sound: Any) -> None:
        holds(database.database_setup)

    @pytest.mark.parametrize(
        ("setup", "saying"),
        [
            (("delete", 2, "IMMEDIATE"), "not WAL"),
            (("wal", 1, "IMMEDIATE"), "synchronous"),
            (("wal", 2, "None"), "IMMEDIATE"),
        ],
    )
    def test_sqlite_that_does_not(self, setup: tuple[str, int, str], saying: str) -> None:
        [fault] = database.sqlite_faults(*setup)
        assert saying in fault
        assert database.sqlite_faults("wal", 2, "IMMEDIATE") == []

    @pytest.mark.parametrize(
        ("setup", "saying"),
        [
            ((130012, "on", "on"), "13 is too old"),
            ((140001, "off", "on"), "fsync"),
            ((140001, "on", "off"), "synchronous_commit"),
        ],
    )
    def test_postgresql_that_does_not(self, setup: tuple[int, str, str], saying: str) -> None:
        [fault] = database.postgres_faults(*setup)
        assert saying in fault
        assert database.postgres_faults(140001, "on", "remote_write") == []


class TestSchedule:
    def test_none(self, sound: Any) -> None:
        Schedule.objects.all().delete()
        fails(worker.sync_schedule, "No schedule runs the sync")

    def test_two_even_under_different_names(self, sound: Any) -> None:
        Schedule.objects.create(name="another", func=schedule.TASK)
        fails(worker.sync_schedule, "2 schedules")

    @pytest.mark.parametrize(
        ("spoilt", "saying"),
        [
            ({"repeats": 0}, "switched off"),
            ({"func": "os.getcwd"}, "calls os.getcwd"),
            ({"cluster": "elsewhere"}, "another cluster"),
            ({"minutes": 7}, "SYNC_INTERVAL"),
            ({"schedule_type": Schedule.HOURLY}, "SYNC_INTERVAL"),
        ],
    )
    def test_one_that_does_not_do_what_it_should(self, sound: Any, spoilt: dict[str, Any], saying: str) -> None:
        Schedule.objects.update(**spoilt)
        fails(worker.sync_schedule, saying)

    def test_a_dead_scheduler_lets_the_next_run_pass(self, sound: Any) -> None:
        Schedule.objects.update(next_run=ago(90 * SECOND))
        holds(worker.scheduler)
        Schedule.objects.update(next_run=ago(91 * SECOND))
        fails(worker.scheduler, "The scheduler is dead")

    def test_a_schedule_with_broken_arguments_stops_all_and_is_named(self, sound: Any) -> None:
        Schedule.objects.update(next_run=ago(5 * MINUTE))
        Schedule.objects.create(name="report", func="x", args="yesterday, 'daily")
        fails(worker.scheduler, "delete 'report'")


class TestWorker:
    def test_a_dead_pusher_leaves_a_task_unfetched(self, sound: Any) -> None:
        task = OrmQ.objects.create(key="signalsync", payload="", lock=ago(60 * SECOND))
        holds(worker.queue)
        OrmQ.objects.filter(pk=task.pk).update(lock=ago(75 * SECOND))
        fails(worker.queue, "waiting for 75 s")

    def test_a_wedged_one_finishes_no_cycle_for_two_and_a_half_intervals(self, sound: Any) -> None:
        SyncRun.objects.update(finished_at=ago(300 * SECOND))
        holds(worker.cycles)
        SyncRun.objects.update(finished_at=ago(301 * SECOND))
        fails(worker.cycles, "301 s ago")

    def test_one_that_never_finished_a_cycle_may_only_just_have_started(self, sound: Any) -> None:
        SyncRun.objects.all().delete()
        fails(worker.cycles, "wait 5 minutes")

    def test_cycles_that_fail(self, sound: Any) -> None:
        run = finished(ago(SECOND), state="failed", error="no space left.")
        fails(worker.cycles, "The last cycle did not finish: no space left.")
        fails(worker.cycles, f"It was run {run.pk}.")

    @pytest.mark.parametrize(("holder", "expires"), [("", 1000), ("host:1", 50), ("host:1", -290), ("host:1", 3600)])
    def test_a_lease_that_is_free_held_or_about_to_be_taken_over(self, sound: Any, holder: str, expires: int) -> None:
        SyncLease.objects.create(name="cycle", holder=holder, expires_at=NOW + expires * SECOND)
        holds(worker.lease)

    def test_a_lease_that_is_stuck(self, sound: Any) -> None:
        SyncLease.objects.create(name="cycle", holder="host:1", expires_at=ago(301 * SECOND))
        fails(worker.lease, "died holding the lease")

    def test_a_schedule_that_was_put_off_by_a_clock_that_was_set_back(self, sound: Any) -> None:
        Schedule.objects.filter(name="sync cycle").update(next_run=NOW + 300 * SECOND)
        fails(worker.scheduler, "the clock was set back. Restart")


class TestClusters:
    def test_those_that_work_and_one_that_is_not_heard_of(self, sound: Any) -> None:
        now = timezone.now()
        Cluster.objects.create(name="one:/var", workers=2, started_at=now, seen_at=now)
        Cluster.objects.create(name="two:/var", workers=4, started_at=now, seen_at=now)
        holds(worker.clusters, "6 workers on 2 machines")
        Cluster.objects.filter(pk="two:/var").update(seen_at=now - 2 * MINUTE)
        fails(worker.clusters, "the workers of two:/var since")


class TestBroker:
    def test_the_database_is_one_by_itself(self, sound: Any) -> None:
        holds(worker.broker, "in the database")

    def test_a_redis_that_does_not_answer(self, settings: Any) -> None:
        pytest.importorskip("redis", reason="redis is not installed (requirements-redis.txt)")
        settings.REDIS_URL = "redis://127.0.0.1:1/0"  # nobody listens there
        fails(worker.broker, "Redis does not answer")

    def test_a_package_that_is_not_there(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        monkeypatch.setitem(sys.modules, "redis", None)
        fails(worker.broker, "redis is not installed")
