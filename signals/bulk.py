"""Bulk writing: many rows in one statement, and the keys of those that went in.

Django's bulk_create prepares every value of every row in half a dozen calls, and under ON CONFLICT it cannot say which
rows were kept out, so that they must be asked for. This takes half its time (docs/performance.md has the figures), for
one row as for thousands.

Rows are written as they are: auto_now fields, expressions and signals are not for models that come this way. Runs in
the caller's transaction.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeVar

from django.db import connection, models

ROWS_PER_STATEMENT = 1000
Row = TypeVar("Row", bound=models.Model)


def insert(model: type[models.Model], rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> set[Any]:
    """Insert rows and return the primary keys of those inserted; with `ignore_conflicts` a conflict keeps its row out.

    A key that the database makes is written to its row, unless conflicts are ignored: then nobody knows whose it is.
    """
    if not rows:
        return set()
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    key: Any = model._meta.pk
    ending = f"{' ON CONFLICT DO NOTHING' if ignore_conflicts else ''} RETURNING {quoted(key)}"
    inserted: set[Any] = set()
    with connection.cursor() as cursor:
        for chunk in chunks(fields, rows):
            cursor.execute(*statement(model, fields, chunk, ending))
            keys = [key.to_python(value) for (value,) in cursor.fetchall()]
            inserted.update(keys)
            if not ignore_conflicts:
                for row, value in zip(chunk, keys, strict=True):
                    row.pk, row._state.adding, row._state.db = value, False, connection.alias
    return inserted


def overwrite(model: type[models.Model], rows: Sequence[models.Model], names: Iterable[str]) -> None:
    """Write the named fields of rows that are stored and locked by the caller; one that is not there is inserted."""
    if not rows:
        return
    fields: list[Any] = list(model._meta.concrete_fields)
    columns = [quoted(model._meta.get_field(name)) for name in names]
    ending = f" ON CONFLICT ({quoted(model._meta.pk)}) DO UPDATE SET " + ", ".join(
        f"{column} = excluded.{column}" for column in columns
    )
    with connection.cursor() as cursor:
        for chunk in chunks(fields, rows):
            cursor.execute(*statement(model, fields, chunk, ending))


def locked(model: type[Row], condition: str, parameters: Sequence[Any], *, strength: str = "UPDATE") -> list[Row]:
    """Rows under a condition in SQL, by key, locked as `strength` says (SQLite locks as a whole when it begins).

    Written out, because composing the statement anew costs Django more than the database's answer.
    """
    lock = f" FOR {strength}" if connection.features.has_select_for_update else ""
    table, key = model._meta.db_table, quoted(model._meta.pk)
    text = f'SELECT * FROM "{table}" WHERE {condition} ORDER BY {key}{lock}'  # noqa: S608 the caller's own text
    return list(model._default_manager.raw(text, parameters))


def chunks(fields: Sequence[Any], rows: Sequence[models.Model]) -> Iterator[Sequence[models.Model]]:
    """As many rows at a time as one statement of this database takes."""
    size = min(ROWS_PER_STATEMENT, connection.ops.bulk_batch_size(fields, rows))
    return (rows[start : start + size] for start in range(0, len(rows), size))


def quoted(field: Any) -> str:
    return f'"{field.column}"'


def statement(
    model: type[models.Model], fields: Sequence[Any], rows: Sequence[models.Model], ending: str
) -> tuple[str, list[Any]]:
    """The INSERT of these rows and its parameters."""
    row = f"({', '.join(['%s'] * len(fields))})"
    text = (
        f'INSERT INTO "{model._meta.db_table}" ({", ".join(map(quoted, fields))})'  # noqa: S608 names are the model's own
        f" VALUES {', '.join([row] * len(rows))}{ending}"
    )
    prepare = as_psycopg_takes if connection.vendor == "postgresql" else as_django_prepares
    return text, list(chain.from_iterable(zip(*(prepare(field, rows) for field in fields), strict=True)))


def as_django_prepares(field: Any, rows: Sequence[models.Model]) -> list[Any]:
    return [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows]


def as_psycopg_takes(field: Any, rows: Sequence[models.Model]) -> list[Any]:
    held = [getattr(row, field.attname) for row in rows]
    if isinstance(field, models.JSONField):
        return [None if value is None else json.dumps(value, cls=field.encoder) for value in held]
    return held  # all other types it adapts by itself
