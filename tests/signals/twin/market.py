"""Bars for the tests of the twin."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from signals.clock import MINUTE
from signals.twin import Bar

START = datetime(2025, 12, 10, 14, 0, tzinfo=UTC)
Prices = tuple[float, float, float, float]


def bars_of(prices: Iterable[Prices], start: datetime = START) -> list[Bar]:
    """Bars of (open, high, low, close), a minute each."""
    return [
        Bar(start + number * MINUTE, *(Decimal(str(price)) for price in each)) for number, each in enumerate(prices)
    ]


def walk(seed: int, length: int) -> list[Bar]:
    """A random walk in whole ticks."""
    random, close, prices = Random(seed), 100_000, []
    for _ in range(length):
        start = close + random.choice((0, 0, 0, 1, -1, 4, -4))
        close = start + random.randint(-12, 12)
        high, low = max(start, close) + random.randint(0, 6), min(start, close) - random.randint(0, 6)
        prices.append(tuple(tick / 4 for tick in (start, high, low, close)))
    return bars_of(prices)


def mirrored(bars: Sequence[Bar]) -> list[Bar]:
    return [bar.mirrored() for bar in bars]
