"""Symbols: one spelling of each, whichever way it came in, and what its prices may be. Pure."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

# Energy futures of CME, which trade below zero since 2020, as continuous contracts (CL1!) or of a month (CLZ2026).
_BELOW_ZERO = re.compile(r"(?:M?CL|QM|BZ|HO|MHO|QH|RB|MRB|QU|M?NG|QG|HH|HP)(?:\d!|[FGHJKMNQUVXZ]\d{1,4})")
_EXCHANGE = re.compile(r"\w+:")
_SPREAD = re.compile(r".[-+*/].*[:!]|[:!].*[-+*/].")


@lru_cache(maxsize=1024)
def normalised(raw: str) -> str:
    """A symbol in capitals, without the exchange before it and the bar length behind it: MNQ1! of "cme_mini:mnq1!, 1m".

    What is behind a dot or before `!` stays, for a perpetual contract (BTCUSDT.P) and the contract in front (MNQ1!) are
    other things than what they are named after, at other prices; so does a spread's second leg.
    """
    symbol = "".join(raw.split(",", 1)[0].split()).upper()
    return _EXCHANGE.sub("", symbol, count=1) if _EXCHANGE.match(symbol) else symbol


@lru_cache(maxsize=1024)
def goes_below_zero(symbol: str) -> bool:
    """Whether its market has prices of zero and less: spreads and energy futures. Takes any spelling."""
    name = normalised(symbol)
    return bool(_SPREAD.search(name) or _BELOW_ZERO.fullmatch(name))


def spellings(symbols: Iterable[str]) -> Mapping[str, str]:
    """By each of these symbols the one that it is spelled as among them: a future's root (MNQ) as its contract in front
    (MNQ1!), where both are used, for scripts send the one (`syminfo.root`) and placeholders the other (`{{ticker}}`).
    """
    known = set(symbols)
    return {symbol: front if (front := f"{symbol}1!") in known else symbol for symbol in known}
