"""Price bars: the one writer of price evidence."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from .models import PriceBar


class Bar(NamedTuple):
    """One claim about a bar: `time` is its open (UTC), `evidence` names delivery checksum and position."""

    symbol: str
    time: datetime
    kind: int
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal
    evidence: str


COLUMNS = Bar._fields


def store_bars(bars: Iterable[Bar]) -> None:
    """Store each bar unless a better one is there: a whole bar beats a close, then the greater evidence wins.

    The database compares, so that concurrent writers and any order of arrival end with the same rows.
    """
    best: dict[tuple[str, datetime], Bar] = {}
    for bar in bars:
        held = best.get((bar.symbol, bar.time))
        if held is None or (bar.kind, bar.evidence) > (held.kind, held.evidence):
            best[bar.symbol, bar.time] = bar
    if not best:
        return
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
            f" WHERE (excluded.kind, excluded.evidence) > ({table}.kind, {table}.evidence)",
            [value for row in rows for value in row],
        )
