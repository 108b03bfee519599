"""Feeds of other prices than the indicator's are found out, and nothing of what they told is believed."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from signals.bars.storing import Bar, store_bars
from signals.clock import MINUTE
from signals.feeds.agreement import compare, disagrees
from signals.feeds.asking import Need, Turn, take_turn
from signals.feeds.base import FeedBar
from signals.feeds.windows import Span
from signals.market import market
from signals.models import FeedUse, PriceBar, RefusedBar, Source
from signals.receiving.senders import default_source
from tests.builders import entry, send

from .server import START, Vendor, calm

LATER = START + timedelta(days=2)
TICK = Decimal("0.25")
Ask = Callable[..., Turn | None]


@pytest.mark.parametrize(
    ("compared", "differing", "expected"),
    [
        (10, 3, False),
        (10, 4, True),
        (99, 3, False),
        (100, 1, False),
        (100, 2, True),
        (1000, 10, False),
        (1000, 11, True),
    ],
)
def test_more_than_one_minute_in_a_hundred_is_too_much(compared: int, differing: int, expected: bool) -> None:
    assert disagrees(compared, differing) is expected


def test_two_ticks_are_no_difference_and_minutes_that_nobody_told_are_not_compared() -> None:
    bars = [FeedBar(START + minute * MINUTE, *[Decimal(25_700)] * 4) for minute in range(3)]
    told = {START: Decimal("25700.5"), START + MINUTE: Decimal("25700.75")}
    assert compare(bars, told, TICK) == (2, {START + MINUTE})


@pytest.fixture
def ask(vendor: Vendor, lines: Any) -> Ask:
    def ask(hour: int = 0) -> Turn | None:
        use, _ = FeedUse.objects.get_or_create(symbol="MNQ1!", feed="massive", feed_symbol="NQZ5")
        span = Span(START + hour * 60 * MINUTE, START + (hour + 1) * 60 * MINUTE)
        return take_turn("massive", [Need(use, [span], market(), TICK)], now=LATER, seconds=60, line=lines)

    return ask


def told(minutes: range, above: float = 0) -> None:
    """Closes of the indicator, so much above those of calm bars."""
    store_bars(
        Bar("MNQ1!", row[0], PriceBar.Kind.CLOSE, None, None, None, Decimal(str(row[4] + above)), f"{place}:0")
        for place, row in enumerate(calm(minutes))
    )


@pytest.mark.django_db
def test_bars_of_another_symbol_with_the_same_prices_are_believed(vendor: Vendor, ask: Ask) -> None:
    vendor.rows = calm(range(60))
    told(range(30), above=0.5)
    ask()
    use = FeedUse.objects.get()
    assert (use.compared, use.differing, use.stopped_at) == (30, 0, None)
    assert PriceBar.objects.filter(kind=PriceBar.Kind.BAR).count() == 60


@pytest.mark.django_db
def test_entry_prices_are_compared_as_well(vendor: Vendor, ask: Ask) -> None:
    vendor.rows = calm(range(60))
    send([(entry(), START + 31 * MINUTE)])  # 25,740 where the feed has 25,700
    ask()
    assert (FeedUse.objects.get().compared, FeedUse.objects.get().differing) == (1, 1)
    assert RefusedBar.objects.get().reason == "another close than the indicator told"
    assert not PriceBar.objects.filter(time=START + 30 * MINUTE).exists()


@pytest.mark.django_db
def test_a_feed_that_disagrees_is_used_no_more_and_what_it_told_is_taken_back(vendor: Vendor, ask: Ask) -> None:
    vendor.rows = calm(range(120))
    ask(hour=0)
    assert PriceBar.objects.count() == 60
    told(range(60, 70), above=40)
    ask(hour=1)
    use = FeedUse.objects.get()
    assert (use.compared, use.differing, use.stopped_at) == (10, 10, LATER)
    assert not PriceBar.objects.filter(origin=PriceBar.Origin.FEED).exists()
    assert set(RefusedBar.objects.values_list("reason", flat=True)) == {"its feed disagrees with the indicator"}
    assert RefusedBar.objects.count() == 120
    assert PriceBar.objects.filter(kind=PriceBar.Kind.CLOSE).count() == 10


@pytest.mark.django_db
def test_closes_that_its_bars_stood_over_come_back_and_all_signals_are_looked_at_again(
    vendor: Vendor, ask: Ask
) -> None:
    default_source()
    reported = {"be_mfe": 1.0, "no_be_mfe": 1.0, "mae_global_r": -0.5, "current_price": 25_701.25}
    signals = [{"trade_id": "20251210_095900000_BEARISH", "direction": "Bearish", **reported}]
    batch = {"event_type": "MFE_UPDATE_BATCH", "timestamp": "2025-12-10T10:02:00", "signals": signals}
    send([(batch, START + 2 * MINUTE)])
    before = PriceBar.objects.values("time", "close", "kind", "evidence").get()
    vendor.rows = calm(range(120))
    ask(hour=0)
    assert PriceBar.objects.get(time=before["time"]).origin == PriceBar.Origin.FEED
    told(range(60, 70), above=40)
    ask(hour=1)
    assert PriceBar.objects.values("time", "close", "kind", "evidence").get(time=before["time"]) == before
    assert Source.objects.get().switched
