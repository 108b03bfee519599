"""The market and the indicator's trades: a random walk, triangles, confirmations and the two legs.

Prices are whole ticks here, which are exact and fast. Everything is a generator that holds the open trades
only, so a log of any length is made in flat memory.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import sqrt
from random import Random
from typing import NamedTuple

from signals.clock import MINUTE, TradeId, floor_minute
from signals.market import market
from signals.sessions import session_of
from signals.simulator.scenario import DIALECTS, TICK, Bar, Dialect, Scenario, TradeTruth
from signals.vocabulary import TIMEFRAMES, Direction, EventType, Session, Status, Trend

SIGMA = 12.0  # ticks a minute: 3 points, which makes bars of 5, as in the recorded night
PULL = 1e-5  # towards the starting price, so that a walk of years stays a price
CONFIRMED = 0.55  # of triangles; of the recorded night's 117, 65 were
LAGS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 18)  # bars to confirmation
LAG_WEIGHTS = (12, 40, 16, 10, 7, 5, 4, 3, 1, 1)
SAME_DIRECTION = 0.08  # of triangles that do not alternate
SMALLEST_RISK = 20  # ticks
MOST_CUSHION = 80  # ticks between the extreme since the triangle and the stop: risks of 5 to 40 points
MOST_OPEN = 20
LONGEST_LIFE = 480  # bars
FRAMES = {frame: minutes for frame, minutes in TIMEFRAMES.items() if frame != "m1"}  # m1 is the direction


class Minute(NamedTuple):
    """A one-minute bar in ticks. `number` counts open minutes. In the last minute before a halt nothing moves
    and nothing is told: its alerts would fire when the market is closed."""

    number: int
    time: datetime
    open: int
    high: int
    low: int
    close: int
    last: bool

    def bar(self) -> Bar:
        return Bar(self.time, *(tick * TICK for tick in (self.open, self.high, self.low, self.close)))


def price_path(scenario: Scenario) -> Iterator[Minute]:
    """The walk through every open minute of the scenario. It gaps only where the market was closed."""
    random = Random(f"{scenario.seed}/prices")  # noqa: S311 - repeatable, not secret
    anchor = close = int(scenario.start_price / TICK)
    for number, (time, first, last) in enumerate(_open_minutes(scenario)):
        start = close + round(random.gauss(0, SIGMA)) if first and number else close
        if last:
            close = start
            yield Minute(number, time, start, start, start, start, last)
            continue
        close = start + round(random.gauss(0, SIGMA) + PULL * (anchor - start))
        high = max(start, close) + int(abs(random.gauss(0, SIGMA / 2)))
        low = min(start, close) - int(abs(random.gauss(0, SIGMA / 2)))
        yield Minute(number, time, start, high, low, close, last)


def _open_minutes(scenario: Scenario) -> Iterator[tuple[datetime, bool, bool]]:
    """Each open minute, and whether it is the first or the last of its session."""
    hours, time, end = market(), floor_minute(scenario.start), floor_minute(scenario.end)
    while (time := hours.next_open(time)) < end:
        halt, first = hours.next_close(time), True
        while time < end and time != halt:
            following = time + MINUTE
            yield time, first, following == halt
            time, first = following, False


def trend_of(close: int, average: float, minutes: int) -> Trend:
    """Neutral within a tenth of what a walk strays in the timeframe."""
    if abs(close - average) < SIGMA * sqrt(minutes) / 10:
        return Trend.NEUTRAL
    return Trend.BULLISH if close > average else Trend.BEARISH


class Signal:
    """One signal through its life, in ticks. `best` and `worst` are those of the original-stop leg."""

    def __init__(self, sign: int, minute: Minute, lag: int | None, htf: dict[str, Trend], dialect: Dialect) -> None:
        self.sign, self.born, self.htf, self.dialect = sign, minute, htf, dialect
        self.direction = Direction.BULLISH if sign > 0 else Direction.BEARISH
        self.session: Session = session_of(minute.time)
        self.confirm_after = None if lag is None else minute.number + lag
        self.trade_id = "" if dialect.single_leg else self._id(minute)
        self.low, self.high = minute.low, minute.high  # since the triangle: where the stop goes
        self.confirmed: Minute | None = None
        self.cancelled_by: Signal | None = None
        self.entry = self.stop = self.risk = 0
        self.best = self.worst = 0
        self.protected: datetime | None = None
        self.be_over = self.over = False
        self.exits: list[tuple[EventType, datetime]] = []
        self.followed_until: datetime | None = None
        self.be_mfe = self.no_be_mfe = self.mae = "0"

    def _id(self, minute: Minute) -> str:
        return TradeId.naming(minute.time, self.dialect.id_zone, self.direction)

    def confirm(self, minute: Minute, cushion: int) -> None:
        """ENTRY: at the bar's close, with the stop `cushion` ticks beyond the extreme since the triangle."""
        self.confirmed, self.followed_until, self.entry = minute, minute.time, minute.close
        if self.dialect.single_leg:
            self.trade_id = self._id(minute)
        distance = self.entry - self.low if self.sign > 0 else self.high - self.entry
        self.risk = max(SMALLEST_RISK, distance + cushion)
        self.stop = self.entry - self.sign * self.risk

    def target(self, multiple: int) -> int:
        return self.entry + self.sign * multiple * self.risk

    def follow(self, minute: Minute) -> tuple[EventType, ...]:
        """Take in one bar and say what it did. A bar that ends a leg is left out of that leg's excursions;
        protection holds from the bar after +1 R, and a bar that touches stop and +1 R is a loss."""
        self.followed_until = minute.time
        ahead, behind = (minute.high, minute.low) if self.sign > 0 else (minute.low, minute.high)
        best, worst = self.sign * (ahead - self.entry), self.sign * (behind - self.entry)
        stopped = worst <= -self.risk
        back = self.protected is not None and not self.be_over and worst <= 0
        told: tuple[EventType, ...] = ()
        if stopped or back:
            told = self._end(stopped, back)
            self.exits += [(kind, minute.time) for kind in told]
            if self.over:
                return told
        self._extend(best, worst)
        if self.protected is None and self.best >= self.risk:
            self.protected = minute.time
            told += (EventType.BE_TRIGGERED,)
        return told

    def _end(self, stopped: bool, back: bool) -> tuple[EventType, ...]:
        told: tuple[EventType, ...] = (EventType.EXIT_BREAK_EVEN,) if back or self.dialect.single_leg else ()
        if stopped and not self.dialect.single_leg:
            if self.dialect.pairs_exits and not self.be_over:
                told = (EventType.EXIT_BREAK_EVEN,)
            told += (EventType.EXIT_STOP_LOSS,)
        self.be_over, self.over = True, stopped or self.dialect.single_leg
        return told

    def _extend(self, best: int, worst: int) -> None:
        # The spellings are kept because most minutes move few excursions, and formatting is what costs.
        if best > self.best:
            self.best, self.no_be_mfe = best, ratio(best, self.risk)
            if not self.be_over:
                self.be_mfe = self.no_be_mfe
        if worst < self.worst:
            self.worst, self.mae = worst, ratio(worst, self.risk)

    @property
    def status(self) -> Status:
        if self.over:
            return Status.COMPLETED
        if self.confirmed is not None:
            return Status.CONFIRMED
        return Status.PENDING if self.cancelled_by is None else Status.CANCELLED

    def truth(self) -> TradeTruth:
        known = TradeTruth(
            self.trade_id,
            self.direction,
            self.born.time,
            self.dialect.id_zone,
            self.session,
            self.htf,
            self.status,
        )
        if self.confirmed is None:
            return known
        return replace(
            known,
            confirmation_time=self.confirmed.time,
            bars_to_confirmation=self.confirmed.number - self.born.number,
            entry=self.entry * TICK,
            stop=self.stop * TICK,
            targets=tuple(self.target(n) * TICK for n in (1, 2, 3)),
            be_time=self.protected,
            exits=tuple(self.exits),
            be_mfe=Decimal(self.be_mfe),
            no_be_mfe=Decimal(self.no_be_mfe),
            mae=Decimal(self.mae),
            followed_until=self.followed_until,
        )


def ratio(ticks: int, risk: int) -> str:
    """An R-multiple as Pine prints it: at most ten decimals, no trailing zeros."""
    return f"{ticks / risk:.10f}".rstrip("0").rstrip(".")


@dataclass(slots=True)
class MinuteOfTrades:
    """One minute of the indicator: what happened, and the trades that it followed, oldest first (those that
    ended included, the one confirmed in this minute not). Valid until the next step: signals change."""

    minute: Minute
    happened: list[tuple[EventType, Signal]]
    followed: list[Signal]
    latest: Signal | None  # whose triangle appeared last


class Indicator:
    """Runs the indicator over a price path. `watch` gets every signal once its trade id is settled."""

    def __init__(self, scenario: Scenario, watch: Callable[[Signal], None]) -> None:
        self.dialect, self.watch = DIALECTS[scenario.dialect], watch
        self.random = Random(f"{scenario.seed}/signals")  # noqa: S311 - repeatable, not secret
        self.mean_gap = 60 / scenario.signals_per_hour
        self.next_triangle = self._gap()
        self.sign = self.random.choice((1, -1))
        self.averages = dict.fromkeys(FRAMES, float(scenario.start_price / TICK))
        self.open: list[Signal] = []
        self.latest: Signal | None = None

    def _gap(self) -> int:
        return 1 + int(self.random.expovariate(1 / self.mean_gap))

    def run(self, path: Iterable[Minute]) -> Iterator[MinuteOfTrades]:
        for minute in path:
            self._average(minute.close)
            followed = self.open
            happened = [(kind, signal) for signal in followed for kind in signal.follow(minute)]
            self.open = [s for s in followed if not s.over and minute.number - s.born.number < LONGEST_LIFE]
            if not minute.last:
                happened += self._confirmation(minute)
                happened += self._triangle(minute)
            yield MinuteOfTrades(minute, happened, followed, self.latest)

    def _average(self, close: int) -> None:
        for frame, minutes in FRAMES.items():
            self.averages[frame] += (close - self.averages[frame]) * 2 / (minutes + 1)

    def _confirmation(self, minute: Minute) -> Iterator[tuple[EventType, Signal]]:
        signal = self.latest
        if signal is None or signal.confirmed or signal.cancelled_by:
            return
        signal.low, signal.high = min(signal.low, minute.low), max(signal.high, minute.high)
        if signal.confirm_after is None or minute.number < signal.confirm_after:
            return
        signal.confirm(minute, self.random.randint(0, MOST_CUSHION))
        self.open = [*self.open, signal][-MOST_OPEN:]
        if self.dialect.single_leg:
            self.watch(signal)
        yield EventType.ENTRY, signal

    def _triangle(self, minute: Minute) -> Iterator[tuple[EventType, Signal]]:
        """A new signal supersedes one that is still pending, whatever its direction."""
        if minute.number < self.next_triangle:
            return
        if self.random.random() >= SAME_DIRECTION:
            self.sign = -self.sign
        lag = self.random.choices(LAGS, LAG_WEIGHTS)[0] if self.random.random() < CONFIRMED else None
        # A signal that will confirm does so by the next triangle's bar, which would supersede it.
        self.next_triangle = minute.number + max(lag or 0, self._gap())
        htf = {frame: trend_of(minute.close, self.averages[frame], n) for frame, n in FRAMES.items()}
        htf["m1"] = Trend.BULLISH if self.sign > 0 else Trend.BEARISH
        signal, old = Signal(self.sign, minute, lag, htf, self.dialect), self.latest
        self.latest = signal
        if not self.dialect.single_leg:
            self.watch(signal)
        if old is not None and old.confirmed is None:
            old.cancelled_by = signal
            yield EventType.CANCELLED, old
        yield EventType.SIGNAL_CREATED, signal
