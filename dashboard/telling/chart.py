"""The price chart over a signal's life, as geometry for an SVG drawn by the server. Pure: no database, no clock."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from signals.clock import MINUTE, bar_of
from signals.market import market
from signals.models import AutomatedSignal, RefusedBar, Source
from signals.vocabulary import DataSource, Direction, EventType

from . import reader
from .candles import Candle, Stranger, candles_of, columns_of, polylines, reach, strangers, width_of
from .drawn import Drawn
from .formats import price, r
from .scale import BOTTOM, HEIGHT, LABEL_WIDTH, LEFT, RIGHT, TOP, WIDTH, Scale, rungs, ticks

LABEL_GAP = 15
MARKER_ROWS = 3
LEAD = timedelta(minutes=5)
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
    base: Decimal | None = None  # an excursion's: the price that it is counted from
    x1: float = 0
    x2: float = 0
    y: float = 0
    band: tuple[float, float] | None = None  # top and height of an excursion's
    label_y: float = 0

    @property
    def width(self) -> float:
        return round(self.x2 - self.x1, 1)


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
    """Everything that the template draws. `closes` are the points of lines."""

    candles: Sequence[Candle]
    closes: Sequence[str]
    refused: Sequence[Stranger]
    levels: Sequence[Level]
    markers: Sequence[Marker]
    times: Sequence[tuple[float, str]]
    prices: Sequence[tuple[float, str]]
    says: str
    body: float  # width of a candle's
    width: int = WIDTH
    height: int = HEIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM
    right: int = WIDTH - RIGHT

    @property
    def half(self) -> float:
        return round(self.body / 2, 2)

    @property
    def last(self) -> int:
        """The place of the last candle."""
        return len(self.candles) - 1


def life(signal: AutomatedSignal, now: datetime) -> tuple[datetime, datetime]:
    """What the chart covers: from a little before the signal's bar to a little after the last leg's end, or to now."""
    first, last = signal.signal_time or signal.first_event_at, signal.first_event_at
    ends = (signal.be_exit_at, signal.stop_exit_at, signal.seen_completed_at, signal.cancelled_at, signal.mfe_as_of)
    running = signal.status in ("PENDING", "CONFIRMED")
    end = now if running else max([last, *filter(None, ends)]) + LEAD
    start = min(first, last)
    return start - LEAD, max(start + LEAD, end)


def chart(
    signal: AutomatedSignal,
    bars: Sequence[Drawn],
    span: tuple[datetime, datetime],
    source: Source,
    *,
    refused: Sequence[RefusedBar] = (),
    closer: bool = False,
) -> Chart | None:
    """The chart of a signal over a span of time; None where nothing is known that could be drawn.

    `closer`: the span is a part of its life: what lies outside of it is left out.
    """
    hours, tick, zone = market(source.calendar), source.tick_size, reader.zone(source.market_zone)
    start, end = span
    levels = list(levels_of(signal))
    touched = [at for bar in bars for at in reach(bar)]
    if closer and touched:
        levels = [level for level in levels if overlaps(level, start, end) and near(level.price, touched)]
    prices = touched + [level.price for level in levels]
    if not prices:
        return None
    if not closer and bars and bars[-1].time < end - LEAD:
        end = max(bars[-1].time + LEAD, *(moment for moment in moments(signal)), start + LEAD)
    low, high = min(prices), max(prices)
    pad = (high - low) / 20 or Decimal(1)
    minutes = max(1, hours.open_minutes(start, end))
    scale = Scale(start, minutes, low - pad, high + pad, hours)
    columns = list(columns_of(bars, minutes, scale))
    markers = [each for each in markers_of(signal) if not closer or start <= each.at <= end]
    return Chart(
        candles=list(candles_of(columns, scale, tick, zone)),
        closes=polylines(columns, scale, gap=max(3.0, 3 * (WIDTH - LEFT - RIGHT) / minutes)),
        refused=list(strangers(refused, scale, tick, zone)),
        levels=placed(levels, scale, end),
        markers=list(stacked(markers, scale, bars)),
        times=list(ticks(scale, end, zone)),
        prices=list(rungs(scale, tick)),
        says=described(signal, sum(bar.bars for bar in bars)),
        body=width_of(minutes),
    )


def overlaps(level: Level, start: datetime, end: datetime) -> bool:
    return (level.start is None or level.start <= end) and (level.end is None or level.end >= start)


def near(price: Decimal, touched: Sequence[Decimal]) -> bool:
    """Whether a level lies so near to what is shown closer that it would not flatten it."""
    low, high = min(touched), max(touched)
    return low - (high - low) <= price <= high + (high - low)


def moments(signal: AutomatedSignal) -> list[datetime]:
    return [moment for field in MARKED if (moment := getattr(signal, field)) is not None]


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
            yield Level(name, entry + value * step, kind, born, ended or over, made(signal, field), value, entry)
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
            band=None if level.base is None else band_of(level.price, level.base, scale),
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


def band_of(price: Decimal, base: Decimal, scale: Scale) -> tuple[float, float]:
    """Top and height of the band between two prices, within the frame."""
    top, bottom = (scale.y(min(max(at, scale.low), scale.high)) for at in (max(price, base), min(price, base)))
    return top, round(bottom - top, 1)


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


def stacked(markers: Iterable[Marker], scale: Scale, bars: Sequence[Drawn]) -> Iterator[Marker]:
    """The markers with room for their labels, and on the price of their bar where it is known."""
    closes = {bar.time: bar.close for bar in bars}
    taken = [float("-inf")] * MARKER_ROWS
    for marker in markers:
        x = scale.x(marker.at)
        row = next((row for row in range(MARKER_ROWS) if taken[row] <= x), taken.index(min(taken)))
        taken[row] = x + LABEL_WIDTH
        close = closes.get(marker.at)
        yield replace(marker, x=x, y=None if close is None else scale.y(close), label_y=14 + row * LABEL_GAP)


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
