"""Price bars as the chart draws them: candles, lines of closes where no more is known, refused bars. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from signals.clock import local
from signals.models import RefusedBar

from .drawn import Drawn
from .formats import price
from .scale import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, Scale

COLUMNS = 400  # bars that share a column are drawn as one
WIDEST = 9.0  # of a candle's body
SEEN = 8.0  # the least height of a refused bar, whose prices may be one


class Column(NamedTuple):
    """Bars that are drawn as one. `open` is None where of one of them only the close is known."""

    x: float
    time: datetime
    bars: int
    open: Decimal | None
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True)
class Candle:
    """A column as it is drawn: the wick, and the body where the open is known. `says` are its values."""

    x: float
    top: float
    bottom: float
    says: str
    body: tuple[float, float] | None = None  # its top and its height
    rises: bool = False


@dataclass(frozen=True, slots=True)
class Stranger:
    """A refused bar. Where it lies outside of the frame it is drawn at the edge that it lies beyond."""

    x: float
    top: float
    bottom: float
    says: str


def reach(bar: Drawn) -> tuple[Decimal, Decimal]:
    """The lowest and the highest price that the bar is known to have touched."""
    return (bar.close, bar.close) if bar.low is None or bar.high is None else (bar.low, bar.high)


def columns_of(bars: Sequence[Drawn], minutes: int, scale: Scale) -> Iterator[Column]:
    """Columns of bars in order of time. Long lives put several bars into one."""
    per_column = max(1, -(-minutes // COLUMNS))
    for _, group in groupby(bars, lambda bar: scale.market.open_minutes(scale.start, bar.time) // per_column):
        together = list(group)
        lows, highs = zip(*(reach(bar) for bar in together), strict=True)
        whole = all(bar.open is not None for bar in together)
        first, last = together[0], together[-1]
        opened = first.open if whole else None
        yield Column(
            scale.x(last.time), first.time, sum(bar.bars for bar in together), opened, max(highs), min(lows), last.close
        )


def candles_of(columns: Sequence[Column], scale: Scale, tick: Decimal, zone: str) -> Iterator[Candle]:
    for each in columns:
        body = None
        if each.open is not None:
            ends = scale.y(max(each.open, each.close)), scale.y(min(each.open, each.close))
            body = ends[0], round(max(0.8, ends[1] - ends[0]), 1)  # one that has not moved is a line
        rises = each.open is not None and each.close >= each.open
        yield Candle(each.x, scale.y(each.high), scale.y(each.low), told(each, tick, zone), body, rises)


def told(column: Column, tick: Decimal, zone: str) -> str:
    """The values of a column in words, as a hover tells them."""
    many = f", {column.bars} bars" if column.bars > 1 else ""
    when = f"{local(column.time, zone):%d %b %H:%M}{many}"
    if column.open is None:
        return f"{when}: close {price(column.close, tick)}"
    parts = (("open", column.open), ("high", column.high), ("low", column.low), ("close", column.close))
    return f"{when}: {', '.join(f'{name} {price(value, tick)}' for name, value in parts)}"


def polylines(columns: Sequence[Column], scale: Scale, gap: float) -> list[str]:
    """The closes of what is no candle as lines, broken where bars are missing."""
    lines: list[list[str]] = []
    before = None
    for each in columns:
        if each.open is not None:
            before = None
            continue
        if before is None or each.x - before > gap:
            lines.append([])
        lines[-1].append(f"{each.x},{scale.y(each.close)}")
        before = each.x
    return [" ".join(points) for points in lines if len(points) > 1]


def width_of(minutes: int) -> float:
    """How wide a candle's body is, in the SVG's units."""
    columns = min(minutes, COLUMNS)
    return round(min(WIDEST, max(1.0, 0.7 * (WIDTH - LEFT - RIGHT) / columns)), 1)


def strangers(refused: Sequence[RefusedBar], scale: Scale, tick: Decimal, zone: str) -> Iterator[Stranger]:
    for bar in refused:
        top, bottom = (scale.y(min(max(at, scale.low), scale.high)) for at in (bar.high, bar.low))
        top = min(top, HEIGHT - BOTTOM - SEEN)
        prices = f"{price(bar.low, tick)} to {price(bar.high, tick)}"
        says = f"{local(bar.time, zone):%d %b %H:%M}: refused, {prices}: {bar.reason}"
        yield Stranger(scale.x(bar.time), top, max(bottom, top + SEEN), says)
