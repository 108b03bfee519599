"""Crypto exchanges by the package ccxt, which speaks the protocol of each. It is loaded when it is asked, not before.

Exchanges tell bars to anybody: there is no key. Their last bar is still forming, and some tell of the last hours only.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from signals.calendars import EPOCH
from signals.clock import MINUTE

from .base import About, Feed, FeedBar, Page, number
from .errors import (
    DeniedError,
    FeedError,
    NotIncludedError,
    TooManyError,
    UnknownSymbolError,
    UnreachableError,
)

SYMBOL = re.compile(r"(?P<exchange>[a-z0-9]+):(?P<symbol>[A-Z0-9]+/[A-Z0-9]+(?::[A-Z0-9\-]+)?)")
LONGEST = 15.0  # seconds of one request


class Crypto(Feed):
    about = About(
        name="ccxt",
        title="Crypto exchanges (ccxt)",
        key="",
        symbols="kraken:BTC/USD, binance:BTC/USDT, or a perpetual as bybit:BTC/USDT:USDT",
        per_minute=30,
        per_request=500,
        final_after=timedelta(minutes=1),
        settled_after=timedelta(minutes=10),
        package="ccxt",
    )

    @classmethod
    def fault(cls, symbol: str) -> str:
        return "" if SYMBOL.fullmatch(symbol) else f"no symbol of an exchange: give one as {cls.about.symbols}"

    def bars(self, symbol: str, start: datetime, end: datetime) -> Iterator[Page]:
        named = SYMBOL.fullmatch(symbol)
        assert named is not None
        exchange, at = self.exchange(named["exchange"]), start
        while at < end:
            found = self.page(exchange, named["symbol"], at)
            inside = [bar for bar in found if at <= bar.time < end]
            if found and found[0].time >= end:
                raise NotIncludedError(f"tells nothing from before {found[0].time:%Y-%m-%d %H:%M}Z")
            if found and found[-1].time < at:
                raise NotIncludedError(f"tells only of times up to {found[-1].time:%Y-%m-%d %H:%M}Z")
            # A page that reaches our end, or brings nothing new, is the last one.
            last = not inside or found[-1].time >= end - MINUTE
            at = end if last else inside[-1].time + MINUTE
            yield Page(inside, at)

    def exchange(self, name: str) -> Any:
        try:
            import ccxt
        except ImportError as error:
            raise DeniedError("needs the package ccxt: pip install ccxt") from error
        if name not in ccxt.exchanges:
            raise UnknownSymbolError(f"knows no exchange {name}")
        return getattr(ccxt, name)({"enableRateLimit": False})  # we pace it

    def page(self, exchange: Any, symbol: str, at: datetime) -> list[FeedBar]:
        import ccxt

        self.line.wait()
        exchange.timeout = int(min(LONGEST, self.line.remaining) * 1000)
        since = int((at - EPOCH) / timedelta(milliseconds=1))
        try:
            rows = exchange.fetch_ohlcv(symbol, "1m", since=since, limit=self.about.per_request)
        except ccxt.BaseError as error:
            raise refusal(error) from None
        try:
            found = [FeedBar(EPOCH + timedelta(milliseconds=row[0]), *map(number, row[1:5])) for row in rows]
        except (TypeError, ValueError, ArithmeticError, IndexError) as error:
            raise UnreachableError("answered with bars that cannot be read") from error
        return sorted(found)


def refusal(error: Exception) -> FeedError:
    """ccxt's error as ours, the special ones before those that they are kinds of."""
    import ccxt

    kinds: tuple[tuple[type[Exception] | tuple[type[Exception], ...], FeedError], ...] = (
        ((ccxt.RateLimitExceeded, ccxt.DDoSProtection), TooManyError("has had more requests than it allows")),
        ((ccxt.AuthenticationError, ccxt.PermissionDenied), DeniedError("does not let us in")),
        (ccxt.BadSymbol, UnknownSymbolError("knows no such symbol")),
        ((ccxt.BadRequest, ccxt.NotSupported), NotIncludedError("does not tell one-minute bars of this time")),
        (ccxt.RequestTimeout, UnreachableError("did not answer in time")),
    )
    other = UnreachableError(f"cannot be asked ({type(error).__name__})")
    return next((ours for kind, ours in kinds if isinstance(error, kind)), other)
