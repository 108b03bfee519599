"""Calendars: the trading days of a market, one calendar year at a time, in minutes since 1970 (UTC).

Futures and stocks come from pandas_market_calendars (which knows exchange_calendars' codes, too); what trades around
the clock needs no library. `market.py` answers questions about them.
"""

from calendar import isleap
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from signals.clock import MINUTE, NEW_YORK
from signals.markets import CME, CRYPTO, FOREX, NYSE

# Years whose holidays the calendar library is trusted with. In others every minute counts as open, so that a
# nonsensical date costs neither an error nor centuries of calendars.
KNOWN_YEARS = range(2000, 2050)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 24 * 60
CHICAGO = "America/Chicago"
SUNDAY, FRIDAY, FOREX_OPENS = 6, 4, time(17)


class TradingDay(NamedTuple):
    """A session from its open up to, not including, its close; `spans` are its parts where it rests at noon."""

    open: int
    close: int
    spans: tuple[tuple[int, int], ...]


def index(t: datetime) -> int:
    return (t - EPOCH) // MINUTE


def bounds(year: int) -> tuple[int, int]:
    start = (date(year, 1, 1) - EPOCH.date()).days * DAY
    return start, start + (366 if isleap(year) else 365) * DAY


def whole(opened: int, closed: int) -> TradingDay:
    return TradingDay(opened, closed, ((opened, closed),))


@cache
def trading_days(name: str, year: int) -> tuple[TradingDay, ...]:
    """The sessions that open in a UTC year or reach into it, in order. Raises ValueError for an unknown name."""
    start, end = bounds(year)
    if name == CRYPTO or year not in KNOWN_YEARS:
        return tuple(whole(day, day + DAY) for day in range(start, end, DAY))
    # A session may open the evening before its date.
    first, last = date(year - 1, 12, 29), date(year + 1, 1, 3)
    days = forex(first, last) if name == FOREX else scheduled(name or CME, first, last)
    return tuple(sorted(day for day in days if day.open < end and day.close > start))


def forex(first: date, last: date) -> Iterator[TradingDay]:
    """From 17:00 to 17:00 New York, Sunday to Friday."""
    for number in range((last - first).days):
        day = first + timedelta(days=number)
        if day.weekday() == SUNDAY or day.weekday() < FRIDAY:
            yield whole(*(new_york(each) for each in (day, day + timedelta(days=1))))


def new_york(day: date) -> int:
    return index(datetime.combine(day, FOREX_OPENS, ZoneInfo(NEW_YORK)).astimezone(UTC))


@cache
def zone_of(name: str) -> str:
    """The zone in which an exchange, and so Pine, tells its times; "" where it is not known."""
    known = {CME: CHICAGO, NYSE: NEW_YORK, FOREX: NEW_YORK, CRYPTO: "UTC", "": ""}
    return known[name] if name in known else str(calendar_named(name).tz)


def scheduled(name: str, first: date, last: date) -> Iterator[TradingDay]:
    days = calendar_named(name).schedule(first, last)
    columns = [days[column] for column in ("market_open", "break_start", "break_end", "market_close") if column in days]
    for row in zip(*columns, strict=True):
        moments = [index(moment.to_pydatetime()) for moment in row if known(moment)]
        if moments[0] < moments[-1]:
            spans = [span for span in zip(moments[::2], moments[1::2], strict=True) if span[0] < span[1]]
            yield TradingDay(moments[0], moments[-1], tuple(spans))


def calendar_named(name: str) -> Any:
    # pandas costs most of a second and tens of megabytes: only processes that ask about market hours pay.
    from pandas_market_calendars import get_calendar

    try:
        return get_calendar(name)
    except RuntimeError as error:
        raise ValueError(
            f"unknown market calendar {name!r}: use {CME!r}, {FOREX!r}, {CRYPTO!r}, "
            "or a name that pandas_market_calendars or exchange_calendars knows"
        ) from error


def known(moment: Any) -> bool:
    """Half days have no break: what is no time there is unequal to itself."""
    return bool(moment == moment)  # noqa: PLR0124
