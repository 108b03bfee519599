"""The checks of the disk, the records, the sources and the configuration."""

import errno
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from dashboard.watching.checks import configuration, disk, records, sources
from dashboard.watching.selftest import self_test_source
from reconciliation.guarding import triggers
from reconciliation.models import SetAside, SyncAuditLog
from reconciliation.sealing.sealing import seal
from signals.models import AutomatedSignal, Delivery, Source, SourceToken
from signals.receiving.senders import default_source
from signals.receiving.spool import Spool
from signals.receiving.spooled import Spooled
from signals.vocabulary import Channel
from tests.builders import at, created, send, the_signal
from tests.dashboard.watching.cases import DAY, MINUTE, NOW, ago, fails, heard, holds, spooled


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
        send([(b'{"event_type":"ENTRY"', at(1))])
        fails(records.quarantine, "1 delivery could not be read")

    def test_other_alerts_in_quarantine_are_told_apart(self, sound: Any) -> None:
        send([(b"BTCUSDT Crossing 65,000", at(1))])
        fails(records.quarantine, "1 alert could not be read: it is no message of the indicator")

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

    def test_an_entry_of_the_audit_log_that_is_not_what_was_sealed(self, sound: Any, unguarded: None) -> None:
        triggers.put_up(connection)
        row = SyncAuditLog.objects.create(at=NOW, action="noted")
        seal()
        holds(records.audit_chain, "The 1 newest sealed entries")
        triggers.take_down(connection)
        SyncAuditLog.objects.update(note="other")
        fails(records.audit_chain, f"Entry {row.pk} was changed")
        fails(records.audit_chain, "guards were taken away")

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

    def test_silence_while_the_market_is_open(self, sound: Any, unguarded: None) -> None:
        Delivery.objects.filter(channel=Channel.WEBHOOK).update(received_at=ago(90 * MINUTE))
        fails(sources.silence, "silent for 90 minutes of open market")

    def test_silence_while_it_is_closed(self, sound: Any, unguarded: None) -> None:
        saturday = NOW + 2 * DAY
        Delivery.objects.filter(channel=Channel.WEBHOOK).update(received_at=datetime(2025, 12, 12, 21, 59, tzinfo=UTC))
        assert sources.silence(saturday).ok

    def test_that_nothing_was_ever_heard_matters_in_production_only(self, production: Any, unguarded: None) -> None:
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
