"""What price bars there are: per symbol and day how many, from where, how many were refused; and the holes."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import connection

from signals.clock import MINUTE, instant, local
from signals.market import CME_EQUITY, Market, market
from signals.markets import calendar_of
from signals.models import PriceBar, RefusedBar, Source

from .importing import DIRTY, LEAST

Kind, Origin = PriceBar.Kind, PriceBar.Origin


@dataclass(frozen=True, slots=True)
class Day:
    """A day of one symbol, by the wall clock of a zone. `expected` counts the minutes that were traded so far."""

    date: date
    expected: int
    files: int = 0  # whole bars by origin
    feeds: int = 0
    indicator: int = 0
    closes: int = 0  # of which only the close is known
    refused: int = 0

    @property
    def whole(self) -> int:
        return self.files + self.feeds + self.indicator

    @property
    def missing(self) -> int:
        """Traded minutes of which nothing is known."""
        return max(0, self.expected - self.whole - self.closes)

    @property
    def dirty(self) -> bool:
        """Whether so many bars of its files and feeds were refused that these are to be doubted."""
        rows = self.refused + self.files + self.feeds
        return rows >= LEAST and self.refused > rows * DIRTY


@dataclass(frozen=True, slots=True)
class Hole:
    """Traded minutes in a row without a whole bar: opens of the first and the last of them."""

    first: datetime
    last: datetime
    minutes: int


def symbols() -> list[str]:
    """The symbols of which there are bars, in order of the alphabet; one step in the index each, however many bars."""
    table = PriceBar._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found(symbol) AS (SELECT MIN(symbol) FROM {table} UNION ALL"  # noqa: S608 the model's own
            f" SELECT (SELECT MIN(symbol) FROM {table} AS t WHERE t.symbol > found.symbol)"
            " FROM found WHERE found.symbol IS NOT NULL) SELECT symbol FROM found WHERE symbol IS NOT NULL"
        )
        return [symbol for (symbol,) in cursor.fetchall()]


def hours_of(symbol: str) -> Market:
    """The market hours of the sources with this symbol, else those of CME's equity indices."""
    found = Source.objects.filter(symbol=symbol).values_list("calendar", flat=True).first()
    return market(found or calendar_of(symbol).calendar or CME_EQUITY)


def last_day(symbol: str, zone: str) -> date | None:
    """The day of the symbol's latest bar; None when there is none."""
    latest = PriceBar.objects.filter(symbol=symbol).order_by("-time").values_list("time", flat=True).first()
    return local(latest, zone).date() if latest else None


def span_of(day: date, zone: str) -> tuple[datetime, datetime]:
    """The first moment of a day, and of the next, by the wall clock of the zone."""
    midnight, after = (datetime.combine(day + timedelta(days=days), time()) for days in (0, 1))
    return instant(midnight, zone), instant(after, zone)


def coverage(symbol: str, days: Sequence[date], *, zone: str, hours: Market, now: datetime) -> list[Day]:
    """What there is on each of these days, which follow each other. Two queries, of the days' rows alone."""
    if not days:
        return []
    starts = [span_of(day, zone)[0] for day in sorted(days)]
    end = span_of(max(days), zone)[1]
    there = {"symbol": symbol, "time__gte": starts[0], "time__lt": end}
    counted: list[Counter[tuple[int, int]]] = [Counter() for _ in starts]
    for moment, kind, origin in PriceBar.objects.filter(**there).order_by().values_list("time", "kind", "origin"):
        counted[bisect_right(starts, moment) - 1][kind, origin] += 1
    refused = Counter(
        bisect_right(starts, moment) - 1
        for moment in RefusedBar.objects.filter(**there).order_by().values_list("time", flat=True)
    )
    found = []
    for place, (start, upto) in enumerate(zip(starts, [*starts[1:], end], strict=True)):
        kinds = counted[place]
        found.append(
            Day(
                date=sorted(days)[place],
                expected=hours.open_minutes(start, min(upto, now)),
                files=kinds[Kind.BAR, Origin.FILE],
                feeds=kinds[Kind.BAR, Origin.FEED],
                indicator=kinds[Kind.BAR, Origin.INDICATOR],
                closes=sum(count for (kind, _), count in kinds.items() if kind == Kind.CLOSE),
                refused=refused[place],
            )
        )
    return found


def holes(symbol: str, start: datetime, end: datetime, hours: Market) -> Iterator[Hole]:
    """The traded minutes in [start, end) without a whole bar, in order of time."""
    rows = PriceBar.objects.filter(symbol=symbol, kind=Kind.BAR, time__gte=start, time__lt=end)
    yield from between(rows.order_by("time").values_list("time", flat=True), start, end, hours)


def between(times: Iterable[datetime], start: datetime, end: datetime, hours: Market) -> Iterator[Hole]:
    """The holes that these bars leave in [start, end). Pure."""
    free = start
    for moment in (*times, end):
        lost = hours.open_minutes(free, moment)
        if lost:
            yield Hole(hours.next_open(free), hours.last_open(moment - MINUTE), lost)
        free = moment + MINUTE
