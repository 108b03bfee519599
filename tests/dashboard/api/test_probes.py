"""Probes: alive without a database, ready only when alerts can be stored, figures without secrets."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from signals.receiving.senders import default_source, new_token
from signals.receiving.spool import Spool
from signals.receiving.spooled import Spooled
from tests.builders import at, created, entry, send

REMOTE = {"REMOTE_ADDR": "203.0.113.9"}


@contextmanager
def database_down() -> Iterator[None]:
    def refuse(*_: Any) -> None:
        raise OperationalError("could not connect to server at db.internal as signalsync")

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.django_db
class TestReadiness:
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_alive_without_a_database(self, client: Client, slash: str) -> None:
        with database_down():
            assert client.get(f"/healthz{slash}").json() == {"status": "ok"}

    def test_ready_when_everything_is_there(self, client: Client) -> None:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ok",
            "checks": {"database": "ok", "migrations": "ok", "spool": "ok"},
        }

    def test_unready_while_the_database_does_not_answer_and_nothing_internal_is_told(self, client: Client) -> None:
        with database_down():
            answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "spooled" in answer.json()["checks"]["database"]
        assert "db.internal" not in answer.content.decode()

    def test_unready_while_a_migration_is_missing(self, client: Client) -> None:
        (leaf,) = MigrationLoader(connection).graph.leaf_nodes("sessions")
        MigrationRecorder(connection).record_unapplied(*leaf)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "manage.py migrate" in answer.json()["checks"]["migrations"]

    def test_unready_when_the_spool_cannot_be_read(self, client: Client, settings: Any, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        settings.SPOOL_DIR = tmp_path / "file" / "spool"
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "VAR_DIR" in answer.json()["checks"]["spool"]

    def test_unready_when_the_disk_is_full_though_everything_answers(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(**_: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("dashboard.watching.checks.disk.tempfile.TemporaryFile", full)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "No space left" in answer.json()["checks"]["spool"]

    def test_unready_when_the_spool_is_full(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("signals.receiving.spool.Spool.pending_bytes", lambda _: 1 << 30)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "full" in answer.json()["checks"]["spool"]

    def test_unready_when_the_database_only_reads(self, client: Client) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("this is about PostgreSQL")
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "read-only" in answer.json()["checks"]["database"]


@pytest.mark.django_db
class TestMetrics:
    def test_it_counts_what_is_stored_and_what_waits(self, client: Client, settings: Any) -> None:
        now = timezone.now()
        send([(created(), at(1)), (entry(), at(3))])
        send([(entry("20251211_095000000_BULLISH"), now), (b"not json", now)])
        Spool(settings.SPOOL_DIR).append(
            Spooled(received_at=now, token_hash="", remote_addr="", body=b"{}", content_type="", loopback=True)
        )
        text = client.get("/metrics").content.decode()
        assert 'signalsync_signals{status="CONFIRMED"} 2.0' in text
        assert 'signalsync_deliveries_recent{status="accepted"} 1.0' in text
        assert 'signalsync_deliveries_recent{status="quarantined"} 1.0' in text
        [pending] = [line for line in text.splitlines() if line.startswith("signalsync_spool_pending_bytes ")]
        assert float(pending.split()[1]) > 0

    def test_another_machine_must_say_who_it_is(self, client: Client, api: Client) -> None:
        assert Client().get("/metrics", **REMOTE).status_code == 401
        assert api.get("/metrics", **REMOTE).status_code == 200

    def test_a_second_scrape_asks_the_database_nothing(self, client: Client) -> None:
        client.get("/metrics")
        with CaptureQueriesContext(connection) as captured:
            client.get("/metrics")
        assert len(captured) == 0

    def test_no_secret_is_in_it(self, client: Client) -> None:
        token = new_token(default_source(), expires_at=timezone.now() + timedelta(days=1))
        text = client.get("/metrics").content.decode()
        assert token not in text
        assert "token" not in text
