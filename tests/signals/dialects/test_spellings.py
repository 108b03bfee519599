"""One table of spellings: whatever the word, the fact is the same text."""

import json
from typing import Any

import pytest

from signals.dialects import DIALECTS
from signals.facts import FACTS

from .payloads import plain, read, refusal, telemetry, values


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_row_writes_a_declared_fact(dialect: Any):
    assert {row.fact for row in dialect.table.rows} <= FACTS.keys()


@pytest.mark.parametrize(
    ("fields", "fact", "meant"),
    [
        ({"direction": "LONG"}, "direction", "Bullish"),
        ({"direction": "short"}, "direction", "Bearish"),
        ({"direction": None, "bias": "BEAR"}, "direction", "Bearish"),
        ({"session": "NY_AM"}, "session", "NY AM"),
        ({"session": "ny lunch"}, "session", "NY LUNCH"),
        ({"session": "AFTER HOURS"}, "session", "AFTER_HOURS"),
        ({"session": "Tokyo"}, "session", "TOKYO"),
        ({"entry_price": "25740.50"}, "entry_price", "25740.5"),
        ({"entry_price": None, "entry": 2.574e4}, "entry_price", "25740"),
        ({"stop_loss": None, "sl_price": "25730"}, "stop_loss", "25730"),
        ({"stop_loss": "", "stop": 25730.25}, "stop_loss", "25730.25"),
        ({"target_1r": 25750}, "tp1", "25750"),
        ({"targets": {"tp1_price": "25750"}}, "tp1", "25750"),
        ({"tp2_price": 25760}, "tp2", "25760"),
        ({"mae_global_r": -0.0}, "mae", "0"),
        ({"be_mfe": 0.30000000000000004}, "be_mfe", "0.3"),
        ({"be_mfe": 1.4e-14}, "be_mfe", "0"),
        ({"be_hit": "true"}, "be_triggered", True),
        ({"signal_time": "14:40"}, "signal_clock", "14:40:00"),
        ({"confirmation_time": "1765431180000"}, "confirmation_time", "2025-12-11T05:33:00Z"),
        ({"htf_1h": "BULL"}, "htf_alignment", {"h1": "Bullish"}),
        ({"htf_alignment": {"4h": "neut", "h1": None}}, "htf_alignment", {"h4": "Neutral"}),
    ],
)
def test_a_spelling_is_understood(fields: dict[str, Any], fact: str, meant: Any):
    assert values(plain("ENTRY", **fields))[fact] == meant


def test_the_completion_reason_is_the_exit_reason():
    assert values(plain("EXIT_SL", completion_reason="stop"))["exit_reason"] == "stop"


@pytest.mark.parametrize(
    "fields",
    [
        {"be_price": None},
        {"be_price": "null"},
        {"be_price": ""},
        {"be_price": 0},
        {"targets": None},
        {"targets": {"tp1_price": 0, "tp2_price": 0.0, "tp3_price": "0"}},
        {"confirmation_time": 0},
        {"confirmation_time": "2025-12-12T14:43:00"},
        {"htf_alignment": {}},
    ],
)
def test_nulls_and_placeholders_are_absent(fields: dict[str, Any]):
    assert values(plain("ENTRY", **fields)) == values(plain("ENTRY"))


def test_a_label_and_a_reason_are_cut_to_what_is_kept():
    found = values(plain("EXIT_SL", session="x" * 100, exit_reason="y" * 100))

    assert (found["session"], found["exit_reason"]) == ("X" * 24, "y" * 64)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"entry_price": "abc"}, "entry_price 'abc' is not a number"),
        ({"entry_price": -1}, "entry_price '-1' is not above zero"),
        ({"entry_price": True}, "entry_price 'True' is not a number"),
        ({"entry_price": [1]}, "entry_price [1] is not a number"),
        ({"stop_loss": 10**13}, "stop_loss '10000000000000' is beyond 1,000,000,000,000"),
        ({"stop_loss": "1e30"}, "stop_loss '1e30' is beyond"),
        ({"be_mfe": 1e8}, "is beyond 10,000,000"),
        ({"be_mfe": "0.1234567890123456789"}, "has more than 18 digits"),
        ({"be_mfe": "1_0"}, "be_mfe '1_0' is not a number"),
        ({"targets": [25750]}, "targets [25750] is not an object"),
        ({"targets": {"tp1_price": -5}}, "targets.tp1_price '-5' is not above zero"),
        ({"direction": "up"}, "direction 'up' is none of BULLISH"),
        ({"session": "A\u0001"}, "session 'A\\x01' holds control characters"),
        ({"session": "\ud800"}, "holds control characters"),
        ({"session": 5}, "session '5' is not a text"),
        ({"signal_date": "12.12.2025"}, "is not a date like"),
        ({"signal_time": "noon"}, "is not a time like"),
        ({"confirmation_time": 1765431180}, "is not a time in epoch milliseconds"),
        ({"bars_to_confirm": 1.5}, "is not a count"),
        ({"bars_to_confirm": -1}, "is not a count"),
        ({"be_triggered": 1}, "is neither true nor false"),
        ({"htf_alignment": "Bullish"}, "htf_alignment is not an object"),
        ({"htf_1h": "UP"}, "timeframe h1 'UP' is none of BULLISH"),
        ({"trade_id": ""}, "trade_id '' is missing"),
        ({"trade_id": " "}, "is missing"),
        ({"trade_id": 5}, "trade_id '5' is not a text"),
        ({"trade_id": "x" * 65}, "is longer than 64 characters"),
        ({"trade_id": "a\nb"}, "holds control characters"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_field_and_value(fields: dict[str, Any], fault: str):
    assert fault in refusal(json.dumps(plain("ENTRY", **fields)).encode())


def test_a_symbol_too_long_to_keep_leaves_the_event_and_drops_its_price():
    reading = read(plain("ENTRY", symbol="S" * 33, current_price=25740))

    assert (len(reading.events), reading.bars) == (1, ())
    assert "is longer than 32 characters" in reading.faults[0]


def test_a_bad_time_in_telemetry_is_refused():
    assert "event_timestamp 'soon' is not a time" in refusal(telemetry("ENTRY", event_timestamp="soon"))
