"""`manage.py import_alerts`: what it tells people and machines, and when it fails."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DataError, OperationalError, connection

from signals.models import AlertId, AutomatedSignal, Delivery, SignalEvent, Source
from signals.receiving import alertlog
from tests.builders import at, update

from .logs import TRADE, as_csv, imported, row

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(as_csv(*TRADE), newline="")
    return path


def test_the_result_is_told_to_machines(log: Path) -> None:
    assert imported(log, log) == {
        "rows": 6,
        "accepted": 3,
        "duplicates": 3,
        "quarantined": 0,
        "repaired": 0,
        "events": 3,
        "signals_created": 1,
        "signals_updated": 0,
        "sources": {"default": 6},
        "other_symbols": {},
        "reasons": {},
        "failed": [],
        "retimed": 0,
    }


def test_the_result_is_told_to_people(log: Path) -> None:
    out = io.StringIO()
    call_command("import_alerts", str(log), stdout=out)
    assert out.getvalue() == (
        "3 rows to default (3): 3 accepted, 0 duplicates, 0 quarantined, 0 repaired.\n"
        "3 events; 1 signals created, 0 updated.\n"
    )


def test_people_are_told_of_another_symbol(log: Path) -> None:
    log.write_text(as_csv(row(update(0.4), 7, ticker="CME_MINI:ES1!, 1m")), newline="")
    out = io.StringIO()
    call_command("import_alerts", str(log), stdout=out)
    assert "Not of their source's symbol by the log's Ticker: ES1! (1 rows). Their prices are kept" in out.getvalue()


def test_a_dry_run_counts_everything_and_stores_nothing(log: Path) -> None:
    real = imported(log, dry_run=True)
    assert (real["accepted"], real["events"], real["signals_created"]) == (3, 3, 1)
    for model in (Delivery, SignalEvent, AutomatedSignal, AlertId, Source):
        assert not model.objects.exists()
    assert imported(log) == real


def test_standard_input_is_read_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    body = '{"event_type":"ENTRY",\r\n"trade_id":"20251211_094000000_BULLISH","entry_price":25740,"x":"\udcff"}'
    text = "\ufeff" + as_csv(row(body, 4), TRADE[0])
    pipe = io.BytesIO(text.encode(errors="surrogateescape"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe, encoding="ascii"))
    assert imported("-")["rows"] == 2
    assert Delivery.objects.get(fire_minute=at(4)).raw == body.encode(errors="surrogateescape")


def test_a_source_that_does_not_exist_is_told_with_those_that_do(log: Path) -> None:
    Source.objects.create(name="chart")
    Source.objects.create(name="other")
    with pytest.raises(CommandError, match=r"There is no source 'chat'\. Known sources: chart, other\."):
        imported(log, source="chat")


def test_an_import_stops_when_the_database_is_gone(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def gone(*args: Any, **options: Any) -> Any:
        tried.append(args)
        raise OperationalError("server closed the connection unexpectedly\n")

    monkeypatch.setattr(alertlog, "take_in", gone)
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    with pytest.raises(CommandError) as failure:
        imported(log)
    assert str(failure.value) == (
        f"{log}: the database is gone (server closed the connection unexpectedly):"
        " import the file again when it is back; nothing is taken in twice."
    )
    assert len(tried) == 1


def test_rows_that_could_not_be_stored_are_a_failure(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> Any:
        raise DataError("value out of range")

    monkeypatch.setattr(alertlog, "take_in", refuse)
    with pytest.raises(CommandError, match="3 rows could not be stored; import the file again"):
        imported(log)


def test_a_log_of_which_no_row_can_be_read_fails_and_says_why_most_are_not(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = [(*TRADE[0][:4], f"12/{day}/2025 14:44") for day in (11, 12, 13)]
    log.write_text(as_csv(row("Stop hit", 3), *rows), newline="")
    with pytest.raises(CommandError, match="In quarantine, 3 of 4 because: The row's time '12/11/2025 14:44' is"):
        imported(log)


def test_the_commonest_reason_is_told_beside_what_was_taken(tmp_path: Path) -> None:
    log, out = tmp_path / "log.csv", io.StringIO()
    log.write_text(as_csv(TRADE[0], row("Stop hit", 3)), newline="")
    call_command("import_alerts", str(log), stdout=out)
    assert "In quarantine, 1 of 1 because: This is no message of the indicator" in out.getvalue()
