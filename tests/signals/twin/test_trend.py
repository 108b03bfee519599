"""The trend of a timeframe: breakouts, fair-value gaps and inverse gaps, in their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.twin.bars import Bar
from signals.twin.trend import TrendState
from signals.vocabulary import Trend

from .market import Prices, bars_of, walk

UP, DOWN, NEUTRAL = Trend.BULLISH, Trend.BEARISH, Trend.NEUTRAL


def trends(*prices: Prices) -> list[Trend]:
    state = TrendState()
    return [state.take(bar) for bar in bars_of(prices)]


def plain_rules(bars: list[Bar]) -> list[Trend]:
    """The rules as they are written, over lists that are searched whole with every bar."""
    trend, found = NEUTRAL, []
    bullish, bearish, inverse_bullish, inverse_bearish = [], [], [], []
    for number, bar in enumerate(bars):
        before = bars[:number]
        if before and bar.close > max(each.high for each in before):
            trend = UP
        elif before and bar.close < min(each.low for each in before):
            trend = DOWN
        if number >= 2:
            if bars[number - 2].high < bar.low:
                bullish.append((bars[number - 2].high, bar.low))
            if bars[number - 2].low > bar.high:
                bearish.append((bar.high, bars[number - 2].low))
        for gap in [gap for gap in bullish if bar.close < gap[0]]:
            bullish.remove(gap)
            inverse_bearish.append(gap)
            trend = DOWN
        for gap in [gap for gap in bearish if bar.close > gap[1]]:
            bearish.remove(gap)
            inverse_bullish.append(gap)
            trend = UP
        for gap in [gap for gap in inverse_bearish if bar.close > gap[1]]:
            inverse_bearish.remove(gap)
            trend = UP
        for gap in [gap for gap in inverse_bullish if bar.close < gap[0]]:
            inverse_bullish.remove(gap)
            trend = DOWN
        found.append(trend)
    return found


def test_nothing_is_known_at_first() -> None:
    assert trends((10, 11, 9, 10), (10, 11, 9, 10.5)) == [NEUTRAL, NEUTRAL]


def test_a_close_above_everything_before_is_bullish_and_a_touch_is_not() -> None:
    assert trends((10, 11, 9, 10), (10, 12, 10, 11), (11, 13, 11, 12.25)) == [NEUTRAL, NEUTRAL, UP]


def test_a_close_below_everything_before_is_bearish() -> None:
    assert trends((10, 11, 9, 10), (10, 10, 8, 8.75)) == [NEUTRAL, DOWN]


RISE: list[Prices] = [(10, 11, 9, 10), (11, 14, 10, 13), (13, 16, 12, 15)]  # leaves a bullish gap from 11 to 12


def test_a_close_below_a_bullish_gap_turns_the_trend() -> None:
    assert trends(*RISE, (15, 15, 11, 11), (11, 12, 10, 10.75)) == [NEUTRAL, UP, UP, UP, DOWN]


def test_a_close_above_the_inverse_gap_turns_it_again_and_only_once() -> None:
    inverted: list[Prices] = [*RISE, (15, 15, 10, 10.75)]
    assert trends(*inverted, (10.75, 13, 10, 12.25))[-1] == UP
    assert trends(*inverted, (10.75, 13, 10, 12.25), (12, 12, 10, 10.5), (10.5, 13, 10, 12.5))[-2:] == [UP, UP]


@given(st.integers(0, 10_000), st.integers(3, 300))
def test_heaps_say_what_the_plain_rules_say(seed: int, length: int) -> None:
    bars, state = walk(seed, length), TrendState()
    assert [state.take(bar) for bar in bars] == plain_rules(bars)


@pytest.mark.parametrize("at", [0, 1, 2, 50, 199])
def test_a_stored_state_goes_on_as_if_it_had_not_been_stored(at: int) -> None:
    bars, state = walk(7, 200), TrendState()
    for bar in bars[:at]:
        state.take(bar)
    restored = TrendState.restored(state.stored())
    assert [restored.take(bar) for bar in bars[at:]] == plain_rules(bars)[at:]
