"""Storing price bars: of two claims about a bar the better one stays."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from signals.models import PriceBar, RefusedBar
from signals.storage.bulk import ROWS_PER_STATEMENT, insert
from signals.storage.queries import batches


class Bar(NamedTuple):
    """One claim about a bar: `time` is its open (UTC), `evidence` names checksum and position of where it stands."""

    symbol: str
    time: datetime
    kind: int
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal
    evidence: str
    origin: int = PriceBar.Origin.INDICATOR
    teller: int | None = None  # the source that does not say whose prices it tells

    @property
    def rank(self) -> tuple[int, int, str]:
        return self.kind, self.origin, self.evidence


COLUMNS = Bar._fields
RANK = ("kind", "origin", "evidence")  # as Bar.rank


def named(table: str) -> str:
    """The columns of a bar's rank in this table, for a comparison of rows."""
    return ", ".join(f"{table}.{column}" for column in RANK)


def store_bars(bars: Iterable[Bar]) -> int:
    """Store each bar unless a better one is there (models.PriceBar says which is). Returns how many were.

    The database compares, so that concurrent writers and any order of arrival end with the same rows.
    """
    best: dict[tuple[str, datetime], Bar] = {}
    for bar in bars:
        held = best.get((bar.symbol, bar.time))
        if held is None or bar.rank > held.rank:
            best[bar.symbol, bar.time] = bar
    if not best:
        return 0
    table = PriceBar._meta.db_table
    fields: dict[str, Any] = {column: PriceBar._meta.get_field(column) for column in COLUMNS}
    # Sorted, so that two writers take their row locks in one order.
    rows = [
        [fields[column].get_db_prep_save(value, connection) for column, value in zip(COLUMNS, bar, strict=True)]
        for _, bar in sorted(best.items())
    ]
    marks = ", ".join(f"({', '.join(['%s'] * len(COLUMNS))}, TRUE)" for _ in rows)
    updates = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS[2:])
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(COLUMNS)}, fresh) VALUES {marks}"  # noqa: S608 names are the model's own
            f" ON CONFLICT (symbol, time) DO UPDATE SET {updates}, fresh = TRUE"
            f" WHERE ({named('excluded')}) > ({named(table)})",
            [value for row in rows for value in row],
        )
        return int(cursor.rowcount)


def rename_bars(teller: int, old: str, new: str) -> None:
    """Put the bars that a source told without a symbol under another one, where the better of two stays as ever."""
    told = PriceBar.objects.filter(symbol=old, teller=teller).order_by("time")
    for rows in batches(told.values_list(*COLUMNS).iterator(), ROWS_PER_STATEMENT):
        store_bars(Bar(*row)._replace(symbol=new) for row in rows)
    told.delete()


def keep_refused(bars: Sequence[RefusedBar]) -> int:
    """Keep refused bars, those that are there already but once. Returns how many are new."""
    return len(insert(RefusedBar, bars, ignore_conflicts=True))
