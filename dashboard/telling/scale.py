"""Where moments and prices stand in the chart, and what is written along its axes. Pure.

The x axis counts minutes of open market, so that halts and weekends take no room while missing bars leave a hole.
Points are in the SVG's own units, y downwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal

from signals.clock import local
from signals.market import Market

from .formats import price

WIDTH, HEIGHT = 1000, 380
LEFT, RIGHT, TOP, BOTTOM = 62, 158, 62, 24
TIMES, PRICES = 6, 5  # labels along the axes, at most
LABEL_WIDTH = 96


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


def ticks(scale: Scale, end: datetime, zone: str) -> Iterator[tuple[float, str]]:
    """A few clock times along the x axis, with their date where it changes."""
    shown, free = None, float("-inf")
    for part in range(TIMES):
        moment = scale.market.add_open_minutes(scale.start, scale.minutes * part // TIMES)
        x, there = scale.x(moment), local(min(moment, end), zone)
        if x < free:
            continue
        yield x, there.strftime("%H:%M" if there.date() == shown else "%d %b %H:%M")
        shown, free = there.date(), x + LABEL_WIDTH


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
