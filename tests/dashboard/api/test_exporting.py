"""Exports: one line a signal, comparable, exact, safe to open, and without what is about the row."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from signals.exporting import INTERNAL, MODEL_FIELDS, number, record
from signals.lines import cell
from signals.models import AutomatedSignal, Source
from tests.builders import TRADE_ID, at, break_even, created, entry, send, the_signal, update

OTHER = "20251211_094100000_BULLISH"


def exported(*arguments: str) -> str:
    out = io.StringIO()
    call_command("export_signals", *arguments, stdout=out)
    return out.getvalue()


def signals(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported(*arguments).splitlines()]


@given(st.decimals(min_value=-9_999_999, max_value=9_999_999, places=8))
def test_a_number_loses_nothing_on_its_way_through_json(value: Decimal) -> None:
    assert Decimal(json.dumps(number(value))) == value


@pytest.mark.parametrize(("value", "text"), [("25740.10000000", "25740.1"), ("24847.00000000", "24847"), ("-0.0", "0")])
def test_a_number_is_written_as_plainly_as_it_can_be(value: str, text: str) -> None:
    assert json.dumps(number(Decimal(value))) == text


@pytest.mark.django_db
class TestLines:
    def test_every_column_is_told_but_housekeeping(self) -> None:
        send([(created(), at(1))])
        [told] = signals()
        columns = {field.name for field in AutomatedSignal._meta.concrete_fields}
        assert set(told) == columns - {"needs_sync", "check_at", "rebuild_error", "flips"} | {
            "synthetic",
            "tags",
            "notes",
        }
        assert set(MODEL_FIELDS).isdisjoint(INTERNAL)

    def test_the_source_is_told_by_name_and_times_end_in_z(self) -> None:
        send([(created(), at(1))])
        [told] = signals()
        assert told["source"] == "default"
        assert told["signal_time"] == "2025-12-11T14:40:00Z"

    def test_what_the_indicator_did_not_send_itself_is_marked(self) -> None:
        send([(break_even(), at(5))])
        [told] = signals()
        assert told["entry_price"] == 25740
        assert {"entry_price", "stop_loss"} <= set(told["synthetic"])
        assert "be_price" not in told["synthetic"]

    def test_lines_are_ordered_by_source_and_trade_id_however_they_arrived(self) -> None:
        second = Source.objects.create(name="a-second")
        send([(created(OTHER), at(2))])
        send([(created(), at(1))])
        send([(created(OTHER), at(2))], second)
        order = [(each["source"], each["trade_id"]) for each in signals()]
        assert order == [("a-second", OTHER), ("default", TRADE_ID), ("default", OTHER)]

    def test_status_and_source_narrow_it(self) -> None:
        send([(created(), at(1)), (entry(), at(3)), (created(OTHER), at(2))])
        assert [each["trade_id"] for each in signals("--status", "pending")] == [OTHER]
        assert len(signals("--status", "PENDING", "--status", "CONFIRMED")) == 2
        Source.objects.create(name="second")
        assert signals("--source", "second") == []

    def test_a_source_that_does_not_exist_is_refused_with_those_that_do(self) -> None:
        send([(created(), at(1))])
        with pytest.raises(CommandError, match=r"There is no source 'nowhere'\. Known sources: default\."):
            exported("--source", "nowhere")

    def test_json_is_another_word_for_jsonl(self) -> None:
        send([(created(), at(1))])
        assert exported("--json") == exported("--format", "jsonl") == exported()

    def test_csv_has_the_same_columns_and_values(self) -> None:
        send([(created(), at(1)), (entry(), at(3)), (update(0.5), at(4))])
        [row] = csv.DictReader(io.StringIO(exported("--format", "csv")))
        told = record(the_signal())
        assert list(row) == list(told)
        assert row["entry_price"] == "25740"
        assert row["single_leg"] == "false"
        assert row["stop_exit_at"] == ""
        assert json.loads(row["provenance"]) == told["provenance"]

    def test_queries_follow_sources_and_not_signals(self) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as captured:
                exported()
            return len(captured)

        send([(created(), at(1))])
        few = cost()
        send([(created(f"20251211_0941{n:02}000_BULLISH"), at(2)) for n in range(20)])
        assert cost() == few


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+1+cmd()", "'+1+cmd()"), ("@x", "'@x"), ("-1-1", "'-1-1"),
        ("-0.2512", "-0.2512"), ("-1E-7", "-1E-7"), (-1.5, -1.5), ("ASIA", "ASIA"),
    ],
)  # fmt: skip
def test_text_that_a_spreadsheet_would_run_is_disarmed_and_numbers_are_not(value: Any, shown: Any) -> None:
    assert cell(value) == shown
