"""The doctor: each check holds on a sound system, fails on its own fault, and says what to do."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django_q.models import OrmQ, Schedule

from dashboard.watching import doctor
from dashboard.watching.doctor import Finding, database, worker
from dashboard.watching.doctor.result import Result, good
from reconciliation.cycle import schedule
from reconciliation.models import SyncLease, SyncRun

from .cases import MINUTE, NOW, SECOND, ago, fails, finished, holds


def test_on_a_sound_system_every_check_holds(sound: Any) -> None:
    assert [finding for finding in doctor.examine(NOW) if not finding.ok] == []


def test_every_check_has_a_name_of_its_own(sound: Any) -> None:
    names = [finding.check for finding in doctor.examine(NOW)]
    assert len(names) == len(set(names)) == 1 + len(doctor.LOCAL) + len(doctor.STORED)


def test_the_documented_list_is_the_codes() -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "operations.md").read_text()
    table = page.partition("## Troubleshooting")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", table, re.M)
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    checks = [database.database, *doctor.STORED, *doctor.LOCAL]
    assert sorted(named) == sorted(check.__name__ for check in checks)


class TestTheWalk:
    def test_a_check_that_crashes_fails_with_its_error_and_stops_no_other(self, monkeypatch: Any) -> None:
        def crashing(now: datetime) -> Result:
            raise RuntimeError("the disk\nis on fire")

        def sane(now: datetime) -> Result:
            return good("Sane.")

        assert doctor.findings([crashing, sane], NOW) == [
            Finding("crashing", False, "This could not be judged: RuntimeError: the disk is on fire"),
            Finding("sane", True, "Sane."),
        ]

    @pytest.mark.django_db
    def test_without_a_database_what_is_stored_there_is_not_judged_and_the_disk_is(self) -> None:
        def refuse(*_: Any) -> None:
            raise OperationalError("connection refused")

        with connection.execute_wrapper(refuse):
            found = {finding.check: finding for finding in doctor.examine(NOW)}
        assert "connection refused" in found["database"].advice
        assert "spooled" in found["database"].advice
        assert [found[check.__name__].ok for check in doctor.STORED] == [False] * len(doctor.STORED)
        assert found["spool_drains"].ok


class TestTheCommand:
    @pytest.fixture
    def found(self, monkeypatch: Any) -> Callable[..., tuple[str, int]]:
        def run(findings: list[Finding], *options: str) -> tuple[str, int]:
            monkeypatch.setattr("dashboard.management.commands.doctor.examine", lambda now: findings)
            out, status = StringIO(), 0
            try:
                call_command("doctor", *options, stdout=out)
            except SystemExit as stop:
                status = int(stop.code or 0)
            return out.getvalue(), status

        return run

    def test_its_status_is_0_when_every_check_holds(self, found: Any) -> None:
        assert found([Finding("disk", True, "Room.")]) == (
            "ok    disk               Room.\n\n1 checks, none failed.\n",
            0,
        )

    def test_its_status_is_1_when_any_fails_and_what_is_wrong_comes_last(self, found: Any) -> None:
        text, status = found([Finding("disk", False, "Full. Free some."), Finding("clock", True, "Right.")])
        assert status == 1
        assert text.splitlines() == [
            "ok    clock              Right.",
            "WRONG disk               Full. Free some.",
            "",
            "2 checks, 1 failed.",
        ]

    def test_machines_get_a_list_of_check_ok_and_advice(self, found: Any) -> None:
        text, status = found([Finding("disk", False, "Full.")], "--json")
        assert (json.loads(text), status) == ([{"check": "disk", "ok": False, "advice": "Full."}], 1)

    def test_it_starts_with_settings_that_stop_everything_else(self, sound: Any) -> None:
        sound.WEBHOOK_RATE = "600"
        with pytest.raises(SystemCheckError):
            call_command("syncstatus", skip_checks=False)
        out = StringIO()
        with pytest.raises(SystemExit):
            call_command("doctor", "--json", stdout=out)
        wrong = {found["check"]: found["advice"] for found in json.loads(out.getvalue()) if not found["ok"]}
        assert "WEBHOOK_RATE is '600'" in wrong["settings_readable"]


class TestDatabase:
    def test_it_says_which_answers(self, sound: Any) -> None:
        holds(database.database, str(connection.settings_dict["NAME"]))

    def test_a_missing_migration(self, sound: Any) -> None:
        holds(database.migrations)
        newest = MigrationLoader(connection).graph.leaf_nodes("signals")[0]
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
        fails(worker.cycles, f"Run {run.pk} did not finish: no space left.")

    @pytest.mark.parametrize(("holder", "expires"), [("", 1000), ("host:1", 50), ("host:1", -290)])
    def test_a_lease_that_is_free_held_or_about_to_be_taken_over(self, sound: Any, holder: str, expires: int) -> None:
        SyncLease.objects.create(name="cycle", holder=holder, expires_at=NOW + expires * SECOND)
        holds(worker.lease)

    @pytest.mark.parametrize(("expires", "saying"), [(3600, "clock was set back"), (-301, "died holding the lease")])
    def test_a_lease_that_is_stuck(self, sound: Any, expires: int, saying: str) -> None:
        SyncLease.objects.create(name="cycle", holder="host:1", expires_at=NOW + expires * SECOND)
        fails(worker.lease, saying)
