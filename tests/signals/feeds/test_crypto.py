"""Crypto exchanges by ccxt: pages, the bar that still forms, and its errors as ours.

By a package that looks like it, for the project does not need the real one; and by that where it is installed.
"""

import sys
from datetime import datetime
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from signals.clock import MINUTE
from signals.feeds.base import FeedBar
from signals.feeds.crypto import Crypto
from signals.feeds.errors import DeniedError, NotIncludedError, TooManyError, UnknownSymbolError, UnreachableError
from signals.feeds.line import Line

from .server import START, calm

END = START + 60 * MINUTE
# Names of ccxt's errors, each after what it is a kind of.
ERRORS = {
    "BaseError": Exception, "ExchangeError": "BaseError", "AuthenticationError": "ExchangeError",
    "PermissionDenied": "AuthenticationError", "BadRequest": "ExchangeError", "BadSymbol": "BadRequest",
    "NotSupported": "ExchangeError", "NetworkError": "BaseError", "DDoSProtection": "NetworkError",
    "RateLimitExceeded": "NetworkError", "RequestTimeout": "NetworkError",
}  # fmt: skip


class Exchange:
    """One that gives at most 25 bars a page, as lists of milliseconds and floats."""

    rows = calm(range(-5, 70), level=95_000.1)
    error: Exception | None = None
    asked: list[datetime]

    def __init__(self, config: Any) -> None:
        type(self).asked = []

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[list[float]]:
        assert (symbol, timeframe) == ("BTC/USDT", "1m")
        type(self).asked.append(START)
        if self.error:
            raise self.error
        found = [[row[0].timestamp() * 1000, *row[1:], 7.0] for row in self.rows if row[0].timestamp() * 1000 >= since]
        return found[:25]


@pytest.fixture
def ccxt(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = ModuleType("ccxt")
    for name, kind in ERRORS.items():
        setattr(module, name, type(name, (getattr(module, kind) if isinstance(kind, str) else kind,), {}))
    module.exchanges, module.binance = ["binance"], type("binance", (Exchange,), {})
    monkeypatch.setitem(sys.modules, "ccxt", module)
    return module


def bars(line: Line, symbol: str = "binance:BTC/USDT") -> list[FeedBar]:
    return [bar for page in Crypto(line).bars(symbol, START, END) for bar in page.bars]


def test_bars_come_page_by_page_up_to_the_end(ccxt: Any, line: Line) -> None:
    found = bars(line)
    assert [bar.time for bar in found] == [START + minute * MINUTE for minute in range(60)]
    assert found[0].close == Decimal("95000.1")
    assert line.requests == 3


def test_an_exchange_that_tells_of_later_times_only_could_not_be_asked(ccxt: Any, line: Line) -> None:
    ccxt.binance.rows = calm(range(90, 100))
    with pytest.raises(NotIncludedError, match="tells nothing from before 2025-12-10 16:30Z"):
        bars(line)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("RateLimitExceeded", TooManyError),
        ("DDoSProtection", TooManyError),
        ("PermissionDenied", DeniedError),
        ("BadSymbol", UnknownSymbolError),
        ("BadRequest", NotIncludedError),
        ("RequestTimeout", UnreachableError),
        ("ExchangeError", UnreachableError),
    ],
)
def test_its_errors_are_ours(ccxt: Any, line: Line, name: str, kind: type[Exception]) -> None:
    ccxt.binance.error = getattr(ccxt, name)("secret details")
    with pytest.raises(kind) as caught:
        bars(line)
    assert "secret" not in str(caught.value)


def test_an_exchange_that_there_is_not_and_a_missing_package_are_told(
    ccxt: Any, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownSymbolError, match="knows no exchange nowhere"):
        bars(line, "nowhere:BTC/USDT")
    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(DeniedError, match="needs the package ccxt"):
        bars(line)


def test_symbols_that_cannot_be_are_told_without_asking() -> None:
    assert [Crypto.fault(symbol) for symbol in ("kraken:BTC/USD", "bybit:BTC/USDT:USDT")] == ["", ""]
    assert all(Crypto.fault(symbol) for symbol in ("BTCUSDT", "binance:", "BTC/USDT"))
