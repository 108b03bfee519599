"""Datasets: nothing of the future among features, outcomes as Analysis counts them, and the knowledge of any time."""

import csv
import io
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.datasets import knowing
from dashboard.datasets.fields import AT_SIGNAL, FIELDS, IDENTITY
from reconciliation.cycle.run import run_sync
from signals.formats import iso
from signals.models import Fill
from tests.builders import HTF, TRADE_ID, at, created, entry, send
from tests.dashboard.analysis.trades import LOST, MISSED, OPEN, PENDING, SAVED, WON, mark_filled, small_set

pytestmark = pytest.mark.django_db
OPPOSITE = "20251211_094200000_BEARISH"


def written(*arguments: str) -> str:
    out = io.StringIO()
    call_command("export_signals", "--dataset", *arguments, stdout=out)
    return out.getvalue()


def dataset(*arguments: str) -> dict[str, dict[str, Any]]:
    """The rows by trade id."""
    return {row["trade_id"]: row for row in map(json.loads, written(*arguments).splitlines())}


def test_outcomes_are_those_that_analysis_counts() -> None:
    small_set()
    rows = dataset()
    told = {
        trade: tuple(rows[trade][f"outcome_{name}"] for name in ("be_r_2", "stop_r_2", "be_r_end", "be_end"))
        for trade in (LOST, SAVED, MISSED, WON, OPEN)
    }
    assert told == {
        LOST: (-1, -1, -1, "stopped"),
        SAVED: (0, -1, 0, "break_even"),
        MISSED: (0, 2, 0, "break_even"),
        WON: (2, 2, 0, "break_even"),
        OPEN: (None, None, None, None),
    }
    assert (rows[WON]["entry_price"], rows[WON]["entry_risk"], rows[WON]["outcome_stop_mfe"]) == (25740, 10, 3)
    assert (rows[OPEN]["outcome_stop_mfe"], rows[OPEN]["outcome_confirmed"]) == (None, True)
    assert (rows[PENDING]["entry_price"], rows[PENDING]["outcome_confirmed"]) == (None, None)


def test_features_are_what_was_known_at_the_signal() -> None:
    send([(created(), at(1))])
    before = dataset()[TRADE_ID]
    small_set()
    after = dataset()[TRADE_ID]
    features = [field.name for field in (*IDENTITY, *AT_SIGNAL)]
    assert {name: after[name] for name in features} == {name: before[name] for name in features}
    assert (before["signal_time"], before["hour"], before["minute"], before["weekday"]) == (
        "2025-12-11T14:40:00Z", 9, 40, 4
    )  # fmt: skip
    assert (before["htf_daily"], before["htf_late"], before["session"]) == ("Bullish", False, "NY AM")


def test_an_alignment_of_a_later_bar_is_of_the_future() -> None:
    send([(created(htf_alignment=HTF | {"h1": "Bearish"}), at(9))])  # repeated, nine minutes late
    row = dataset()[TRADE_ID]
    assert (row["htf_h1"], row["htf_late"], row["htf_h1__source"]) == (None, True, None)


def test_every_value_tells_where_it_came_from() -> None:
    small_set()
    mark_filled(WON, "be_mfe", 0.8)
    row = dataset()[WON]
    assert (row["outcome_be_r_2__confidence"], row["outcome_stop_r_2__confidence"]) == (0.8, 1)
    assert row["direction__source"] == "indicator_realtime"
    assert {f"{name}__source" in row for name in ("source", "trade_id")} == {False}


@pytest.fixture
def inferred(db: None) -> datetime:
    """A pending signal that a cycle calls cancelled, for an opposite one followed. The moment before that cycle."""
    send([(created(), at(1)), (created(OPPOSITE, direction="Bearish", signal_time="09:42:00"), at(3))])
    before = timezone.now()
    run_sync(now=at(60), trigger="command", dry_run=False)
    assert Fill.objects.filter(signal__trade_id=TRADE_ID, field="cancelled_at").exists()
    return before


def test_what_was_filled_can_be_left_out(inferred: datetime) -> None:
    assert dataset()[TRADE_ID]["outcome_status"] == "CANCELLED"
    assert dataset()[TRADE_ID]["outcome_status__source"] == "backend_inferred"
    observed = dataset("--observed-only")[TRADE_ID]
    assert (observed["outcome_status"], observed["outcome_confirmed"]) == ("PENDING", None)
    assert {value for name, value in observed.items() if name.endswith("__source")} <= {
        None, "indicator_realtime", "reconciled"
    }  # fmt: skip


def test_a_fill_is_known_from_the_moment_on_in_which_it_was_made(inferred: datetime) -> None:
    assert dataset("--as-of", iso(inferred))[TRADE_ID]["outcome_status"] == "PENDING"
    now = timezone.now().isoformat()
    assert dataset("--as-of", now)[TRADE_ID]["outcome_status"] == "CANCELLED"
    Fill.objects.update(state=Fill.State.UNDONE, ended_at=timezone.now())
    assert dataset("--as-of", now)[TRADE_ID]["outcome_status"] == "CANCELLED"  # it stood then
    assert dataset("--as-of", timezone.now().isoformat())[TRADE_ID]["outcome_status"] == "PENDING"


def test_an_event_is_known_from_its_receipt_on() -> None:
    small_set()
    rows = dataset("--as-of", iso(at(25)))
    told = {trade: rows[trade]["outcome_status"] for trade in (LOST, SAVED, WON)}
    assert told == {LOST: "COMPLETED", SAVED: "CONFIRMED", WON: "CONFIRMED"}
    assert rows[WON]["outcome_stop_r_2"] is None
    assert set(dataset("--as-of", iso(at(1)))) == {LOST}  # of the others nothing was known yet


def test_what_is_known_now_is_what_is_stored() -> None:
    small_set()
    assert dataset("--as-of", timezone.now().isoformat()) == dataset()


def test_a_fill_that_waited_for_approval_was_not_known(inferred: datetime, unguarded: None) -> None:
    from reconciliation.models import SyncAuditLog

    moment = timezone.now()
    SyncAuditLog.objects.filter(action="filled").update(action="proposed")  # as a cycle notes what it only proposes
    assert dataset("--as-of", moment.isoformat())[TRADE_ID]["outcome_status"] == "PENDING"


def test_the_formats_tell_the_same(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    small_set()
    lines = list(dataset().values())
    rows = list(csv.DictReader(io.StringIO(written("--format", "csv"))))
    call_command("export_signals", "--format", "parquet", "--output", str(tmp_path / "signals.parquet"))
    columns = parquet.read_table(tmp_path / "signals.parquet").to_pylist()
    assert len(rows) == len(columns) == len(lines) == 7
    for line, row, column in zip(lines, rows, columns, strict=True):
        assert list(line) == list(row) == list(column)
        assert {name: text for name, text in row.items() if text} == {
            name: {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
            for name, value in line.items() if value is not None
        }  # fmt: skip
        for name, value in column.items():
            told = iso(value) if isinstance(value, datetime) else value
            assert str(told) == str(line[name]) or told == line[name], name
    assert list(tmp_path.iterdir()) == [tmp_path / "signals.parquet"]


def test_it_is_reproducible_and_can_hold_some_fields_only() -> None:
    small_set()
    assert written() == written()
    row = dataset("--fields", "trade_id, outcome_be_r_2")[LOST]
    assert list(row) == ["trade_id", "outcome_be_r_2", "outcome_be_r_2__source", "outcome_be_r_2__confidence"]


def test_queries_follow_chunks_and_not_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    def cost(*arguments: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            written(*arguments)
        return len(captured)

    send([(created(), at(1))])
    few, few_past = cost(), cost("--as-of", iso(at(90)))
    send([(created(f"20251211_0941{n:02}000_BULLISH"), at(2)) for n in range(20)])
    assert (cost(), cost("--as-of", iso(at(90)))) == (few, few_past)
    monkeypatch.setattr(knowing, "AT_ONCE", 2)
    assert len(dataset()) == 21


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fields", "nope"], "There is no field nope"),
        (["--as-of", "2199-01-01"], "lies in the future"),
        (["--as-of", "2025-12-11", "--status", "COMPLETED"], "--status is that of today"),
        (["--observed-only", "--status", "COMPLETED"], "--status is that of today"),
        (["--output", "/nowhere/at/all.csv", "--format", "csv"], "cannot be written"),
    ],
)
def test_what_cannot_be_right_is_refused(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        written(*arguments)


def test_without_the_package_it_says_what_parquet_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(CommandError, match=r"requirements-datasets\.txt"):
        call_command("export_signals", "--format", "parquet", "--output", str(tmp_path / "signals.parquet"))
    assert list(tmp_path.iterdir()) == []


def test_the_export_of_all_fields_stays_what_it_was() -> None:
    send([(created(), at(1)), (entry(), at(3))])
    out = io.StringIO()
    call_command("export_signals", stdout=out)
    assert "provenance" in json.loads(out.getvalue())


def test_the_document_tells_every_field_in_order() -> None:
    document = (Path(__file__).resolve().parents[3] / "docs" / "datasets.md").read_text()
    rows = [line.split("|")[1:4] for line in document.splitlines() if line.startswith("| `")]
    told = [(name.strip(" `"), kind.strip(), about.strip()) for name, kind, about in rows]
    assert told == [(field.name, field.kind, field.about) for field in FIELDS.values()]
