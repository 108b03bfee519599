"""The indicator on the invented market: the twin's statements, and its trades as the speakers tell them.

Everything is a generator that holds the open trades only, so a log of any length is made in flat memory.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from signals.clock import TradeId
from signals.sessions import session_of
from signals.simulator.prices import Minute
from signals.simulator.scenario import DIALECTS, Mark, Scenario, TradeTruth
from signals.twin import Bar, Statement, Trade, TrendState, Twin
from signals.vocabulary import TIMEFRAMES, Direction, EventType, Status, Trend

FRAMES = {frame: minutes for frame, minutes in TIMEFRAMES.items() if frame != "m1"}  # m1 is the direction


class Frame:
    """The trend of a higher timeframe, as of its last closed bar."""

    def __init__(self, minutes: int) -> None:
        self.minutes, self.state = minutes, TrendState()
        self.forming: Bar | None = None

    def take(self, bar: Bar) -> None:
        held = self.forming
        if held is None or self.number(held.time) != self.number(bar.time):
            if held is not None:
                self.state.take(held)
            self.forming = bar
        else:
            self.forming = held._replace(high=max(held.high, bar.high), low=min(held.low, bar.low), close=bar.close)

    def number(self, time: datetime) -> int:
        return int(time.timestamp()) // 60 // self.minutes


class Signal:
    """One signal as the indicator knows it. Prices and excursions are in points; those in R are as they are spelled.

    Where a dialect follows one leg only, it is over when that leg is.
    """

    def __init__(self, direction: Direction, minute: Minute, htf: dict[str, Trend], scenario: Scenario) -> None:
        self.direction, self.born, self.htf, self.scenario = direction, minute, htf, scenario
        self.sign = 1 if direction == Direction.BULLISH else -1
        self.session = session_of(minute.time)
        self.single_leg = DIALECTS[scenario.dialect].single_leg
        self.trade_id = "" if self.single_leg else self._id(minute)
        self.heard = True
        self.trade: Trade | None = None
        self.confirmed: Minute | None = None
        self.cancelled_by: Signal | None = None
        self.entry = self.stop = self.risk = Decimal(0)
        self.be_best = self.best = self.worst = Decimal(0)
        self.be_mfe = self.no_be_mfe = self.mae = "0"
        self.marks: list[Mark] = []
        self.protected: datetime | None = None
        self.followed_until: datetime | None = None
        self.over = False

    def _id(self, minute: Minute) -> str:
        return TradeId.naming(minute.time, self.scenario.zone_at(minute.time), self.direction)

    def confirm(self, minute: Minute, trade: Trade) -> None:
        self.trade, self.confirmed, self.followed_until = trade, minute, minute.time
        self.entry, self.stop, self.risk = trade.entry, trade.stop, trade.risk
        self._mark(minute)
        if self.single_leg:
            self.trade_id = self._id(minute)

    def _mark(self, minute: Minute) -> None:
        self.marks.append(Mark(minute.time, Decimal(self.be_mfe), Decimal(self.no_be_mfe), Decimal(self.mae)))

    def target(self, multiple: int) -> Decimal:
        return self.entry + self.sign * multiple * self.risk

    def follow(self, minute: Minute) -> None:
        """Note what its trade has become in this minute."""
        trade = self.trade
        assert trade is not None
        self.followed_until, self.protected = minute.time, trade.protected
        self.over = (trade.be_ended if self.single_leg else trade.ended) is not None
        if not (self.single_leg and self.over):
            self._measure(minute, trade)

    def _measure(self, minute: Minute, trade: Trade) -> None:
        before = self.best, self.worst
        # The spellings are kept because most minutes move few excursions, and formatting is what costs.
        if trade.be_best != self.be_best:
            self.be_best, self.be_mfe = trade.be_best, spelled(trade.be_mfe)
        if trade.best != self.best:
            self.best, self.no_be_mfe = trade.best, spelled(trade.no_be_mfe)
        if trade.worst != self.worst:
            self.worst, self.mae = trade.worst, spelled(trade.mae)
        if before != (self.best, self.worst):
            self._mark(minute)

    @property
    def status(self) -> Status:
        if self.over:
            return Status.COMPLETED
        if self.confirmed is not None:
            return Status.CONFIRMED
        return Status.PENDING if self.cancelled_by is None else Status.CANCELLED

    def truth(self) -> TradeTruth:
        by = self.cancelled_by
        known = TradeTruth(
            self.trade_id,
            self.direction,
            self.born.time,
            self.scenario.zone_at(self.born.time),
            self.session,
            self.htf,
            self.status,
            cancelled_at=by.born.time if by else None,
            heard=self.heard,
        )
        return known if self.trade is None else replace(known, **self._of_trade(self.trade))

    def _of_trade(self, trade: Trade) -> dict[str, Any]:
        ends = [(EventType.EXIT_BREAK_EVEN, trade.be_ended)]
        if not self.single_leg:
            ends.append((EventType.EXIT_STOP_LOSS, trade.ended))
        return {
            "confirmation_time": trade.confirmed,
            "bars_to_confirmation": self.scenario.hours.open_minutes(trade.triangle, trade.confirmed),
            "entry": trade.entry,
            "stop": trade.stop,
            "targets": tuple(trade.target(n) for n in (1, 2, 3)),
            "be_time": self.protected,
            "exits": tuple((kind, ended) for kind, ended in ends if ended),
            "be_mfe": Decimal(self.be_mfe),
            "no_be_mfe": Decimal(self.no_be_mfe),
            "mae": Decimal(self.mae),
            "marks": tuple(self.marks),
            "followed_until": self.followed_until,
        }


def spelled(multiple: Decimal) -> str:
    """An R-multiple as Pine prints it: at most ten decimals, no trailing zeros."""
    text = f"{multiple:.10f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@dataclass(slots=True)
class MinuteOfTrades:
    """One minute of the indicator: what happened, and the trades that it followed, oldest first (those that
    ended included, the one confirmed in this minute not). Valid until the next step: signals change.

    Signals of which nothing is to be heard are in none of it.
    """

    minute: Minute
    happened: list[tuple[EventType, Signal]]
    followed: list[Signal]
    latest: Signal | None  # whose triangle appeared last


class Indicator:
    """Runs the twin over bars. `watch` gets every signal once its trade id is settled, and can have it not be heard."""

    def __init__(self, scenario: Scenario, watch: Callable[[Signal], None]) -> None:
        self.scenario, self.dialect, self.watch = scenario, DIALECTS[scenario.dialect], watch
        self.twin = Twin()
        self.frames = {frame: Frame(minutes) for frame, minutes in FRAMES.items()}
        self.known: dict[datetime, Signal] = {}  # the pending one and those followed, by triangle
        self.born = 0
        self.latest: Signal | None = None
        self.latest_heard: Signal | None = None

    def run(self, path: Iterable[Minute]) -> Iterator[MinuteOfTrades]:
        for minute in path:
            for frame in self.frames.values():
                frame.take(minute.bar)
            followed = [self.known[trade.triangle] for trade in self.twin.trades if trade.triangle in self.known]
            followed = [signal for signal in followed if not signal.over]
            statements = self.twin.take(minute.bar)
            for signal in followed:
                signal.follow(minute)
            happened = [(said.type, of) for said in statements if (of := self._signal(said, minute))]
            self._forget()
            if minute.told:
                told = [signal for signal in followed if signal.heard]
                heard = [(kind, signal) for kind, signal in happened if signal.heard]
                yield MinuteOfTrades(minute, heard, told, self.latest_heard)

    def _signal(self, said: Statement, minute: Minute) -> Signal | None:
        """The signal of a statement that this dialect tells of; None for another."""
        if said.type == EventType.SIGNAL_CREATED:
            return self._appeared(said, minute)
        signal = self.known.get(said.triangle)
        if signal is None or not self._tells(said):
            return None
        if said.type == EventType.ENTRY and said.trade:
            signal.confirm(minute, said.trade)
            if self.dialect.single_leg:
                self.watch(signal)
        return signal

    def _tells(self, said: Statement) -> bool:
        """Whether the dialect sends this: one leg has no stop exit, and not all send both exits of a plain stop."""
        if self.dialect.single_leg:
            return said.type != EventType.EXIT_STOP_LOSS
        plain_stop = said.type == EventType.EXIT_BREAK_EVEN and said.trade and said.trade.protected is None
        return self.dialect.pairs_exits or not plain_stop

    def _appeared(self, said: Statement, minute: Minute) -> Signal | None:
        if not minute.told:
            return None
        htf = {frame: each.state.trend for frame, each in self.frames.items()} | {"m1": Trend(said.direction.value)}
        signal, old = Signal(said.direction, minute, htf, self.scenario), self.latest
        self.born += 1
        every = self.scenario.unheard_every
        signal.heard = not every or self.born % every != 0
        if old is not None and old.confirmed is None:
            old.cancelled_by = signal
        self.known[said.triangle] = self.latest = signal
        if not self.dialect.single_leg:
            self.watch(signal)
        if signal.heard:
            self.latest_heard = signal
        return signal

    def _forget(self) -> None:
        """Keep the signals that the twin can still speak of."""
        spoken = [trade.triangle for trade in self.twin.trades]
        if self.twin.pending:
            spoken.append(self.twin.pending.held[0].time)
        self.known = {triangle: self.known[triangle] for triangle in spoken if triangle in self.known}
