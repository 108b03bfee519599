"""Whether a feed's prices are the indicator's: its closes against the closes and the entry prices that were heard."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from signals.bars.importing import entries_of
from signals.models import PriceBar
from signals.prices import SISTER_TICKS

from .base import FeedBar
from .windows import Span

LEAST = 100  # minutes from which on a share tells something
SHARE = Decimal("0.01")  # of them may be further apart
FEW = 3  # may, before so many were compared


class Comparison(NamedTuple):
    compared: int
    apart: frozenset[datetime]


def disagrees(compared: int, differing: int) -> bool:
    """Whether the prices are of something else than the indicator's. Pure."""
    return differing > (compared * SHARE if compared >= LEAST else FEW)


def compare(bars: Iterable[FeedBar], told: Mapping[datetime, Decimal], tick: Decimal) -> Comparison:
    """The bars of minutes whose price was told, and which of these close elsewhere. Pure."""
    both, near = [bar for bar in bars if bar.time in told], SISTER_TICKS * tick
    return Comparison(len(both), frozenset(bar.time for bar in both if abs(bar.close - told[bar.time]) > near))


def told_prices(symbol: str, span: Span) -> dict[datetime, Decimal]:
    """The indicator's own closes of bars that open in this time: told by ENTRYs, and before all by its bars."""
    own = PriceBar.objects.filter(
        symbol=symbol, origin=PriceBar.Origin.INDICATOR, time__gte=span.start, time__lt=span.end
    )
    return entries_of(symbol, span) | dict(own.order_by().values_list("time", "close"))
