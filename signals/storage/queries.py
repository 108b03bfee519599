"""What queries are given: few timespans instead of one a signal, and lists in batches that a database takes."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func
from django.db.models.sql.compiler import SQLCompiler

Timespan = tuple[datetime, datetime]
T = TypeVar("T")

# Timespans closer together than this are read in one.
APART = timedelta(hours=6)


def merged(timespans: Iterable[Timespan], apart: timedelta = APART) -> Iterator[Timespan]:
    """The timespans in order, those that overlap, or are no further apart, made one."""
    held: Timespan | None = None
    for start, end in sorted(timespans):
        if held is None:
            held = start, end
        elif start <= held[1] + apart:
            held = held[0], max(held[1], end)
        else:
            yield held
            held = start, end
    if held is not None:
        yield held


class Among(Func):
    """Whether a column is one of these keys, as one value. At those of `column__in` Django looks five times each."""

    output_field = BooleanField()

    def __init__(self, column: str, keys: Iterable[int]) -> None:
        super().__init__(F(column))
        self.keys = list(keys)

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *_: Any, **__: Any) -> tuple[str, Any]:
        column, values = compiler.compile(self.source_expressions[0])
        if connection.vendor == "postgresql":
            return f"{column} = ANY(%s::bigint[])", (*values, self.keys)
        return f"{column} IN (SELECT value FROM json_each(%s))", (*values, json.dumps(self.keys))  # noqa: S608 ours


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
