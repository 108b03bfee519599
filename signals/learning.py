"""Learning: what a source's alerts tell of its chart, which is its symbol and the length of its bars. Pure.

What is learned is a JSON object that only ever grows by joins, so that it is a function of the set of what was told:
order, repetition and splitting cannot matter. `conclusions` says what follows from it.

    symbol      the first that was stated, by a log's Ticker, else by a message:
                [0 or 1, minute, checksum, symbol, as it was spelled]
    ticker      the lengths that Tickers of logs state ("CME_MINI:MNQ1!, 5"), in minutes
    payload     those that messages state (`timeframe`, `interval`)
    rhythm      what births show of it where nobody states it: see rhythm.py
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from .formats import iso
from .symbols import normalised

DAY = 24 * 60
MAX_TICKER = 64
Learned = dict[str, Any]

_INTERVAL = re.compile(r"(\d{0,4})\s*([A-Za-z]*)")
_UNITS = {
    **dict.fromkeys(("", "m", "min", "mins", "minute", "minutes"), 1),
    **dict.fromkeys(("h", "H", "hr", "hour", "hours"), 60),
    **dict.fromkeys(("d", "D", "day", "Day", "daily"), DAY),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What one delivery says of its chart: symbol and Ticker by the alert log, and what the message itself names."""

    minute: datetime
    checksum: str
    symbol: str = ""
    ticker: str = ""
    symbols: Sequence[str] = ()
    intervals: Sequence[str] = ()

    @property
    def claim(self) -> list[Any] | None:
        """Its claim to be the first that states a symbol; None if it does not."""
        spelled = self.ticker if self.symbol else next(iter(self.symbols), "")
        symbol = self.symbol or normalised(spelled)
        key = [int(not self.symbol), iso(self.minute), self.checksum, symbol, spelled.strip()[:MAX_TICKER]]
        return key if symbol else None


class Conclusions(NamedTuple):
    """What follows: a symbol, as it was spelled and who said so; a bar length in minutes and who said so."""

    symbol: str
    ticker: str
    symbol_by: str
    bar_minutes: int | None
    bar_minutes_by: str


@lru_cache(maxsize=1024)
def minutes_of(interval: str) -> int | None:
    """Minutes of a bar as TradingView writes its length ("5", "1m", "60", "4h", "D"); None for what is no such length.

    Bars of seconds, weeks and months ("30S", "W", "1M") are none of those that a source can have.
    """
    match = _INTERVAL.fullmatch(interval.strip())
    unit = _UNITS.get(match[2]) if match else None
    if match is None or unit is None or not (match[1] or unit == DAY):
        return None
    minutes = int(match[1] or 1) * unit
    return minutes if 1 <= minutes <= DAY else None


def minutes_of_ticker(ticker: str) -> int | None:
    """The bar length behind a Ticker's symbol: 5 of "BINANCE:BTCUSDT.P, 5"."""
    return next(filter(None, map(minutes_of, ticker.split(",")[1:])), None)


def join(learned: Mapping[str, Any], told: Iterable[Told]) -> Learned:
    """What is known after these deliveries, too; equal to `learned` when they tell nothing new."""
    known = dict(learned)
    for each in told:
        if claim := each.claim:
            known["symbol"] = min(claim, known.get("symbol", claim))
        lengths = {"ticker": [minutes_of_ticker(each.ticker)], "payload": map(minutes_of, each.intervals)}
        for by, stated in lengths.items():
            held = known.get(by, [])
            if more := {minutes for minutes in stated if minutes} - set(held):
                known[by] = sorted({*held, *more})
    return known


def conclusions(learned: Mapping[str, Any]) -> Conclusions:
    """Alerts of several lengths leave it open: no length is right for all of them."""
    place, *_, symbol, ticker = learned.get("symbol", (2, "", ""))
    symbol_by = ("ticker", "payload", "")[place]
    for by in ("ticker", "payload"):
        if lengths := learned.get(by):
            return Conclusions(symbol, ticker, symbol_by, lengths[0] if len(lengths) == 1 else None, by)
    return Conclusions(symbol, ticker, symbol_by, None, "")
