"""Where the indicator puts a trade's stop. Prices are as a long sees them; a short gives mirrored bars (Bar.seen)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from .bars import Bar

CUSHION = Decimal("0.25")  # points beyond the bar that the stop is put behind
PIVOT = 2  # bars left of a pivot that it is known by at most
LEFT = 5  # bars before the triangle's that are searched for a pivot


class Stop(NamedTuple):
    """A stop, and the open of the first bar that it rests on: were one missing since, it could be another."""

    price: Decimal
    since: datetime


def stop_of(before: Sequence[Bar], held: Sequence[Bar]) -> Stop:
    """The stop of a long.

    `held` are the bars from the triangle's to the confirming one, two at least; `before` those that closed before the
    triangle's, of which the last few count. The lowest low of `held` is taken: of equals the latest among the bars
    between, the triangle's and the confirming bar only if theirs is lower. Where it is a pivot, and not of the
    confirming bar, the stop is behind it; else behind the nearest pivot left of the triangle, else behind the nearest
    bar there that closed against the trade, else behind the triangle's.
    """
    bars = [*before, *held]
    triangle, last = len(before), len(bars) - 1
    at = lowest(bars, triangle, last)
    if at != last and is_pivot(bars, at):
        return Stop(bars[at].low - CUSHION, bars[min(triangle, known_from(bars, at))].time)
    left = range(triangle - 1, max(-1, triangle - 1 - LEFT), -1)
    pivot = next((index for index in left if is_pivot(bars, index)), None)
    if pivot is not None:
        return Stop(bars[pivot].low - CUSHION, bars[known_from(bars, pivot)].time)
    against = next((index for index in left if bars[index].close < bars[index].open), triangle)
    return Stop(bars[against].low - CUSHION, bars[max(0, triangle - LEFT - PIVOT)].time)


def known_from(bars: Sequence[Bar], pivot: int) -> int:
    """The first of the bars that a pivot is known by: the one before it, or two where that one is as low."""
    return pivot - 1 if bars[pivot - 1].low > bars[pivot].low else pivot - PIVOT


def lowest(bars: Sequence[Bar], triangle: int, last: int) -> int:
    """Where the lowest low from the triangle's bar to the confirming one is, by the rule for equals."""
    between = range(triangle + 1, last)
    at = min(between, key=lambda index: (bars[index].low, -index), default=triangle)
    if bars[triangle].low < bars[at].low:
        at = triangle
    return last if bars[last].low < bars[at].low else at


def is_pivot(bars: Sequence[Bar], at: int) -> bool:
    """Whether a bar's low is below both neighbours', or the later of two equal lows with higher ones outside.

    A neighbour that is not there (not closed, or before all that is known) makes it none.
    """
    if not 1 <= at < len(bars) - 1 or bars[at + 1].low <= bars[at].low:
        return False
    low, left = bars[at].low, bars[at - 1].low
    return left > low or (left == low and at >= 2 and bars[at - 2].low > low)
