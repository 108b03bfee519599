"""Open-market time: when a market trades, and durations counted in minutes of trading.

A session's minutes are open from its opening up to, not including, its close. The daily halt (17:00 to 18:00
New York for CME equity indices), weekends and holidays are simply the space between sessions. Seconds decide
nothing: every moment is cut to its UTC minute.
"""

from bisect import bisect_right
from calendar import isleap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from operator import sub
from typing import Self

from signals.clock import MINUTE, floor_minute

CME_EQUITY = "CME Globex Equity"
ALWAYS_OPEN = "24/7"
# Years whose holidays the calendar library is trusted with. In others every minute counts as open, so that a
# nonsensical date costs neither an error nor centuries of calendars.
KNOWN_YEARS = range(2000, 2050)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 24 * 60


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


def _bounds(year: int) -> tuple[int, int]:
    start = (date(year, 1, 1) - _EPOCH.date()).days * _DAY
    return start, start + (366 if isleap(year) else 365) * _DAY


@cache
def _calendar_year(name: str, year: int) -> _Year:
    # pandas costs most of a second and tens of megabytes: only processes that ask about market hours pay.
    from pandas_market_calendars import get_calendar

    try:
        calendar = get_calendar(name)
    except RuntimeError as error:
        raise ValueError(
            f"unknown market calendar {name!r}: use {CME_EQUITY!r}, {ALWAYS_OPEN!r}, "
            "or a name that pandas_market_calendars knows"
        ) from error
    start, end = _bounds(year)
    # A session may open the evening before its date, so the neighbouring days are read and cut to the year.
    days = calendar.schedule(date(year - 1, 12, 30), date(year + 1, 1, 2))
    sessions = (
        (_index(opened.to_pydatetime()), _index(closed.to_pydatetime()))
        for opened, closed in zip(days["market_open"], days["market_close"], strict=True)
    )
    clipped = ((max(opened, start), min(closed, end)) for opened, closed in sessions)
    return _Year.of((opened, closed) for opened, closed in clipped if opened < closed)


def _year(name: str, year: int) -> _Year:
    if name == ALWAYS_OPEN or year not in KNOWN_YEARS:
        return _Year.of([_bounds(year)])
    return _calendar_year(name, year)


def _index(t: datetime) -> int:
    return (t - _EPOCH) // MINUTE


def _moment(index: int) -> datetime:
    return _EPOCH + timedelta(minutes=index)


@dataclass(frozen=True, slots=True)
class Market:
    """The trading hours of one market, by its calendar's name.

    Results are UTC minutes. Every method raises ValueError for a naive time and for an unknown calendar.
    """

    name: str = CME_EQUITY

    def is_open(self, t: datetime) -> bool:
        """Whether the minute of `t` is traded."""
        t = floor_minute(t)
        year, minute = _year(self.name, t.year), _index(t)
        return year.before(minute + 1) > year.before(minute)

    def open_minutes(self, a: datetime, b: datetime) -> int:
        """Open minutes in [a, b); 0 when b is not after a."""
        a, b = floor_minute(a), floor_minute(b)
        if b <= a:
            return 0
        whole = sum(_year(self.name, year).total for year in range(a.year, b.year))
        return whole + _year(self.name, b.year).before(_index(b)) - _year(self.name, a.year).before(_index(a))

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
        last = _year(self.name, year).before(_index(t)) + n - 1
        while last >= (total := _year(self.name, year).total):
            last -= total
            year += 1
        return _moment(_year(self.name, year).nth(last) + 1)

    def last_open(self, t: datetime) -> datetime:
        """Start of the latest open minute at or before `t`."""
        t = floor_minute(t)
        year = _year(self.name, t.year)
        if elapsed := year.before(_index(t) + 1):
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
        close = _moment(year.closes[bisect_right(year.opens, _index(opened)) - 1])
        return self.next_close(close) if self.is_open(close) else close


def market(name: str = CME_EQUITY) -> Market:
    """The market of that name; "24/7" is always open (crypto, and sources of which nothing is known)."""
    return Market(name)
