"""Bulk insertion: many rows in one statement, and the keys of those that went in.

Django's bulk_create prepares every value of every row in half a dozen calls, and under ON CONFLICT it cannot say which
rows were kept out, so that they must be asked for. This takes half its time (docs/performance.md has the figures), for
one row as for thousands.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from django.db import connection, models

ROWS_PER_STATEMENT = 1000


def insert(model: type[models.Model], rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> set[Any]:
    """Insert rows as they are, and return the primary keys of those inserted; a conflict keeps its row out.

    Nothing is written back or computed: a key that the database makes stays unknown to its row, and auto_now fields,
    expressions and signals are not for models that come this way. Runs in the caller's transaction.
    """
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    key: Any = model._meta.pk
    inserted: set[Any] = set()
    with connection.cursor() as cursor:
        for chunk in chunks(fields, rows):
            values = chain.from_iterable(zip(*(column(field, chunk) for field in fields), strict=True))
            cursor.execute(statement(model, fields, len(chunk), ignore_conflicts), list(values))
            inserted.update(key.to_python(value) for (value,) in cursor.fetchall())
    return inserted


def chunks(fields: Sequence[Any], rows: Sequence[models.Model]) -> Iterator[Sequence[models.Model]]:
    """As many rows at a time as one statement of this database takes."""
    size = min(ROWS_PER_STATEMENT, connection.ops.bulk_batch_size(fields, rows)) if rows else 1
    return (rows[start : start + size] for start in range(0, len(rows), size))


def statement(model: type[models.Model], fields: Sequence[Any], rows: int, ignore_conflicts: bool) -> str:
    quote = connection.ops.quote_name
    key: Any = model._meta.pk
    row = f"({', '.join(['%s'] * len(fields))})"
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(quote(field.column) for field in fields)})"  # noqa: S608
        f" VALUES {', '.join([row] * rows)}{' ON CONFLICT DO NOTHING' if ignore_conflicts else ''}"
        f" RETURNING {quote(key.column)}"
    )


def column(field: Any, rows: Sequence[models.Model]) -> list[Any]:
    """The field's values, as the database's driver takes them."""
    values = [getattr(row, field.attname) for row in rows]
    if connection.vendor != "postgresql":
        return [field.get_db_prep_save(value, connection) for value in values]
    if isinstance(field, models.JSONField):
        return [None if value is None else json.dumps(value, cls=field.encoder) for value in values]
    return values  # psycopg2 adapts all other types by itself
