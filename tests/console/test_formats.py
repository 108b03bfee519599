"""How numbers, times and states are written."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.templatetags.console import EMPTY, ago, badge, clock, duration, gist, htf, origin_badge, price, r

NOW = datetime(2025, 12, 11, 14, 41, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "tick", "written"),
    [
        (Decimal("25513.75000000"), "0.25", "25,513.75"),
        (Decimal("25513.80"), "0.25", "25,513.75"),
        (Decimal("25513.875"), "0.25", "25,514.00"),
        (24847, "0.25", "24,847.00"),
        ("1.084237", "0.00005", "1.08425"),
        (Decimal("52.5"), "1", "53"),
        (Decimal("12345"), "10", "12,350"),
        (None, "0.25", EMPTY),
    ],
)
def test_prices_are_rounded_to_the_tick(value: Any, tick: str, written: str) -> None:
    assert price(value, tick) == written


@given(st.decimals(0, 100_000, places=4), st.sampled_from(["0.25", "0.01", "0.5", "1", "0.00005"]))
def test_a_written_price_is_a_whole_number_of_ticks_at_most_half_a_tick_away(value: Decimal, tick: str) -> None:
    written = Decimal(price(value, tick).replace(",", ""))
    assert written % Decimal(tick) == 0
    assert abs(written - value) <= Decimal(tick) / 2


@pytest.mark.parametrize(
    ("value", "written"),
    [("1.254999", "1.25"), (Decimal("-0.2"), "-0.20"), (0, "0.00"), (Decimal("-0.001"), "0.00"), (None, EMPTY)],
)
def test_r_has_two_places(value: Any, written: str) -> None:
    assert r(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.084, "84 ms"),
        (2.14, "2.1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_unit(seconds: float, written: str) -> None:
    assert duration(seconds) == written


def test_a_time_is_told_as_a_distance_with_both_exact_ones_on_hover() -> None:
    shown = str(ago(NOW - timedelta(minutes=3), NOW))
    assert ">3 min ago<" in shown
    assert 'datetime="2025-12-11T14:38:00Z"' in shown
    assert "Thu 11 Dec 2025, 09:38:00 EST · 2025-12-11T14:38:00Z" in shown
    assert "in 2 h" in str(ago(NOW + timedelta(hours=2), NOW))
    assert ago(None, NOW) == EMPTY


def test_a_clock_time_is_new_yorks() -> None:
    assert ">2025-12-11 09:41<" in str(clock(NOW))


def test_arrows_say_in_words_what_they_show() -> None:
    shown = str(htf({"daily": "Bullish", "h4": "Bearish", "h1": "Neutral", "m15": "Bullish", "m5": "Bullish"}))
    assert 'aria-label="D Bullish, 4H Bearish, 1H Neutral, 15 Bullish, 5 Bullish, 1 unknown"' in shown
    assert "↑" in shown
    assert "↓" in shown
    assert htf(None) == EMPTY


def test_what_a_sender_wrote_is_escaped() -> None:
    assert "<script>" not in str(badge("<script>"))
    assert "<script>" not in str(htf({"daily": "<script>"}))


def test_a_synthetic_value_says_where_it_came_from_and_how_sure_it_is() -> None:
    shown = str(origin_badge({"source": "backend_calculated", "tier": "2", "confidence": 0.8}))
    assert ">calculated 0.80<" in shown
    assert "tier 2, confidence 0.80" in shown


def test_the_gist_of_a_body_is_its_event_and_trade() -> None:
    assert (
        gist(b'{"event_type":"ENTRY", "trade_id" : "20251211_094000000_BULLISH", "x":1}')
        == "ENTRY 20251211_094000000_BULLISH"
    )
    assert gist(b"oops") == "oops"
