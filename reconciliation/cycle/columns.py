"""Signals' columns: which of them a plan changed, and writing only those, many rows in one statement."""

from collections.abc import Iterable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from django.db import connection

from signals.models import AutomatedSignal
from signals.signal.rebuilding import COMPARED
from signals.storage import bulk

_FIELDS: dict[str, Any] = {field.name: field for field in AutomatedSignal._meta.concrete_fields}
_PLACES: dict[str, int | None] = {name: getattr(_FIELDS[name], "decimal_places", None) for name in COMPARED}
_values = attrgetter(*(_FIELDS[name].attname for name in _PLACES))
# SQLite's limit; PostgreSQL has none where the client fills the values in.
MOST_VALUES = 30_000


def changed(stored: AutomatedSignal, wanted: AutomatedSignal) -> list[str]:
    """The names of the columns whose values differ, as far as the database keeps their digits."""
    columns = zip(_PLACES.items(), _values(stored), _values(wanted), strict=True)
    return [name for (name, places), old, new in columns if old is not new and differ(old, new, places)]


def differs(name: str, stored: AutomatedSignal, wanted: Any) -> bool:
    """Whether one column should hold another value, likewise."""
    return differ(getattr(stored, name), wanted, _PLACES[name])


def differ(before: Any, after: Any, places: int | None) -> bool:
    if before == after:
        return False
    return None in (places, before, after) or bool(round(before, places) != round(after, places))


def write_columns(rows: Sequence[AutomatedSignal], names: Iterable[str]) -> None:
    """Write these columns of rows whose locks the caller holds; no other column is touched."""
    plan = plan_of(frozenset(names))
    per_statement = max(1, MOST_VALUES // len(plan.fields))
    for start in range(0, len(rows), per_statement):
        statement(rows[start : start + per_statement], plan)


@cache
def plan_of(names: frozenset[str]) -> bulk.Plan:
    fields = (_FIELDS["id"], *(_FIELDS[name] for name in sorted(names)))
    return bulk.plan_for(fields, f"WITH new({', '.join(field.column for field in fields)}) AS (VALUES ")


def statement(rows: Sequence[AutomatedSignal], plan: bulk.Plan) -> None:
    table = AutomatedSignal._meta.db_table
    # The first row tells PostgreSQL the types; SQLite keeps those of the values.
    types = [f"%s::{field.db_type(connection)}" for field in plan.fields]
    first = f"({', '.join(types)})" if connection.vendor == "postgresql" else plan.marks
    updates = ", ".join(f"{field.column} = new.{field.column}" for field in plan.fields[1:])
    with connection.cursor() as cursor:
        cursor.execute(
            f"{plan.start}{', '.join([first, *[plan.marks] * (len(rows) - 1)])})"  # noqa: S608 names are the model's own
            f" UPDATE {table} SET {updates} FROM new WHERE {table}.id = new.id",
            plan.parameters(rows),
        )
