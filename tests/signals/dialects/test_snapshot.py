"""`snapshot`: one bar, the open signals, the new triangles."""

from datetime import UTC, datetime

import pytest

from signals.facts import BarFacts

from .payloads import decimals, later_entry, read, refusal, snapshot, triangle


def test_the_bar_is_named_by_its_open_one_minute_before_bar_ts():
    first, high, low, close = decimals("25512.5", "25515", "25510.25", "25513.75")

    assert read(snapshot()).bars == (
        BarFacts(close, datetime(2025, 12, 11, 5, 57, tzinfo=UTC), open=first, high=high, low=low, symbol="MNQ1!"),
    )


def test_signals_and_new_triangles_are_reports_numbered_through():
    reading = read(snapshot(signals=[later_entry(), later_entry(trade_id="B")]))

    assert {event.type for event in reading.events} == {"UNIFIED_SNAPSHOT_V1"}
    assert [event.position for event in reading.events] == [0, 1, 2]


def test_a_pending_triangle_has_times_and_htf_but_no_zeros_for_values():
    (event,) = read(snapshot(signals=[])).events

    assert event.values == {
        "direction": "Bearish",
        "state": "PENDING",
        "triangle_time": "2025-12-11T05:43:00Z",
        "htf_alignment": {"daily": "Neutral", "h4": "Bullish", "h1": "Neutral", "m15": "Bearish", "m5": "Bullish"},
    }


def test_a_confirmed_triangle_has_all():
    confirmed = triangle(
        status="CONFIRMED", confirmation_time=1765431900000, entry="25500.5", stop=25510, bars_to_confirm=2
    )
    (event,) = read(snapshot(signals=None, triangles_delta=[confirmed])).events

    assert event.values["confirmation_time"] == "2025-12-11T05:45:00Z"
    assert (event.values["entry_price"], event.values["stop_loss"]) == ("25500.5", "25510")
    assert event.values["bars_to_confirmation"] == 2


def test_the_prices_of_entries_make_no_second_bar():
    assert len(read(snapshot(signals=[later_entry(current_price=1)])).bars) == 1


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"high": 25512}, "open and close do not lie between low and high"),
        ({"low": 25513}, "open and close do not lie between low and high"),
        ({"close": 0}, "close '0' is not above zero"),
        ({"open": None}, "open None is not a number"),
        ({"bar_ts": 1765432681000}, "is not a whole minute"),
        ({"bar_ts": None}, "bar_ts None is not a whole minute"),
        ({"bar_ts": 1765432680}, "is not a time in epoch milliseconds"),
    ],
)
def test_a_bar_that_cannot_be_is_named_and_the_signals_are_read(fields: dict[str, object], fault: str):
    reading = read(snapshot(**fields))

    assert reading.bars == ()
    assert len(reading.events) == 2
    assert fault in reading.faults[0]


def test_a_bad_bar_alone_is_refused():
    assert "price bar" in refusal(snapshot(high=1, signals=[], triangles_delta=[]))


def test_a_snapshot_may_carry_signals_without_a_bar():
    assert read(snapshot(open=None, high=None, low=None, close=None)).bars == ()
