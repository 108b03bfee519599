"""The indicator's twin: what it says bar by bar, against hand-made cases, properties, and the recorded night."""

import csv
import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.clock import MINUTE, NEW_YORK, instant
from signals.twin import Bar, Statement, Twin
from signals.twin.indicator import MOST_FOLLOWED
from signals.vocabulary import Direction, EventType

from .market import START, Prices, bars_of, mirrored, walk

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "recorded"
T = EventType
# A breakout at 14:01 whose high is 14; it is confirmed at 14:03 with the pivot of 14:02 (low 10) below it.
TRIANGLE: list[Prices] = [(10, 11, 9, 10), (11, 14, 10.5, 12), (12, 13, 10, 12.5)]
CONFIRMED: list[Prices] = [*TRIANGLE, (12.5, 15, 12, 14.25)]
RISK = Decimal("4.5")  # entry 14.25, stop 9.75


def said(*prices: Prices) -> list[tuple[str, int]]:
    """Statement types and the numbers of the bars at whose close they are made."""
    twin = Twin()
    return [(each.type, (bar.time - START) // MINUTE) for bar in bars_of(prices) for each in twin.take(bar)]


def after_entry(*prices: Prices) -> tuple[list[tuple[str, int]], Any]:
    """What is said after the ENTRY of CONFIRMED, and the trade."""
    twin, told, trade = Twin(), [], None
    for number, bar in enumerate(bars_of([*CONFIRMED, *prices])):
        for each in twin.take(bar):
            if each.type == T.ENTRY and trade is None:
                trade = each.trade
            elif trade and each.trade is trade:
                told.append((each.type, number))
    return told, trade


def test_a_trend_that_turns_is_a_triangle_and_a_close_beyond_its_bar_confirms_it() -> None:
    assert said(*CONFIRMED) == [(T.SIGNAL_CREATED, 1), (T.ENTRY, 3)]


def test_entry_is_the_confirming_close_and_the_bars_to_it_are_counted() -> None:
    _, trade = after_entry()
    assert (trade.entry, trade.stop, trade.bars_to_confirmation) == (Decimal("14.25"), Decimal("9.75"), 2)
    assert [trade.target(n) for n in (1, 2)] == [Decimal("18.75"), Decimal("23.25")]


def test_a_touch_of_the_triangle_high_does_not_confirm() -> None:
    assert said(*TRIANGLE, (12.5, 15, 12, 14)) == [(T.SIGNAL_CREATED, 1)]


def test_an_opposite_triangle_cancels_the_pending_one() -> None:
    assert said(*TRIANGLE, (12, 12, 8, 8.5)) == [(T.SIGNAL_CREATED, 1), (T.CANCELLED, 3), (T.SIGNAL_CREATED, 3)]


def test_excursions_grow_from_the_bar_after_confirmation_on() -> None:
    told, trade = after_entry((14.25, 16.5, 12, 16))
    assert told == []
    assert (trade.no_be_mfe, trade.be_mfe, trade.mae) == (Decimal("0.5"), Decimal("0.5"), Decimal("-0.5"))


def test_one_r_protects_from_the_next_bar_on_and_only_the_first_leg_ends_at_the_entry() -> None:
    told, trade = after_entry((14, 19, 14, 18), (18, 18, 14, 15), (15, 24, 15, 23))
    assert told == [(T.BE_TRIGGERED, 4), (T.EXIT_BREAK_EVEN, 5)]
    assert trade.be_mfe == Decimal("4.75") / RISK
    assert trade.no_be_mfe == Decimal("9.75") / RISK


def test_a_bar_that_touches_stop_and_one_r_is_a_loss_and_is_left_out() -> None:
    told, trade = after_entry((14, 15, 13, 14), (14, 20, 9.75, 12))
    assert told == [(T.EXIT_BREAK_EVEN, 5), (T.EXIT_STOP_LOSS, 5)]
    assert (trade.no_be_mfe, trade.mae, trade.ended) == (
        Decimal("0.75") / RISK,
        Decimal("-1.25") / RISK,
        trade.be_ended,
    )


def test_the_oldest_of_too_many_trades_is_let_go() -> None:
    twin = Twin()
    for bar in walk(3, 3_000):
        twin.take(bar)
    assert 0 < len(twin.trades) <= MOST_FOLLOWED


@pytest.mark.parametrize("back", [0, 1])
def test_bars_come_in_order_of_time(back: int) -> None:
    twin, (first, second) = Twin(), bars_of([(1, 1, 1, 1)] * 2)
    twin.take(second)
    with pytest.raises(ValueError, match="came after"):
        twin.take(first if back else second)


def told(twin: Twin, bars: list[Bar]) -> list[tuple[Any, ...]]:
    return [as_values(each) for bar in bars for each in twin.take(bar)]


def as_values(each: Statement) -> tuple[Any, ...]:
    trade = each.trade
    prices = (trade.entry, trade.stop, trade.be_mfe, trade.no_be_mfe, trade.mae) if trade else ()
    return (each.type, each.bar, each.direction, each.triangle, *prices)


@given(st.integers(0, 10_000), st.integers(1, 400))
def test_it_goes_on_from_a_stored_state_as_if_it_had_not_been_stored(seed: int, at: int) -> None:
    bars, twin = walk(seed, 400), Twin()
    whole = told(Twin(), bars)
    first = told(twin, bars[:at])
    stored = json.loads(json.dumps(twin.stored()))
    assert [*first, *told(Twin.restored(stored), bars[at:])] == whole


OTHER = {Direction.BULLISH: Direction.BEARISH, Direction.BEARISH: Direction.BULLISH}


@given(st.integers(0, 10_000))
def test_what_holds_for_longs_holds_mirrored_for_shorts(seed: int) -> None:
    """But for a bar in which two steps of the trend disagree: there the later step decides, which does not mirror."""
    bars = walk(seed, 200)
    longs, shorts = told(Twin(), bars), told(Twin(), mirrored(bars))
    flipped = [
        (kind, bar, OTHER[direction], triangle, *(-price for price in rest[:2]), *rest[2:])
        for kind, bar, direction, triangle, *rest in shorts
    ]
    assert flipped == longs


needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded bars and alerts are not here")
FAR = 100  # points: bars of another contract or of a spread are that far from the last price


def recorded_bars(name: str) -> list[Bar]:
    kept: list[Bar] = []
    with (RECORDED / "bars" / name).open() as file:
        for row in csv.DictReader(file):
            prices = (Decimal(row[column]) for column in ("open", "high", "low", "close"))
            bar = Bar(datetime.fromisoformat(row["time"]), *prices)
            if not kept or abs(bar.close - kept[-1].close) < FAR:
                kept.append(bar)
    return kept


def recorded_entries() -> dict[datetime, dict[str, Any]]:
    """ENTRYs of the recorded night by the bar that confirmed them."""
    found = {}
    with (RECORDED / "telemetry-newyork.csv").open() as file:
        for row in csv.DictReader(file):
            body = json.loads(row["Description"])
            if body.get("event_type") == T.ENTRY:
                fired = datetime.fromisoformat(row["Time"]).replace(second=0, microsecond=0)
                found[fired - MINUTE] = body
    return found


@needs_recordings
@pytest.mark.parametrize(
    ("confirmed", "bars"), [("2025-12-02T00:30", 1), ("2025-12-02T01:00", 13), ("2025-12-02T01:24", 4)]
)
def test_trades_of_the_recorded_night_are_the_twin_to_a_tick(confirmed: str, bars: int) -> None:
    """Those between whose bars none is missing, once the twin has warmed up. The bars are of NQ, the alerts of MNQ."""
    twin, moment = Twin(), datetime.fromisoformat(f"{confirmed}:00+00:00")
    told = [each for bar in recorded_bars("20251202.csv") for each in twin.take(bar)]
    [trade] = [each.trade for each in told if each.type == T.ENTRY and each.bar == moment]
    heard = recorded_entries()[moment]
    assert trade is not None
    assert abs(trade.entry - Decimal(str(heard["entry_price"]))) <= Decimal("0.25")
    assert trade.stop == Decimal(str(heard["stop_loss"]))
    named = datetime.strptime(heard["trade_id"][:15], "%Y%m%d_%H%M%S")  # noqa: DTZ007 - naive, as ids are
    assert (trade.triangle, trade.direction) == (instant(named, NEW_YORK), heard["direction"])
    assert trade.confirmed - trade.triangle >= timedelta(minutes=bars)
