"""How numbers, times and states are written."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.telling.fields import METHODS, evident, method_name, written
from dashboard.telling.formats import (  # fmt: skip
    ago,
    badge,
    clock,
    delivery_name,
    duration,
    gist,
    htf,
    new_york,
    price,
    r,
    tier_name,
)
from dashboard.telling.provenance import origin_badge
from signals.formats import EMPTY
from signals.models import Delivery
from signals.models.deliveries import NO_TIME

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


def test_utc_times_in_stored_texts_are_told_as_new_yorks() -> None:
    assert new_york("quarantine of 2026-11-23 01:01Z, dismissed") == "quarantine of 2026-11-22 20:01, dismissed"
    assert new_york("2026-07-01T13:30:05Z") == "2026-07-01 09:30:05"
    assert new_york("delivery of 1970-01-01 00:00Z") == "delivery of unknown time"
    assert new_york("MNQ1! 2026-07-01") == "MNQ1! 2026-07-01"


def test_a_delivery_is_named_by_its_dialect_and_when_its_alert_fired() -> None:
    assert ">2025-12-11 09:41<" in delivery_name(Delivery(dialect="strategy", fire_minute=NOW))
    assert delivery_name(Delivery(fire_minute=NO_TIME)) == "delivery of unknown time"


def test_the_words_of_a_choice_are_shown_and_not_its_identifier() -> None:
    tick = Decimal("0.25")
    assert written("session", "AFTER_HOURS", tick) == "After hours"
    assert written("session", "NY AM", tick) == "New York morning"
    assert written("session", "MY SESSION", tick) == "MY SESSION"
    assert written("state", "COMPLETED", tick) == "Completed"


def test_every_method_of_the_tiers_is_told_in_words() -> None:
    table = Path("docs/tiers.md").read_text().split("## The rules")[0]
    methods = set(re.findall(r"\| `(\w+)` \| (?:at most|off|\d)", table))
    assert len(methods) > 15
    assert {method for method in methods if method not in METHODS} <= {
        "entry_price_from_be_price",
        "stop_loss_from_stop_exit_price",
    }
    assert method_name("entry_price_from_be_price") == "entry price from be price"


def test_a_tier_is_called_by_its_number_and_inference_by_its_name() -> None:
    assert (tier_name("2"), tier_name("inference")) == ("tier 2", "inference")


def test_evidence_is_told_in_a_line() -> None:
    evidence = {"rungs": {"1": "25500", "-1": "25400"}, "bars": ["2025-12-11T14:41:00Z", "b"]}
    assert evident(evidence) == "rungs -1 25400; 1 25500; bars 2025-12-11 09:41, b"


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


def test_the_gist_of_a_batch_is_how_many_signals_it_tells_of() -> None:
    entry = b'{"event_type":"MFE_UPDATE","trade_id":"20251211_0940%02d000_BULLISH"}'
    batch = b'{"signals":[' + b",".join(entry % n for n in (1, 2, 2, 3)) + b"]}"
    assert gist(batch) == "batch of 3 signals"
