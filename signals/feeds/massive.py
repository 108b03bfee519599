"""Massive (formerly Polygon): stocks, indices, currencies and crypto by one address, futures contracts by another.

Bars are built of trades: a minute without one has no bar. Pages are linked by `next_url`, which is asked only below our
own address: the key goes nowhere else.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from signals.calendars import EPOCH
from signals.clock import MINUTE

from .base import About, Feed, FeedBar, Page, number
from .errors import UnknownSymbolError, UnreachableError

# A contract of a month, as MNQZ5: a root, the month's letter, one or two digits of the year.
CONTRACT = re.compile(r"[A-Z0-9]{1,4}[FGHJKMNQUVXZ]\d{1,2}")
OTHERS = re.compile(r"(?:[XCI]:)?[A-Z][A-Z0-9.\-]{0,19}")


class Massive(Feed):
    about = About(
        name="massive",
        title="Massive (Polygon)",
        key="MASSIVE_API_KEY",
        symbols="AAPL, X:BTCUSD, C:EURUSD, I:NDX, or a futures contract as MNQZ5",
        per_minute=5,  # the free plan's
        per_request=50_000,
        final_after=timedelta(minutes=16),  # delayed plans are 10 or 15 minutes behind
    )
    address = "https://api.massive.com"

    @classmethod
    def fault(cls, symbol: str) -> str:
        if CONTRACT.fullmatch(symbol) or OTHERS.fullmatch(symbol):
            return ""
        return f"no symbol of Massive's: give one as {cls.about.symbols}"

    def bars(self, symbol: str, start: datetime, end: datetime) -> Iterator[Page]:
        futures = bool(CONTRACT.fullmatch(symbol))
        url, params = future(symbol, start, end) if futures else security(symbol, start, end)
        url, upto = self.address + url, start
        while url:
            body = self.page(url, params)
            try:
                found = [bar_of(row, futures) for row in rows_of(body)]
            except (KeyError, TypeError, ValueError, ArithmeticError) as error:
                raise UnreachableError("answered with bars that cannot be read") from error
            inside = [bar for bar in found if upto <= bar.time < end]
            url, params = self.following(body), {}
            upto = inside[-1].time + MINUTE if inside and url else upto if url else end
            yield Page(inside, upto)

    def page(self, url: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {self.line.key}"}
        answer = self.line.ask("GET", url, own={404}, params=params or None, headers=headers)
        if answer.status == 404:
            raise UnknownSymbolError("knows no such symbol (status 404)")
        body = answer.json()
        if not isinstance(body, dict) or not is_page(body):
            raise UnreachableError("answered with what is no page of bars")
        return body

    def following(self, body: Mapping[str, Any]) -> str:
        url = str(body.get("next_url") or "")
        if url and not url.startswith(f"{self.address}/"):
            raise UnreachableError("names a next page that is elsewhere")
        return url


def is_page(body: Mapping[str, Any]) -> bool:
    """Whether it tells of bars, or says that there are none. What lacks bars that it counts does neither."""
    status, results, counted = body.get("status"), body.get("results"), body.get("resultsCount")
    if results is None:
        return status in ("OK", "DELAYED") and not counted
    if not isinstance(results, list) or (isinstance(counted, int) and counted > len(results)):
        return False
    return status in ("OK", "DELAYED", None)


def rows_of(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return body.get("results") or []


def security(symbol: str, start: datetime, end: datetime) -> tuple[str, dict[str, Any]]:
    """Its `to` is the last bar's open, included. Unadjusted: what was traded, whatever was split since."""
    first, last = (int((moment - EPOCH) / timedelta(milliseconds=1)) for moment in (start, end - MINUTE))
    params = {"adjusted": "false", "sort": "asc", "limit": Massive.about.per_request}
    return f"/v2/aggs/ticker/{symbol}/range/1/minute/{first}/{last}", params


def future(symbol: str, start: datetime, end: datetime) -> tuple[str, dict[str, Any]]:
    first, last = (int((moment - EPOCH) / timedelta(seconds=1)) * 10**9 for moment in (start, end))
    params = {"resolution": "1min", "sort": "window_start.asc", "limit": Massive.about.per_request}
    return f"/futures/v1/aggs/{symbol}", {**params, "window_start.gte": first, "window_start.lt": last}


def bar_of(row: Mapping[str, Any], futures: bool) -> FeedBar:
    """Times are nanoseconds in one, milliseconds in the other."""
    if futures:
        time = EPOCH + timedelta(microseconds=int(row["window_start"]) // 1000)
        return FeedBar(time, *(number(row[name]) for name in ("open", "high", "low", "close")))
    time = EPOCH + timedelta(milliseconds=int(row["t"]))
    return FeedBar(time, *(number(row[name]) for name in ("o", "h", "l", "c")))
