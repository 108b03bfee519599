"""The indicator itself: triangles, confirmations, and the trades that follow from them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Self

from signals.vocabulary import Direction, EventType, Trend

from .bars import Bar
from .stops import LEFT, stop_of
from .trades import Trade
from .trend import TrendState

MOST_FOLLOWED = 20  # trades at a time; the oldest is let go for a new one
KEPT = LEFT + 3  # bars before a triangle's that its stop can depend on: the searched ones and a pivot's neighbours


class Statement(NamedTuple):
    """What the indicator says at the close of a bar. `triangle` is the signal's bar; `trade` is there from ENTRY on.

    A trade goes on changing with later bars: take from it at once what is wanted of this moment.
    """

    type: EventType
    bar: datetime
    direction: Direction
    triangle: datetime
    trade: Trade | None = None


@dataclass(slots=True)
class Pending:
    """A triangle that is not confirmed yet: its bars since, first its own, and those before it."""

    direction: Direction
    before: list[Bar]
    held: list[Bar]

    def confirms(self, bar: Bar) -> bool:
        sign = 1 if self.direction == Direction.BULLISH else -1
        return bar.seen(sign).close > self.held[0].seen(sign).high


class Twin:
    """The indicator on one chart, from the chart's first bar on. Bars come in order of time, each once, all closed."""

    def __init__(self) -> None:
        self.state = TrendState()
        self.active: Direction | None = None
        self.pending: Pending | None = None
        self.trades: list[Trade] = []
        self.recent: list[Bar] = []
        self.bars = 0  # taken in, for the warm-up that is asked for before the twin is believed

    @property
    def last(self) -> datetime | None:
        """Open of the last bar that was taken in."""
        return self.recent[-1].time if self.recent else None

    def take(self, bar: Bar) -> list[Statement]:
        """Take in the next closed bar; return what the indicator says at its close, trades in order of their ENTRY.

        Raises ValueError for a bar that is not later than the last.
        """
        if self.last is not None and bar.time <= self.last:
            raise ValueError(f"the bar of {bar.time} came after that of {self.last}")
        said = [
            Statement(kind, bar.time, trade.direction, trade.triangle, trade)
            for trade in self.trades
            for kind in trade.take(bar)
        ]
        self.trades = [trade for trade in self.trades if trade.ended is None]
        said += self._turn(bar)
        self.recent = [*self.recent[-KEPT:], bar]
        self.bars += 1
        return said

    def _turn(self, bar: Bar) -> list[Statement]:
        """A triangle where the trend turns from the active signal's, else the pending one's confirmation."""
        trend = self.state.take(bar)
        if trend != Trend.NEUTRAL and trend.value != self.active:
            said = []
            if self.pending:
                triangle = self.pending.held[0].time
                said = [Statement(EventType.CANCELLED, bar.time, self.pending.direction, triangle)]
            self.active = Direction(trend.value)
            self.pending = Pending(self.active, list(self.recent), [bar])
            return [*said, Statement(EventType.SIGNAL_CREATED, bar.time, self.active, bar.time)]
        if self.pending is None:
            return []
        self.pending.held.append(bar)
        return [self._enter(self.pending, bar)] if self.pending.confirms(bar) else []

    def _enter(self, pending: Pending, bar: Bar) -> Statement:
        sign = 1 if pending.direction == Direction.BULLISH else -1
        before, held = ([each.seen(sign) for each in bars] for bars in (pending.before, pending.held))
        triangle = pending.held[0].time
        stop, since = stop_of(before, held)
        trade = Trade(pending.direction, triangle, bar.time, bar.close, sign * stop, len(held) - 1, since, bar.time)
        self.trades = [*self.trades[1 - MOST_FOLLOWED :], trade]
        self.pending = None
        return Statement(EventType.ENTRY, bar.time, trade.direction, triangle, trade)

    def stored(self) -> dict[str, Any]:
        """All that later statements depend on, as JSON, for `restored`."""
        pending = self.pending
        return {
            "state": self.state.stored(),
            "active": self.active,
            "pending": pending and [pending.direction, plain(pending.before), plain(pending.held)],
            "trades": [trade.stored() for trade in self.trades],
            "recent": plain(self.recent),
            "bars": self.bars,
        }

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Self:
        twin = cls()
        twin.state = TrendState.restored(stored["state"])
        twin.active = stored["active"] and Direction(stored["active"])
        if stored["pending"]:
            direction, before, held = stored["pending"]
            twin.pending = Pending(Direction(direction), bars_of(before), bars_of(held))
        twin.trades = [Trade.restored(trade) for trade in stored["trades"]]
        twin.recent, twin.bars = bars_of(stored["recent"]), stored["bars"]
        return twin


def plain(bars: list[Bar]) -> list[list[str]]:
    return [[bar.time.isoformat(), *map(str, bar[1:])] for bar in bars]


def bars_of(stored: list[list[str]]) -> list[Bar]:
    return [Bar(datetime.fromisoformat(time), *map(Decimal, prices)) for time, *prices in stored]
