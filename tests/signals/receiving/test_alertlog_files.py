"""Files that should be alert logs: through a spreadsheet, in other encodings and languages, or no logs at all."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError

from signals.models import AutomatedSignal, Delivery
from signals.receiving.alertlog import import_log
from signals.receiving.logfile import NotAnAlertLogError

from .logs import HEADER, NOW, TRADE, as_csv, case_imported, imported, lines

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", "Description, Time"),
        ("trade_id;entry_price\n1;2\n", "Description, Time"),
        (as_csv(header=("Alert ID", "Description")), "Time"),
    ],
)
def test_a_file_that_is_no_alert_log_is_refused_with_what_to_do(text: str, missing: str, tmp_path: Path) -> None:
    log = tmp_path / "other.csv"
    log.write_text(text)
    with pytest.raises(CommandError) as refusal:
        imported(log)
    assert str(refusal.value).startswith(f"{log}: No column {missing} in the first line. Export the log in TradingView")
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("start", ["", "sep=;\r\n", '"sep=;"\r\n', "\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_log_that_went_through_a_spreadsheet_is_read(
    start: str, encoding: str, separator: str, tmp_path: Path
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows([HEADER, *TRADE])
    log = tmp_path / "log.csv"
    log.write_bytes((start.replace(";", separator) + file.getvalue()).encode(encoding))
    assert imported(log)["accepted"] == 3
    kinds = {json.loads(row.raw)["event_type"] for row in Delivery.objects.all()}
    assert kinds == {"SIGNAL_CREATED", "ENTRY", "MFE_UPDATE"}


@pytest.mark.parametrize(
    ("start", "named"),
    [
        (b"PK\x03\x04rest", "an Excel workbook"),
        (b"\x1f\x8brest", "compressed with gzip"),
        (b"<!DOCTYPE html><html>", "a web page"),
    ],
)
def test_a_file_that_is_no_text_is_named(start: bytes, named: str, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(start)
    with pytest.raises(CommandError, match=f"This file is {named}.*Export the log in TradingView"):
        imported(log)


def test_a_header_in_another_language_is_shown_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("Alarm-ID,Ticker,Name,Beschreibung,Zeit\n1,2,3,4,5\n")
    with pytest.raises(CommandError, match="this file's are 'alarm-id', 'ticker', 'name', 'beschreibung', 'zeit'"):
        imported(log)


@pytest.mark.parametrize("file", ["semicolon.csv", "utf16.csv"])
def test_the_cases_of_semicolons_and_utf16(file: str) -> None:
    assert case_imported("17-semicolons-and-utf16", file)["accepted"] == 1
    assert AutomatedSignal.objects.get().created_fired_at == datetime(2026, 11, 24, 15, 1, tzinfo=UTC)


def test_a_field_that_never_ends_is_told_with_its_line() -> None:
    with pytest.raises(NotAnAlertLogError, match=r"Line \d+ is not CSV \(field larger than .* import the file again"):
        import_log(lines(as_csv(TRADE[0]) + '"' + "x" * (1 << 21)), now=NOW)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing\.csv: .*No such file"):
        imported(tmp_path / "missing.csv")
