"""The market: a random walk of one-minute bars in market hours, livelier in some sessions than in others."""

from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import NamedTuple

from signals.clock import MINUTE, floor_minute
from signals.sessions import session_of
from signals.simulator.scenario import TICK, USUAL_PRICE, Scenario
from signals.twin import Bar
from signals.vocabulary import Session

SIGMA = 12.0  # ticks a minute at the usual price: 3 points, which makes bars of 5, as in the recorded night
WICK = 0.8  # of a bar's body; it makes the twin's triangles as frequent as the recorded ones, six or seven an hour
PULL = 1e-5  # towards the starting price, so that a walk of years stays a price
LIVELINESS = {
    Session.ASIA: 0.7,
    Session.LONDON: 0.9,
    Session.NY_PRE: 1.0,
    Session.NY_AM: 1.7,
    Session.NY_LUNCH: 1.0,
    Session.NY_PM: 1.3,
    Session.AFTER_HOURS: 0.5,
}


class Minute(NamedTuple):
    """One open minute and its bar. `number` counts open minutes of the chart.

    In the last minute before a halt the price rests and nothing is sent: alerts would fire when the market is closed.
    Nothing is sent either while the chart warms up; then `told` is False.
    """

    number: int
    bar: Bar
    last: bool
    told: bool

    @property
    def time(self) -> datetime:
        return self.bar.time


def price_path(scenario: Scenario) -> Iterator[Minute]:
    """The walk through every open minute from the chart's first bar on. It gaps only where the market was closed."""
    random = Random(f"{scenario.seed}/prices")  # noqa: S311 - repeatable, not secret
    anchor = close = int(scenario.start_price / TICK)
    usual = SIGMA * float(scenario.start_price / USUAL_PRICE)
    start = floor_minute(scenario.start)
    for number, (time, first, last) in enumerate(_open_minutes(scenario)):
        sigma = usual * LIVELINESS[session_of(time)]
        opened = close + round(random.gauss(0, sigma)) if first and number else close
        close, high, low = (opened,) * 3 if last else _moved(random, opened, sigma, PULL * (anchor - opened))
        bar = Bar(time, *(ticks * TICK for ticks in (opened, high, low, close)))
        yield Minute(number, bar, last, time >= start)


def _moved(random: Random, opened: int, sigma: float, drift: float) -> tuple[int, int, int]:
    """Close, high and low of a bar, in ticks."""
    close = opened + round(random.gauss(0, sigma) + drift)
    high = max(opened, close) + int(abs(random.gauss(0, sigma * WICK)))
    low = min(opened, close) - int(abs(random.gauss(0, sigma * WICK)))
    return close, high, low


def _open_minutes(scenario: Scenario) -> Iterator[tuple[datetime, bool, bool]]:
    """Each open minute, and whether it is the first or the last of its session."""
    hours, time, end = scenario.hours, scenario.first_bar, floor_minute(scenario.end)
    while (time := hours.next_open(time)) < end:
        halt, first = hours.next_close(time), True
        while time < end and time != halt:
            following = time + MINUTE
            yield time, first, following == halt
            time, first = following, False
