"""Open-market time: when a market trades, and durations counted in minutes of trading.

A session's minutes are open from its opening up to, not including, its close. The daily halt (17:00 to 18:00
New York for CME equity indices), weekends and holidays are simply the space between sessions. Seconds decide
nothing: every moment is cut to its UTC minute.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from operator import attrgetter, sub
from typing import Self

from signals.calendars import EPOCH, KNOWN_YEARS, TradingDay, bounds, index, trading_days
from signals.clock import MINUTE, floor_minute
from signals.markets import CME, CRYPTO

CME_EQUITY, ALWAYS_OPEN = CME, CRYPTO
UNKNOWN = ""  # nobody knows when it trades: it is judged by CME's hours, and nothing is counted across their ends


@dataclass(frozen=True, slots=True)
class _Year:
    """The sessions of one UTC year, in minutes since 1970. `done[i]`: its open minutes before session i."""

    opens: tuple[int, ...]
    closes: tuple[int, ...]
    done: tuple[int, ...]
    total: int

    @classmethod
    def of(cls, sessions: Iterable[tuple[int, int]]) -> Self:
        opens, closes = zip(*sorted(sessions), strict=True)
        *done, total = accumulate(map(sub, closes, opens), initial=0)
        return cls(opens, closes, tuple(done), total)

    def before(self, minute: int) -> int:
        """How many of the year's open minutes lie before `minute`."""
        i = bisect_right(self.opens, minute) - 1
        return self.done[i] + min(minute, self.closes[i]) - self.opens[i] if i >= 0 else 0

    def nth(self, n: int) -> int:
        """The year's open minute number `n`, counted from 0."""
        i = bisect_right(self.done, n) - 1
        return self.opens[i] + n - self.done[i]


@cache
def _year(name: str, year: int) -> _Year:
    start, end = bounds(year)
    if name == ALWAYS_OPEN or year not in KNOWN_YEARS:
        return _Year.of([(start, end)])
    spans = (span for day in trading_days(name, year) for span in day.spans)
    clipped = ((max(opened, start), min(closed, end)) for opened, closed in spans)
    return _Year.of((opened, closed) for opened, closed in clipped if opened < closed)


def _moment(index: int) -> datetime:
    return EPOCH + timedelta(minutes=index)


@dataclass(frozen=True, slots=True)
class Market:
    """The trading hours of one market, by its calendar's name.

    Results are UTC minutes. Every method raises ValueError for a naive time and for an unknown calendar.
    """

    name: str = CME_EQUITY

    @property
    def known(self) -> bool:
        return self.name != UNKNOWN

    def is_open(self, t: datetime) -> bool:
        """Whether the minute of `t` is traded."""
        t = floor_minute(t)
        year, minute = _year(self.name, t.year), index(t)
        return year.before(minute + 1) > year.before(minute)

    def open_minutes(self, a: datetime, b: datetime) -> int:
        """Open minutes in [a, b); 0 when b is not after a."""
        a, b = floor_minute(a), floor_minute(b)
        if b <= a:
            return 0
        whole = sum(_year(self.name, year).total for year in range(a.year, b.year))
        return whole + _year(self.name, b.year).before(index(b)) - _year(self.name, a.year).before(index(a))

    def add_open_minutes(self, t: datetime, n: int) -> datetime:
        """The earliest moment, not before `t`, by which `n` open minutes have passed since `t`.

        So the last of them ends there, be it the session's close. Raises ValueError when `n` is negative and
        OverflowError past the year 9999.
        """
        if n < 0:
            raise ValueError(f"cannot add {n} open minutes: n must be 0 or more")
        t = floor_minute(t)
        if n == 0:
            return t
        year = t.year
        last = _year(self.name, year).before(index(t)) + n - 1
        while last >= (total := _year(self.name, year).total):
            last -= total
            year += 1
        return _moment(_year(self.name, year).nth(last) + 1)

    def last_open(self, t: datetime) -> datetime:
        """Start of the latest open minute at or before `t`."""
        t = floor_minute(t)
        year = _year(self.name, t.year)
        if elapsed := year.before(index(t) + 1):
            return _moment(year.nth(elapsed - 1))
        year = _year(self.name, t.year - 1)
        return _moment(year.nth(year.total - 1))

    def next_open(self, t: datetime) -> datetime:
        """Start of the earliest open minute at or after `t`: `t`'s own while the market is open."""
        return self.add_open_minutes(t, 1) - MINUTE

    def next_close(self, t: datetime) -> datetime | None:
        """When the session that is running, or else the next one, ends; None if it never does."""
        opened = self.next_open(t)
        if self.name == ALWAYS_OPEN or opened.year not in KNOWN_YEARS:
            return None
        year = _year(self.name, opened.year)
        close = _moment(year.closes[bisect_right(year.opens, index(opened)) - 1])
        return self.next_close(close) if self.is_open(close) else close

    def session(self, t: datetime) -> tuple[datetime, datetime] | None:
        """Open and close of the latest session that had opened by `t`; None where none is known."""
        minute = index(floor_minute(t))
        for year in (t.year, t.year - 1):
            days = trading_days(self.name, year)
            if place := bisect_right(days, minute, key=attrgetter("open")):
                return _moments(days[place - 1])
        return None

    def session_after(self, t: datetime) -> tuple[datetime, datetime]:
        """Open and close of the first session that opens after `t`."""
        minute, year = index(floor_minute(t)), t.year
        while True:
            days = trading_days(self.name, year)
            place = bisect_right(days, minute, key=attrgetter("open"))
            if place < len(days):
                return _moments(days[place])
            year += 1


def _moments(day: TradingDay) -> tuple[datetime, datetime]:
    return _moment(day.open), _moment(day.close)


def market(name: str = CME_EQUITY) -> Market:
    """The market of that name: "24/7" is always open, "24/5" New York's week of currencies, "" one not known."""
    return Market(name)
