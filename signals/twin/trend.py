"""The trend of a timeframe, bar by bar.

With each closed bar, in this order, later steps overruling earlier ones of the same bar:

1. A close above the highest high before this bar makes the trend Bullish, one below the lowest low Bearish.
2. Three bars make a fair-value gap: bullish from the high two bars ago up to this low, bearish from this high up to the
   low two bars ago.
3. A close below a bullish gap turns it into an inverse bearish one and the trend Bearish; a close above a bearish gap
   turns it into an inverse bullish one and the trend Bullish.
4. A close above an inverse bearish gap removes it, trend Bullish; one below an inverse bullish gap removes it, trend
   Bearish.

Gaps never expire otherwise. Only those whose edge a close has passed matter, so each kind is a heap by that edge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heappop, heappush
from typing import Any, Self

from signals.vocabulary import Trend

from .bars import Bar

# An edge first, the other edge second. Edges that a falling close passes are negated, so that the next one is least.
Edges = tuple[Decimal, Decimal]
PAIRS = ("recent", "bullish", "bearish", "inverse_bullish", "inverse_bearish")


@dataclass(slots=True)
class TrendState:
    """What the trend of one timeframe depends on. `recent` are (high, low) of the last two bars."""

    trend: Trend = Trend.NEUTRAL
    highest: Decimal | None = None
    lowest: Decimal | None = None
    recent: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    bullish: list[Edges] = field(default_factory=list)  # (-lower, upper)
    bearish: list[Edges] = field(default_factory=list)  # (upper, lower)
    inverse_bullish: list[Edges] = field(default_factory=list)  # (-lower, upper)
    inverse_bearish: list[Edges] = field(default_factory=list)  # (upper, lower)

    def take(self, bar: Bar) -> Trend:
        """Take in a closed bar and return the trend at its close."""
        self._break_out(bar)
        self._find_gap(bar)
        self._invert(bar.close)
        self._clear(bar.close)
        return self.trend

    def _break_out(self, bar: Bar) -> None:
        if self.highest is None or self.lowest is None:
            self.highest, self.lowest = bar.high, bar.low
            return
        if bar.close > self.highest:
            self.trend = Trend.BULLISH
        elif bar.close < self.lowest:
            self.trend = Trend.BEARISH
        self.highest, self.lowest = max(self.highest, bar.high), min(self.lowest, bar.low)

    def _find_gap(self, bar: Bar) -> None:
        if len(self.recent) == 2:
            high, low = self.recent.pop(0)
            if high < bar.low:
                heappush(self.bullish, (-high, bar.low))
            elif low > bar.high:
                heappush(self.bearish, (low, bar.high))
        self.recent.append((bar.high, bar.low))

    def _invert(self, close: Decimal) -> None:
        fallen = passed(self.bullish, -close)
        for below, upper in fallen:
            heappush(self.inverse_bearish, (upper, -below))
        risen = passed(self.bearish, close)
        for upper, lower in risen:
            heappush(self.inverse_bullish, (-lower, upper))
        if risen:
            self.trend = Trend.BULLISH
        elif fallen:
            self.trend = Trend.BEARISH

    def _clear(self, close: Decimal) -> None:
        if passed(self.inverse_bearish, close):
            self.trend = Trend.BULLISH
        if passed(self.inverse_bullish, -close):
            self.trend = Trend.BEARISH

    def stored(self) -> dict[str, Any]:
        """The state as JSON, for `restored`."""
        return {
            "trend": self.trend.value,
            "extremes": None if self.highest is None else [str(self.highest), str(self.lowest)],
            **{name: [[str(one) for one in pair] for pair in getattr(self, name)] for name in PAIRS},
        }

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Self:
        highest, lowest = map(Decimal, stored["extremes"]) if stored["extremes"] else (None, None)
        pairs = ([(Decimal(one), Decimal(other)) for one, other in stored[name]] for name in PAIRS)
        return cls(Trend(stored["trend"]), highest, lowest, *pairs)


def passed(gaps: list[Edges], level: Decimal) -> list[Edges]:
    """Take out and return the gaps whose first edge is less than this level: those that the close has passed."""
    gone = []
    while gaps and gaps[0][0] < level:
        gone.append(heappop(gaps))
    return gone
