"""Databento's historical HTTP API: one request gives CSV in the form that its files have, so it is read as they are.

Its own package would bring numpy, pandas and a binary format for what is one request. How far the key may look is told
by a refusal that names the moment: that much is asked for then, and the rest another time.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from signals.bars.reading import FileBar, NotBarsError, read_bars
from signals.clock import floor_minute

from .base import About, Feed, FeedBar, Page
from .errors import UnknownSymbolError, UnreachableError
from .line import Answer, refusal, told

DATASET = "GLBX.MDP3"
# A dataset may stand before the symbol: XNAS.ITCH/AAPL.
SYMBOL = re.compile(r"(?:(?P<dataset>[A-Z]+\.[A-Z0-9]+)/)?(?P<symbol>[A-Za-z0-9.\- :]+)")
CONTINUOUS = re.compile(r"[A-Z0-9]+\.[cnv]\.\d+")
# As it words it: "available up to '2026-01-29 20:00:00+00:00'", and for want of a license "an end time before …Z".
UNTIL = re.compile(r"(?:available up to|end time before) '?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)")


class Databento(Feed):
    about = About(
        name="databento",
        title="Databento",
        key="DATABENTO_API_KEY",
        symbols="NQ.v.0 (the contract with the most volume), NQ.c.0 (the next to expire), MNQZ5, or XNAS.ITCH/AAPL",
        per_minute=60,
        per_request=10_000,
        final_after=timedelta(minutes=20),
    )
    address = "https://hist.databento.com/v0"

    @classmethod
    def fault(cls, symbol: str) -> str:
        return "" if SYMBOL.fullmatch(symbol) else f"no symbol of Databento's: give one as {cls.about.symbols}"

    def bars(self, symbol: str, start: datetime, end: datetime) -> Iterator[Page]:
        answer = self.ask(symbol, start, end)
        if answer.status != 200:
            end = min(end, allowed_until(answer))
            if end <= start:
                return
            answer = self.ask(symbol, start, end)
            if answer.status != 200:
                raise refusal(answer)
        yield Page([bar for bar in read(answer) if start <= bar.time < end], end)

    def ask(self, symbol: str, start: datetime, end: datetime) -> Answer:
        named = SYMBOL.fullmatch(symbol)
        assert named is not None
        form = {
            "dataset": named["dataset"] or DATASET,
            "symbols": named["symbol"],
            "stype_in": "continuous" if CONTINUOUS.fullmatch(named["symbol"]) else "raw_symbol",
            "schema": "ohlcv-1m",
            "start": start.isoformat(),
            "end": end.isoformat(),
            "encoding": "csv",
            "compression": "none",
        }
        url = f"{self.address}/timeseries.get_range"
        return self.line.ask("POST", url, own={403, 404, 422}, data=form, auth=(self.line.key, ""))


def allowed_until(answer: Answer) -> datetime:
    """The moment that a refusal says the key may ask up to. Raises what else it is refused for."""
    says = told(answer)
    if found := UNTIL.search(says):
        return floor_minute(datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC))
    if answer.status != 403 and "symbol" in says.lower():
        raise UnknownSymbolError(f"knows no such symbol: {says}")
    raise refusal(answer)


def read(answer: Answer) -> list[FeedBar]:
    """The bars of its CSV; none for an empty body. Raises UnreachableError for what is no such CSV."""
    text = answer.body.decode(errors="replace")
    if not text.strip():
        return []
    try:
        rows = list(read_bars(text.splitlines()))
    except NotBarsError as error:
        raise UnreachableError("answered with what is no CSV of bars") from error
    bars = [FeedBar(*row[1:6]) for row in rows if isinstance(row, FileBar)]
    if len(bars) < len(rows):
        raise UnreachableError("answered with bars that cannot be read")
    return sorted(bars)
