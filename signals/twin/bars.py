"""The twin's price bars, and how a short sees them."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Self


class Bar(NamedTuple):
    """One closed bar. `time` is its open, UTC; prices are in points."""

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def mirrored(self) -> Self:
        """The bar with prices negated: what holds for the lows of longs holds in it for the highs of shorts."""
        return self._replace(open=-self.open, high=-self.low, low=-self.high, close=-self.close)

    def seen(self, sign: int) -> Self:
        """The bar as a trade of this sign sees it: 1 for longs, -1 for shorts."""
        return self if sign > 0 else self.mirrored()
