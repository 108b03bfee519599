"""The prices that a signal's chart draws. Of a long life they are put together by the database, not read one by one."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Count, F, Func, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce

from signals.models import PriceBar

MOST = 2000  # minutes of which each bar is read
PIECES = 500  # that a longer time is cut into


class Drawn(NamedTuple):
    """One bar, or several that are drawn as one. What is None is not known of one of them."""

    time: datetime
    close: Decimal
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    bars: int = 1


class Piece(Func):
    """The number of the piece of so many `seconds` since 1970 that a moment is in."""

    output_field = BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        template = "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / %(seconds)s"
        return self.as_sql(compiler, connection, template=template, **options)

    def as_postgresql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / %(seconds)s)::bigint"
        return self.as_sql(compiler, connection, template=template, **options)


def drawn(symbol: str, start: datetime, end: datetime, also: Iterable[datetime] = ()) -> list[Drawn]:
    """The bars of a symbol from `start` to `end`, in order of time; those of the minutes in `also` by themselves."""
    rows = PriceBar.objects.filter(symbol=symbol, time__gte=start, time__lte=end)
    minutes = int((end - start) / timedelta(minutes=1))
    if minutes <= MOST:
        return each_of(rows)
    alone = {moment for moment in also if start <= moment <= end}
    together = pieces(rows.exclude(time__in=alone) if alone else rows, 60 * -(-minutes // PIECES))
    return sorted([*together, *each_of(rows.filter(time__in=alone))])


def each_of(rows: QuerySet[PriceBar]) -> list[Drawn]:
    return [Drawn(*row) for row in rows.order_by("time").values_list("time", "close", "open", "high", "low")]


def pieces(rows: QuerySet[PriceBar], seconds: int) -> list[Drawn]:
    """The bars, those of so many seconds together."""
    cut = rows.annotate(piece=Piece(F("time"), seconds=seconds)).order_by().values_list("piece")
    found = cut.annotate(
        first=Min("time"), last=Max("time"), high=Max(Coalesce("high", "close")), low=Min(Coalesce("low", "close")),
        bars=Count("pk"), whole=Count("pk", filter=Q(open__isnull=False)),
    )  # fmt: skip
    ends = list(found)
    moments = {moment for _, first, last, *_ in ends for moment in (first, last)}
    known = {bar.time: bar for bar in each_of(rows.filter(time__in=moments))}
    return [
        Drawn(first, known[last].close, known[first].open if whole == bars else None, high, low, bars)
        for _, first, last, high, low, bars, whole in ends
    ]
