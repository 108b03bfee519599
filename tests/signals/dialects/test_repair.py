"""Repair: quotes may come and go, and nothing else; what is read then is what was meant, or nothing."""

import json
from decimal import Decimal

import json_repair
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals import dialects
from signals.facts import Reading, UnreadableError

from .payloads import (
    Payload,
    all_signals_entry,
    batch,
    batch_entry,
    body,
    created,
    export,
    later_entry,
    plain,
    snapshot,
    strategy,
    telemetry,
)

STRAY = (
    b'{"type":"ENTRY","signal_id":"20251114_052300000_BULLISH","date":"2025-11-14","time":"06:22:00",'
    b'"bias":"Bullish","session":"NY PRE","entry_price":24847","sl_price":24818","risk_distance":29",'
    b'"be_price":24847","target_1r":24876","target_2r":24905","target_3r":24934,"be_hit":false,'
    b'"be_mfe":0.00,"no_be_mfe":0.00,"status":"active","timestamp":1763119320000}'
)


def refused(sent: bytes) -> UnreadableError:
    with pytest.raises(UnreadableError) as caught:
        dialects.read(sent)
    return caught.value


def facts(reading: Reading) -> tuple[object, ...]:
    return reading.events, reading.bars, reading.heartbeat


def test_the_stray_quotes_of_a_whole_price_are_taken_away():
    reading = dialects.read(STRAY)

    assert facts(reading) == facts(dialects.read(body(strategy("ENTRY"))))
    assert reading.repair is not None
    assert reading.repair.summary.startswith("6 quotes removed, 0 added; the first near ")


def test_the_mended_text_keeps_every_other_character_as_it_was_sent():
    repair = dialects.read(STRAY).repair

    assert repair is not None
    assert repair.text.replace('"', "") == STRAY.decode().replace('"', "")
    assert json.loads(repair.text)["entry_price"] == 24847


def test_a_missing_quote_behind_a_timeframe_is_put_back():
    intact = body(snapshot())
    broken = intact.replace(b'"htf_1h":"NEUT",', b'"htf_1h":"NEUT,')
    reading = dialects.read(broken)

    assert facts(reading) == facts(dialects.read(intact))
    assert reading.repair is not None
    assert reading.repair.summary.startswith("0 quotes removed, 1 added")


def test_an_intact_body_is_not_repaired():
    assert dialects.read(body(strategy("ENTRY"))).repair is None


def test_numbers_keep_the_digits_that_a_float_would_lose():
    sent = b'{"event_type":"MFE_UPDATE","trade_id":"A","be_mfe":0.12345678901234567,"mae":-1"}'
    repair = dialects.read(sent).repair

    assert repair is not None
    assert "0.12345678901234567," in repair.text


@pytest.mark.parametrize(
    "broken",
    [
        b'{"event_type":"ENTRY","trade_id":"A","entry_price":25740,}',
        b"{'event_type':'ENTRY','trade_id':'A'}",
        b'{"event_type":"ENTRY" "trade_id":"A"}',
        b'{"event_type":"ENTRY","trade_id":"A","entry_price":}',
        b'{"event_type":"ENTRY","trade_id":"A","entry_price":,"stop_loss":1}',
        b'{"event_type":"ENTRY","trade_id":"A","entry_price":007}',
        b'{"event_type":"ENTRY","trade_id":"A","entry_price":25,740"}',
        b'{"event_type":"ENTRY","trade_id":"A","targets":{"tp1_price":1}',
        b'{"event_type":"MFE_UPDATE_BATCH","signals":[{"trade_id":"A"},{"trade_id":"B"}}',
        b'{"event_type":"ENTRY","trade_id":"A", // comment\n"entry_price":1}',
        b'{"event_type":"ENTRY","trade_id":"A","session":"NY \\"AM"","entry_price":1}',
        b'{"event_type":"ENTRY","trade_id":"A","session":"a, b","entry_price":1"}',
        b'{"event_type":"ENTRY","trade_id":"A","trade_id":"B","entry_price":1"}',
    ],
)
def test_what_takes_more_than_quotes_is_refused(broken: bytes):
    assert "mending its quotes does not make it so" in refused(broken).reason


def test_the_proposal_is_kept_for_the_operator():
    error = refused(b'{"event_type":"ENTRY","trade_id":"A","entry_price":25740,}')

    assert json.loads(error.proposal) == {"event_type": "ENTRY", "trade_id": "A", "entry_price": 25740}


def test_a_body_that_was_cut_off_is_refused_because_it_may_hold_half_a_number():
    error = refused(STRAY[: STRAY.index(b"18") + 1])

    assert "was cut off" in error.reason
    assert json.loads(error.proposal)["entry_price"] == 24847


def test_a_mended_value_must_be_what_its_field_says():
    error = refused(b'{"event_type":"ENTRY","trade_id":"A","htf_1h":"UP,"entry_price":25740"}')

    assert "Mended, but: plain: ENTRY: timeframe h1 'UP' is none of" in error.reason
    assert json.loads(error.proposal)["htf_1h"] == "UP"


def test_a_mended_batch_is_read_whole_or_not_at_all():
    broken = body(batch(batch_entry(), batch_entry(trade_id=""))).replace(b'"Bearish",', b'"Bearish,', 1)

    assert "trade_id '' is missing" in refused(broken).reason


@pytest.mark.parametrize(
    "damaged",
    [b'{"a":"b,' * 8000 + b"}", b"{" * 20_000 + b"}", b"{" + b"a:b," * 15_000 + b'"z":1}'],
    ids=["quotes", "braces", "names"],
)
def test_a_body_damaged_all_over_is_refused_without_the_seconds_that_a_proposal_would_take(damaged, monkeypatch):
    asked = []
    monkeypatch.setattr(json_repair, "repair_json", lambda *args, **options: asked.append(args) or "")

    assert refused(damaged).reason
    assert asked == []


PRICES = st.decimals(Decimal(1), Decimal(50_000), places=2).map(float)
MULTIPLES = st.decimals(Decimal(-5), Decimal(90), places=10).map(float)
KINDS = st.sampled_from(["ENTRY", "MFE_UPDATE", "BE_TRIGGERED", "EXIT_BREAK_EVEN"])
MEASURES = {"be_mfe": MULTIPLES, "no_be_mfe": MULTIPLES}
LEVELS = {"entry_price": PRICES, "stop_loss": PRICES}
PAYLOADS: st.SearchStrategy[Payload] = st.one_of(
    st.builds(strategy, KINDS, be_price=PRICES, **MEASURES),
    st.builds(telemetry, KINDS, mae_global_r=MULTIPLES, **LEVELS, **MEASURES),
    st.builds(created, session=st.sampled_from(["NY AM", "ASIA", "AFTER_HOURS"])),
    st.builds(plain, KINDS, exit_reason=st.sampled_from(["stop hit", "", None]), **LEVELS),
    st.builds(batch, st.builds(batch_entry, current_price=PRICES, **MEASURES), st.builds(later_entry, mae=MULTIPLES)),
    st.builds(snapshot),
    st.builds(export, st.builds(all_signals_entry, entry=PRICES, stop=PRICES)),
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A body, and the same with up to three quotes taken away or put in anywhere.

    Four in the right places make other, valid JSON of it: then nothing is broken, and it is taken at its word.
    """
    intact = body(draw(PAYLOADS)).decode()
    text = intact
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            quotes = [place for place, character in enumerate(text) if character == '"']
            place = draw(st.sampled_from(quotes))
            text = text[:place] + text[place + 1 :]
        else:
            place = draw(st.integers(1, len(text) - 1))
            text = text[:place] + '"' + text[place:]
    return intact.encode(), text.encode()


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_damaged_quotes_never_change_what_is_read(bodies: tuple[bytes, bytes]):
    intact, broken = bodies
    try:
        reading = dialects.read(broken)
    except UnreadableError:
        return
    assert facts(reading) == facts(dialects.read(intact))


@settings(max_examples=200, deadline=None)
@given(PAYLOADS, st.data())
def test_a_truncated_body_is_never_read(payload: Payload, data: st.DataObject):
    whole = body(payload)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]

    assert refused(cut).reason


@settings(max_examples=200, deadline=None)
@given(damaged(), st.data())
def test_a_truncated_body_with_damaged_quotes_is_never_read(bodies: tuple[bytes, bytes], data: st.DataObject):
    broken = bodies[1]
    cut = broken[: data.draw(st.integers(0, broken.rindex(b"}")))]

    assert refused(cut).reason
