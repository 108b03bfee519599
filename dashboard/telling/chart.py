"""The price chart over a signal's life, as geometry for an SVG drawn by the server. Pure: no database, no clock.

The x axis counts minutes of open market, so that halts and weekends take no room while missing bars leave a hole.
Points are in the SVG's own units, y downwards.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import groupby

from signals.clock import MINUTE, bar_of, local
from signals.market import Market, market
from signals.models import AutomatedSignal, PriceBar, Source
from signals.vocabulary import DataSource, Direction, EventType

from .formats import price, r

WIDTH, HEIGHT = 1000, 380
LEFT, RIGHT, TOP, BOTTOM = 62, 158, 62, 24
COLUMNS = 400  # bars that share a column are drawn as one
LABEL_GAP = 15
MARKER_ROWS = 3
MARKER_WIDTH = 96
LEAD = timedelta(minutes=5)
TIMES, PRICES = 6, 5  # labels along the axes, at most
FIRST_LEG = "MFE, BE leg"
# The steps of a life, by the field that dates it: what its marker says.
MARKED = {
    "signal_time": "signal", "entry_fired_at": "entry", "be_triggered_at": "break-even", "be_exit_at": "exit at BE",
    "stop_exit_at": "exit at stop", "cancelled_at": "cancelled",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    """A price that the chart draws a line at, from a moment to another. `label_y` is where its label found room."""

    name: str
    price: Decimal
    kind: str
    start: datetime | None = None
    end: datetime | None = None
    synthetic: bool = False
    r: Decimal | None = None
    x1: float = 0
    x2: float = 0
    y: float = 0
    label_y: float = 0


@dataclass(frozen=True, slots=True)
class Marker:
    """A step of the signal's life. Its label stands in one of a few rows above the prices."""

    name: str
    at: datetime
    field: str
    synthetic: bool = False
    x: float = 0
    y: float | None = None
    label_y: float = 0
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws. `bars` are (x, top, bottom), `closes` the points of a line."""

    bars: Sequence[tuple[float, float, float]]
    closes: Sequence[str]
    levels: Sequence[Level]
    markers: Sequence[Marker]
    times: Sequence[tuple[float, str]]
    prices: Sequence[tuple[float, str]]
    says: str
    width: int = WIDTH
    height: int = HEIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM
    right: int = WIDTH - RIGHT


@dataclass(frozen=True, slots=True)
class Scale:
    """Where moments and prices are."""

    start: datetime
    minutes: int
    low: Decimal
    high: Decimal
    market: Market

    def x(self, moment: datetime) -> float:
        done = self.market.open_minutes(self.start, moment)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, done / self.minutes), 1)

    def y(self, at: Decimal) -> float:
        share = float((self.high - at) / (self.high - self.low))
        return round(TOP + (HEIGHT - TOP - BOTTOM) * share, 1)


def life(signal: AutomatedSignal, now: datetime) -> tuple[datetime, datetime]:
    """What the chart covers: from a little before the signal's bar to a little after the last leg's end, or to now."""
    first, last = signal.signal_time or signal.first_event_at, signal.first_event_at
    ends = (signal.be_exit_at, signal.stop_exit_at, signal.seen_completed_at, signal.cancelled_at, signal.mfe_as_of)
    running = signal.status in ("PENDING", "CONFIRMED")
    end = now if running else max([last, *filter(None, ends)]) + LEAD
    start = min(first, last)
    return start - LEAD, max(start + LEAD, end)


def chart(
    signal: AutomatedSignal, bars: Sequence[PriceBar], span: tuple[datetime, datetime], source: Source
) -> Chart | None:
    """The chart of a signal over a span of time; None where nothing is known that could be drawn."""
    hours = market(source.calendar)
    levels = list(levels_of(signal))
    prices = [at for bar in bars for at in reach(bar)] + [level.price for level in levels]
    if not prices:
        return None
    start, end = span
    if bars and bars[-1].time < end - LEAD:
        end = max(bars[-1].time + LEAD, *(moment for moment in moments(signal)), start + LEAD)
    low, high = min(prices), max(prices)
    pad = (high - low) / 20 or Decimal(1)
    minutes = max(1, hours.open_minutes(start, end))
    scale = Scale(start, minutes, low - pad, high + pad, hours)
    columns = list(grouped(bars, minutes, scale))
    return Chart(
        bars=[(x, scale.y(top), scale.y(bottom)) for x, top, bottom, _ in columns],
        closes=polylines(columns, scale, gap=max(3.0, 3 * (WIDTH - LEFT - RIGHT) / minutes)),
        levels=placed(levels, scale, end),
        markers=list(stacked(markers_of(signal), scale, bars)),
        times=list(ticks(scale, end, source.market_zone)),
        prices=list(rungs(scale, source.tick_size)),
        says=described(signal, len(bars)),
    )


def reach(bar: PriceBar) -> tuple[Decimal, Decimal]:
    """The lowest and the highest price that the bar is known to have touched."""
    return (bar.close, bar.close) if bar.low is None or bar.high is None else (bar.low, bar.high)


def moments(signal: AutomatedSignal) -> list[datetime]:
    return [moment for field in MARKED if (moment := getattr(signal, field)) is not None]


def grouped(bars: Sequence[PriceBar], minutes: int, scale: Scale) -> Iterator[tuple[float, Decimal, Decimal, Decimal]]:
    """Columns of bars: x, highest, lowest and last close. Long lives put several bars into one."""
    per_column = max(1, -(-minutes // COLUMNS))
    for _, group in groupby(bars, lambda bar: scale.market.open_minutes(scale.start, bar.time) // per_column):
        together = list(group)
        lows, highs = zip(*(reach(bar) for bar in together), strict=True)
        yield scale.x(together[-1].time), max(highs), min(lows), together[-1].close


def polylines(columns: Sequence[tuple[float, Decimal, Decimal, Decimal]], scale: Scale, gap: float) -> list[str]:
    """The closes as lines, broken where bars are missing."""
    lines: list[list[str]] = []
    before = None
    for x, _, _, close in columns:
        if before is None or x - before > gap:
            lines.append([])
        lines[-1].append(f"{x},{scale.y(close)}")
        before = x
    return [" ".join(points) for points in lines if len(points) > 1]


def levels_of(signal: AutomatedSignal) -> Iterator[Level]:
    """Entry, stop, break-even, targets in reach, and how far each leg went."""
    entry, stop = signal.entry_price, signal.stop_loss
    born = signal.confirmation_time or (bar_of(signal.entry_fired_at) if signal.entry_fired_at else None)
    over = signal.stop_exit_at or signal.seen_completed_at or (signal.be_exit_at if signal.single_leg else None)
    if stop is not None:
        yield Level("Stop", stop, "stop", born, over, made(signal, "stop_loss"), Decimal(-1))
    if entry is None:
        return
    yield Level("Entry", entry, "entry", born, over, made(signal, "entry_price"), Decimal(0))
    if signal.be_triggered_at:
        yield Level("BE stop", entry, "be", signal.be_triggered_at, signal.be_exit_at or over,
                    made(signal, "be_triggered_at"))  # fmt: skip
    risk = signal.risk
    if risk is None or signal.direction is None:
        return
    step = risk if signal.direction == Direction.BULLISH else -risk
    legs = {FIRST_LEG: ("be_mfe", "mfe"), "MFE, stop leg": ("no_be_mfe", "mfe"), "MAE": ("mae", "mae")}
    if signal.be_mfe is not None and signal.be_mfe == signal.no_be_mfe:
        legs = {"MFE, both legs": ("be_mfe", "mfe"), "MAE": ("mae", "mae")}
    for name, (field, kind) in legs.items():
        value = getattr(signal, field)
        if value is not None:
            ended = signal.be_exit_at if name == FIRST_LEG else None
            yield Level(name, entry + value * step, kind, born, ended or over, made(signal, field), value)
    yield from targets_of(signal, born, over)


def targets_of(signal: AutomatedSignal, born: datetime | None, over: datetime | None) -> Iterator[Level]:
    """The targets that were reached, and the first that was not: all twenty would flatten the prices."""
    furthest = max(filter(None, (signal.be_mfe, signal.no_be_mfe)), default=Decimal(0))
    for rung in (1, 2, 3):
        stated = (signal.targets or {}).get(f"tp{rung}")
        if stated not in (None, "0"):
            yield Level(f"Target {rung}", Decimal(str(stated)), "target", born, over, made(signal, "targets"))
        if furthest < rung:
            return


def made(signal: AutomatedSignal, field: str) -> bool:
    """Whether somebody else than the indicator in real time gave the value."""
    entry: Mapping[str, str] = signal.provenance.get(field) or {}
    return bool(entry) and entry["source"] != DataSource.REALTIME


def placed(levels: Sequence[Level], scale: Scale, end: datetime) -> list[Level]:
    """The levels where they are drawn; labels pushed apart so that each can be read."""
    found = [
        replace(
            level,
            x1=scale.x(level.start or scale.start),
            x2=max(scale.x(level.end or end), scale.x(level.start or scale.start) + 6),
            y=scale.y(level.price),
        )
        for level in levels
    ]
    free = float(TOP)
    spread = []
    for level in sorted(found, key=lambda level: level.y):
        spread.append(replace(level, label_y=max(level.y, free)))
        free = spread[-1].label_y + LABEL_GAP
    over = free - LABEL_GAP - (HEIGHT - BOTTOM)
    limit = float(HEIGHT - BOTTOM + LABEL_GAP)
    if over <= 0:
        return spread
    pushed = []
    for level in reversed(spread):
        limit = min(limit - LABEL_GAP, level.label_y)
        pushed.append(replace(level, label_y=limit))
    return pushed[::-1]


def markers_of(signal: AutomatedSignal) -> list[Marker]:
    """The steps in order of time. A fired moment is the minute after its bar, which is where it is drawn."""
    found = []
    for field, name in MARKED.items():
        moment = getattr(signal, field)
        if moment is not None:
            at = moment if field == "signal_time" else moment - MINUTE
            found.append(Marker(name_of(signal, field, name), at, field, made(signal, field)))
    return sorted(found, key=lambda marker: marker.at)


def name_of(signal: AutomatedSignal, field: str, name: str) -> str:
    """What a marker says. Of a strategy's own exit nothing tells whether a stop was hit."""
    evidence = signal.provenance.get(field, {}).get("evidence", {})
    return "exit" if evidence.get("type") == EventType.EXIT else name


def stacked(markers: Iterable[Marker], scale: Scale, bars: Sequence[PriceBar]) -> Iterator[Marker]:
    """The markers with room for their labels, and on the price of their bar where it is known."""
    closes = {bar.time: bar.close for bar in bars}
    taken = [float("-inf")] * MARKER_ROWS
    for marker in markers:
        x = scale.x(marker.at)
        row = next((row for row in range(MARKER_ROWS) if taken[row] <= x), taken.index(min(taken)))
        taken[row] = x + MARKER_WIDTH
        close = closes.get(marker.at)
        yield replace(marker, x=x, y=None if close is None else scale.y(close), label_y=14 + row * LABEL_GAP)


def ticks(scale: Scale, end: datetime, zone: str) -> Iterator[tuple[float, str]]:
    """A few clock times along the x axis, with their date where it changes."""
    shown, free = None, float("-inf")
    for part in range(TIMES):
        moment = scale.market.add_open_minutes(scale.start, scale.minutes * part // TIMES)
        x, there = scale.x(moment), local(min(moment, end), zone)
        if x < free:
            continue
        yield x, there.strftime("%H:%M" if there.date() == shown else "%d %b %H:%M")
        shown, free = there.date(), x + MARKER_WIDTH


def rungs(scale: Scale, tick: Decimal) -> Iterator[tuple[float, str]]:
    """A few round prices along the y axis."""
    step = next(step for step in steps_of(tick) if step * PRICES >= scale.high - scale.low)
    at = (scale.low / step).to_integral_value(ROUND_CEILING) * step
    while at <= scale.high:
        yield scale.y(at), price(at, tick)
        at += step


def steps_of(tick: Decimal) -> Iterator[Decimal]:
    """Round steps from a tick on: 1, 2 and 5 times every power of ten, and the tick itself."""
    yield tick
    power = Decimal(10) ** tick.adjusted()
    while True:
        yield from (step for step in (power, 2 * power, 5 * power) if step % tick == 0)
        power *= 10


def described(signal: AutomatedSignal, bars: int) -> str:
    """The chart in a sentence, for those who cannot see it."""
    known = [f"{bars} one-minute prices"]
    for name, value in (("entry", signal.entry_price), ("stop", signal.stop_loss)):
        if value is not None:
            known.append(f"{name} {price(value)}")
    for name, value in (("MFE", signal.no_be_mfe), ("MFE of the break-even leg", signal.be_mfe), ("MAE", signal.mae)):
        if value is not None:
            known.append(f"{name} {r(value)} R")
    return f"Price over the life of {signal.trade_id}: {', '.join(known)}."
