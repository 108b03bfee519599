"""`read`: strict JSON, a clear reason for everything that is quarantined, and never anything but a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals import dialects
from signals.facts import UnreadableError

from .payloads import body, plain, refusal


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b'{"a":"\xff"}', "is not UTF-8 (byte 6)"),
        (b'{"a":"\x00"}', "NUL"),
        (rb'{"a":"\u0000"}', "NUL"),
        (b"hello", "is no message of the indicator; it comes from another alert"),
        (b"trade_id A", "is not a JSON object"),
        (b"[]", "is not a JSON object but []"),
        (b'"text"', "is not a JSON object but 'text'"),
        (b"17", "is not a JSON object but '17'"),
        (b'[{"a":1},2]', "None of 2 alerts can be read"),
        (b'{"a":1}{"b":2}', "None of 2 alerts can be read; alert 1: This is no message of the indicator"),
        (b'{"a":1,"a":2}', "names 'a' twice"),
        (b'{"a":' * 30_000, "nested too deeply"),
        (b'{"event_type":"ENTRY","trade_id":"A","mae:0,mfe":1}', "'mae:0,mfe' has lost its quotes"),
        (b'{"a":1e99999999999999999999}', "number too long"),
        (b'{"a":' + b"9" * 5000 + b"}", "number too long"),
        (b"{}", "keys: none"),
        (b'{"colour":1,"size":2}', "Its keys: 'colour', 'size'"),
        (b'{"event_type":"ENTRY"}', "needs event_type and trade_id"),
        (b'{"event_type":"TRAILED","trade_id":"A"}', "'TRAILED' is not one of SIGNAL_CREATED, ENTRY"),
        (b'{"event_type":["ENTRY"],"trade_id":"A"}', "is not one of"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_a_reason(sent: bytes, reason: str):
    assert reason in refusal(sent)


@pytest.mark.parametrize("number", [b"1e999999999", b"-1e999999999", b"9" * 400])
def test_an_absurd_number_is_refused_whatever_its_size(number: bytes):
    sent = b'{"event_type":"MFE_UPDATE","trade_id":"A","be_mfe":' + number + b"}"

    assert "be_mfe" in refusal(sent)


def test_a_vanishing_number_is_zero():
    sent = b'{"event_type":"MFE_UPDATE","trade_id":"A","be_mfe":1e-999999999}'

    assert dialects.read(sent).events[0].values == {"be_mfe": "0"}


def test_a_byte_order_mark_and_white_space_around_are_no_matter():
    assert dialects.read(b"\xef\xbb\xbf\r\n" + body(plain()) + b"\n") == dialects.read(body(plain()))


def test_a_dialect_is_recognised_by_its_event_type_before_its_keys():
    marked = {"schema_version": "1.0.0", "trade_id": "A", "event_type": "mfe_update_batch", "signals": []}

    assert dialects.read(body(marked)).dialect == "batch"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
)
SINGLE = ("event_type", "type", "trade_id", "signal_id", "schema_version", "symbol", "targets", "htf_alignment")
MEASURED = ("session", "entry_price", "be_mfe", "mae", "current_price", "status", "signal_time", "signal_date")
LISTED = ("signals", "attributes", "confirmation_time", "bar_ts", "close")
FIELDS = st.sampled_from((*SINGLE, *MEASURED, *LISTED))
KINDS = st.sampled_from(
    ["ENTRY", "exit_sl", "MFE_UPDATE_BATCH", "HEARTBEAT", "UNIFIED_SNAPSHOT_V1", "POLLING_RESPONSE", "NEW"]
)


@given(st.dictionaries(FIELDS, JSON), KINDS)
def test_whatever_arrives_is_read_or_refused_and_can_be_stored(payload: dict[str, object], kind: str):
    sent = json.dumps({"trade_id": "A", **payload, "event_type": kind}).encode()
    try:
        reading = dialects.read(sent)
    except UnreadableError as error:
        stored = error.reason + error.proposal
    else:
        stored = json.dumps([dict(event.values) for event in reading.events], ensure_ascii=False)
        stored += "".join(reading.faults)
    assert "\x00" not in stored
    assert stored.encode()


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(sent: bytes):
    assert refusal(sent)
