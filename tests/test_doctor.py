"""The doctor: each check holds on a sound system, fails on its own fault, and says what to do."""

import errno
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django_q.models import OrmQ, Schedule

from dashboard import doctor
from dashboard.doctor import Check, Finding, configuration, database, disk, records, sources, worker
from dashboard.doctor.result import Result, good
from dashboard.selftest import self_test_source
from reconciliation import schedule
from reconciliation.models import SetAside, SyncLease, SyncRun
from signals.models import AutomatedSignal, Delivery, Source, SourceToken
from signals.senders import default_source, new_token
from signals.spool import Spool, Spooled
from signals.vocabulary import Channel
from tests.builders import at, created, entry, send, the_signal

# A Thursday, 10:00 in New York: the market is open.
NOW = datetime(2025, 12, 11, 15, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def ago(time: timedelta) -> datetime:
    return NOW - time


def finished(ended: datetime, **fields: Any) -> SyncRun:
    given = {"state": "finished", "trigger": "schedule", **fields}
    return SyncRun.objects.create(as_of=ended, started_at=ended, finished_at=ended, **given)


def heard(source: Source, when: datetime) -> None:
    Delivery.objects.create(
        source=source, channel=Channel.WEBHOOK, received_at=when, fire_minute=when, checksum=f"{when}", raw=b"",
        size=0, status="accepted",
    )  # fmt: skip


def spooled(when: datetime) -> Spooled:
    return Spooled(received_at=when, token_hash="", remote_addr="", body=b"{}", content_type="", loopback=True)


def holds(check: Check, saying: str = "") -> None:
    result = check(NOW)
    assert result.ok, result.says
    assert saying in result.says


def fails(check: Check, saying: str) -> None:
    result = check(NOW)
    assert not result.ok
    assert saying in result.says


@pytest.fixture
def sound(db: None, settings: Any, tmp_path: Path) -> Any:
    """A system in which every check holds; gives the settings, to be spoilt."""
    settings.VAR_DIR, settings.HOST, settings.PRODUCTION = tmp_path, "127.0.0.1", False
    schedule.install()
    Schedule.objects.update(next_run=NOW + MINUTE)
    finished(ago(MINUTE))
    source = default_source()
    new_token(source)
    heard(source, ago(MINUTE))
    send([(created(), at(1)), (entry(), at(3))])
    return settings


@pytest.fixture
def production(sound: Any) -> Any:
    sound.PRODUCTION, sound.PUBLIC_URL = True, "https://signals.example.com"
    sound.ALLOWED_HOSTS = [".example.com"]
    Source.objects.update(open_on_loopback=False)
    return sound


def test_on_a_sound_system_every_check_holds(sound: Any) -> None:
    assert [finding for finding in doctor.examine(NOW) if not finding.ok] == []


def test_every_check_has_a_name_of_its_own(sound: Any) -> None:
    names = [finding.check for finding in doctor.examine(NOW)]
    assert len(names) == len(set(names)) == 1 + len(doctor.LOCAL) + len(doctor.STORED)


def test_the_documented_list_is_the_codes() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "operations.md").read_text()
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


class TestDisk:
    def test_a_folder_that_cannot_be_written(self, sound: Any, monkeypatch: Any) -> None:
        holds(disk.var_dir)

        def read_only(**_: Any) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr("tempfile.TemporaryFile", read_only)
        fails(disk.var_dir, "Read-only file system")

    def test_too_little_room_for_a_whole_spool(self, sound: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=1 << 30))
        holds(disk.disk_space, "1,024 MiB")
        monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=(1 << 30) - 1))
        fails(disk.disk_space, "1,023 MiB")

    def test_what_waits_in_the_spool_for_the_next_cycle_and_what_is_stuck(self, sound: Any) -> None:
        holds(disk.spool_drains, "The spool is empty")
        spool = Spool(sound.SPOOL_DIR)
        spool.append(spooled(ago(MINUTE)))
        holds(disk.spool_drains, "The next cycle takes them in")
        late = disk.spool_drains(NOW + 5 * MINUTE)
        assert not late.ok
        assert "the oldest of 2025-12-11 14:59:00Z" in late.says

    def test_spooled_alerts_that_were_refused_or_torn(self, sound: Any) -> None:
        spool = Spool(sound.SPOOL_DIR)
        spool.append(spooled(NOW))

        def refuse(record: Spooled) -> None:
            raise ValueError("its token belongs to no source")

        assert spool.drain(refuse).failed == 1
        fails(disk.spool_rejected, "requeue_rejected()")
        [refused] = spool.rejected()
        refused.rename(refused.with_suffix(".torn"))
        fails(disk.spool_rejected, "1 torn records")


class TestRecords:
    def test_open_quarantine(self, sound: Any) -> None:
        holds(records.quarantine)
        send([(b"not json", at(1))])
        fails(records.quarantine, "1 deliveries could not be read")

    def test_signals_set_aside(self, sound: Any) -> None:
        holds(records.set_aside)
        SetAside.objects.create(
            signal=the_signal(), error="DataError: too long\nTraceback", first_at=NOW, retry_at=NOW + MINUTE
        )
        fails(records.set_aside, "20251211_094000000_BULLISH: DataError: too long They")

    def test_signals_that_could_not_be_derived(self, sound: Any) -> None:
        holds(records.rebuild_errors)
        AutomatedSignal.objects.update(rebuild_error="ValueError: year 0")
        fails(records.rebuild_errors, "ValueError: year 0")

    def test_a_row_that_is_not_what_its_events_add_up_to(self, sound: Any) -> None:
        holds(records.derivation, "The 1 newest signals")
        AutomatedSignal.objects.update(entry_price=1)
        fails(records.derivation, "`manage.py rebuild_signals --check`")

    def test_only_the_newest_are_derived(self, sound: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(records, "SAMPLE", 1)
        AutomatedSignal.objects.update(entry_price=1)
        send([(created("20251211_095000000_BULLISH"), at(11))])
        holds(records.derivation)


class TestSources:
    def test_no_default(self, sound: Any) -> None:
        holds(sources.default_source)
        Source.objects.update(is_default=False)
        fails(sources.default_source, "No source is the default")

    def test_one_that_nobody_can_send_to(self, sound: Any) -> None:
        Source.objects.update(open_on_loopback=False)
        holds(sources.access)
        SourceToken.objects.update(expires_at=NOW)
        fails(sources.access, "default has no valid token")
        Source.objects.update(open_on_loopback=True)
        holds(sources.access)

    def test_one_that_is_open_in_production(self, production: Any) -> None:
        holds(sources.access)
        Source.objects.update(open_on_loopback=True)
        fails(sources.access, "`open on loopback`")

    def test_the_self_test_needs_no_token(self, sound: Any) -> None:
        self_test_source()
        holds(sources.access)

    def test_an_alert_that_expires_soon(self, sound: Any) -> None:
        Source.objects.update(alert_expires_at=NOW + 60 * DAY)
        holds(sources.alert_expiry)
        Source.objects.update(alert_expires_at=NOW + 2 * DAY)
        fails(sources.alert_expiry, "expires in 2 days")
        Source.objects.update(alert_expires_at=ago(DAY))
        fails(sources.alert_expiry, "has expired")

    def test_silence_while_the_market_is_open(self, sound: Any) -> None:
        Delivery.objects.filter(channel=Channel.WEBHOOK).update(received_at=ago(90 * MINUTE))
        fails(sources.silence, "silent for 90 minutes of open market")

    def test_silence_while_it_is_closed(self, sound: Any) -> None:
        saturday = NOW + 2 * DAY
        Delivery.objects.filter(channel=Channel.WEBHOOK).update(received_at=datetime(2025, 12, 12, 21, 59, tzinfo=UTC))
        assert sources.silence(saturday).ok

    def test_that_nothing_was_ever_heard_matters_in_production_only(self, production: Any) -> None:
        Delivery.objects.update(channel=Channel.LOG)
        fails(sources.silence, "Activation")
        production.PRODUCTION = False
        holds(sources.silence, "No alert by webhook")

    def test_a_calendar_that_nobody_knows_or_that_has_ended(self, sound: Any) -> None:
        holds(sources.calendars, "know 2025")
        assert "ends with 2049" in sources.calendars(datetime(2050, 1, 1, tzinfo=UTC)).says
        Source.objects.update(calendar="Atlantis")
        fails(sources.calendars, "unknown market calendar 'Atlantis'")
        Source.objects.update(calendar="24/7")
        holds(sources.calendars)

    def test_an_alert_of_the_future_proves_a_wrong_clock(self, sound: Any) -> None:
        heard(default_source(), NOW + 2 * MINUTE)
        holds(sources.clock)
        heard(default_source(), NOW + 3 * MINUTE)
        fails(sources.clock, "2025-12-11 15:03Z, and this machine's clock says 2025-12-11 15:00Z")


class TestConfiguration:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("WEBHOOK_RATE", "600"),
            ("WEBHOOK_RATE", "0/min"),
            ("WEBHOOK_RATE", "10/month"),
            ("BAD_TOKEN_RATE", ""),
            ("BAD_TOKEN_RATE", "many/min"),
            ("TIER_CONFIDENCE", "2.exit=high"),
            ("TIER_CONFIDENCE", "2=nan"),
            ("TIER_CONFIDENCE", "7=0.5"),
            ("SYNC_INTERVAL", 90),
            ("SYNC_INTERVAL", 0),
            ("SYNC_INTERVAL", 32_768 * 60),
        ],
    )
    def test_a_malformed_setting_is_named_and_stops_the_start(self, sound: Any, name: str, value: Any) -> None:
        setattr(sound, name, value)
        fails(configuration.settings_readable, name)
        with pytest.raises(SystemCheckError, match=name):
            call_command("check")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("WEBHOOK_RATE", ""),
            ("WEBHOOK_RATE", "600/min"),
            ("BAD_TOKEN_RATE", "5/second"),
            ("TIER_CONFIDENCE", "2.exit=0.7, 3=0.9"),
            ("SYNC_INTERVAL", 60),
        ],
    )
    def test_well_formed_settings(self, sound: Any, name: str, value: Any) -> None:
        setattr(sound, name, value)
        holds(configuration.settings_readable)

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]"])
    def test_this_machine_alone_needs_no_production(self, sound: Any, host: str) -> None:
        sound.HOST = host
        holds(configuration.exposure)

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "signals.example.com"])
    def test_an_address_that_others_can_reach_needs_it(self, sound: Any, host: str) -> None:
        sound.HOST = host
        fails(configuration.exposure, "PRODUCTION=1")
        sound.PRODUCTION = True
        holds(configuration.exposure)

    @pytest.mark.parametrize(
        ("url", "saying"),
        [
            ("", "is empty"),
            ("http://signals.example.com", "https"),
            ("signals.example.com", "https"),
            ("https://signals.example.com:8443", "443 only"),
            ("https://elsewhere.org", "ALLOWED_HOSTS"),
        ],
    )
    def test_a_public_address_that_tradingview_cannot_use(self, production: Any, url: str, saying: str) -> None:
        holds(configuration.public_url)
        production.PUBLIC_URL = url
        fails(configuration.public_url, saying)
        production.PRODUCTION = False
        holds(configuration.public_url)

    def test_static_files_that_were_not_collected(self, production: Any, tmp_path: Path) -> None:
        production.STATIC_ROOT = tmp_path / "static"
        fails(configuration.static_files, "collectstatic")
        names = configuration.uncollected(tmp_path / "none")
        assert "dashboard/console.css" in names
        (tmp_path / "static").mkdir()
        manifest = tmp_path / "static" / "staticfiles.json"
        manifest.write_text(json.dumps({"paths": dict.fromkeys(names, "hashed")}))
        holds(configuration.static_files)
        manifest.write_text(json.dumps({"paths": dict.fromkeys(names[1:], "hashed")}))
        fails(configuration.static_files, f"1 static files are not collected, as {names[0]}")
