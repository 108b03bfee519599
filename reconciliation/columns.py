"""Signals' columns: which of them a plan changed, and writing only those, many rows in one statement."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from signals.models import AutomatedSignal
from signals.rebuild import COMPARED

_FIELDS: dict[str, Any] = {field.name: field for field in AutomatedSignal._meta.concrete_fields}
_COMPARED = [(name, _FIELDS[name].attname, getattr(_FIELDS[name], "decimal_places", None)) for name in COMPARED]
# SQLite's limit; PostgreSQL has none where the client fills the values in.
MOST_VALUES = 30_000


def changed(stored: AutomatedSignal, wanted: AutomatedSignal) -> list[str]:
    """The names of the columns whose values differ, as far as the database keeps their digits."""
    found = []
    for name, attribute, places in _COMPARED:
        before, after = getattr(stored, attribute), getattr(wanted, attribute)
        if before is after or before == after:
            continue
        if None in (places, before, after) or round(before, places) != round(after, places):
            found.append(name)
    return found


def write_columns(rows: Sequence[AutomatedSignal], names: Iterable[str]) -> None:
    """Write these columns of rows whose locks the caller holds; no other column is touched."""
    fields = [_FIELDS["id"], *(_FIELDS[name] for name in sorted(names))]
    per_statement = max(1, MOST_VALUES // len(fields))
    for start in range(0, len(rows), per_statement):
        statement(rows[start : start + per_statement], fields)


def statement(rows: Sequence[AutomatedSignal], fields: Sequence[Any]) -> None:
    table = AutomatedSignal._meta.db_table
    values = [
        field.get_db_prep_save(getattr(row, field.attname), connection=connection) for row in rows for field in fields
    ]
    columns = [field.column for field in fields]
    marks = ["%s"] * len(fields)
    # The first row tells PostgreSQL the types; SQLite keeps those of the values.
    typed = [f"%s::{field.db_type(connection)}" for field in fields] if connection.vendor == "postgresql" else marks
    lines = ", ".join(f"({', '.join(one)})" for one in [typed, *[marks] * (len(rows) - 1)])
    updates = ", ".join(f"{column} = new.{column}" for column in columns[1:])
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH new({', '.join(columns)}) AS (VALUES {lines})"  # noqa: S608 names are the model's own
            f" UPDATE {table} SET {updates} FROM new WHERE {table}.id = new.id",
            values,
        )
