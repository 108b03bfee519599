"""Shapes: which bodies are of one make, and which are no message of the indicator."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.dialects.shapes import MAX_LABEL, shape_of
from tests.signals.dialects.payloads import body, plain


def key(sent: Any) -> str:
    return shape_of(sent.encode() if isinstance(sent, str) else body(sent)).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ticker": "A", "price": 1}, {"price": "2.5", "ticker": "B"}),
        ({"ticker": "A", "sl": None}, {"ticker": "A", "sl": 3}),
        ({"orders": [{"id": 1}, {"id": 2}]}, {"orders": [{"id": 3}]}),
        ([{"a": 1}], {"a": 2}),
        ("BTCUSDT Crossing 65,000", "EURUSD Crossing 1.06304"),
        ("order buy @ 1 filled on BTCUSDT. Done", "order sell @ 0.25 filled on CME_MINI:MNQ1!. Done"),
        ("601,buy,EURUSD,risk=1", "602,closelong,GBPJPY,risk=0.5"),
        ({"content": "BTCUSDT Crossing 65,000"}, {"content": "ES1! Crossing 5,012.25"}),
    ],
)
def test_what_differs_from_alert_to_alert_is_no_difference_of_shape(one: Any, other: Any) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ticker": "A"}, {"symbol": "A"}),
        ({"a": {"b": 1}}, {"a": 1}),
        ("BTCUSDT Crossing 65,000", "BTCUSDT Crossing Up 65,000"),
        ({"content": "BTCUSDT Crossing 65,000"}, "BTCUSDT Crossing 65,000"),
        ({"content": "BTCUSDT Crossing 65,000"}, {"content": "order buy"}),
    ],
)
def test_other_keys_and_other_words_are_another_shape(one: Any, other: Any) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("sent", "foreign"),
    [
        (b'{"ticker":"A","action":"buy"}', True),
        (b"BTCUSDT Crossing 65,000", True),
        (b"", False),
        (b"\xff\xfe", False),
        (b'{"event_type":"ENTRY","trade_id":"2025', False),
        (b'{"event_type":"TRAILED","trade_id":"A"}', False),
        (b'{"ticker":"A","action":buy}', True),
    ],
)
def test_another_alerts_message_is_told_from_a_damaged_one(sent: bytes, foreign: bool) -> None:
    assert shape_of(sent).foreign is foreign


def test_a_damaged_message_is_told_within_a_relay_too() -> None:
    assert not shape_of(body({"content": json.dumps(plain("ENTRY"))[:-20]})).foreign


def test_labels_are_short_and_can_be_stored() -> None:
    assert shape_of(b"BTCUSDT Crossing 65,000").label == "<symbol> Crossing <number>"
    assert shape_of(b'{"b":1,"a":{"c":2}}').label == "a.c, b"
    assert len(shape_of(body({f"a long name {n}": n for n in range(99)})).label) <= MAX_LABEL


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_every_body_has_a_shape(sent: bytes) -> None:
    found = shape_of(sent)

    assert len(found.key) == 32
    assert "\x00" not in found.label
