"""Tables as lines of JSON: the same line for the same row, whichever database keeps it.

Values are those of the columns, not of the models: what fields make of them (packed provenance, pickled tasks) is
neither undone nor done again. JSON is written with its keys in order, numbers as they are.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from graphlib import TopologicalSorter
from hashlib import sha256
from io import StringIO
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import AutoField, Model

from reconciliation.sealing.canonical import plain
from signals.storage.bulk import copied

AT_ONCE = 2000  # rows read, and rows written, in one statement
UNLIKE = re.compile(rb"e\+|-0\.0|[\[,:-]\d{17}")
"""In a line: what may be a number that the other database spells another way."""


class Kind(NamedTuple):
    """How a column's values become JSON and come back. None stays None."""

    told: Callable[[Any], Any]
    taken: Callable[[Any], Any]


def same(value: Any) -> Any:
    return value


AS_IT_IS = Kind(same, same)
KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "AutoField", "BigAutoField", "BigIntegerField", "BooleanField", "CharField", "FloatField",
            "GenericIPAddressField", "IntegerField", "PositiveBigIntegerField", "PositiveIntegerField",
            "PositiveSmallIntegerField", "SlugField", "SmallIntegerField", "TextField",
        ),
        AS_IT_IS,
    ),
    "BinaryField": Kind(lambda value: b64encode(value).decode(), b64decode),
    "DateField": Kind(date.isoformat, date.fromisoformat),
    "DateTimeField": Kind(datetime.isoformat, datetime.fromisoformat),
    "DecimalField": Kind(lambda value: f"{value:f}", Decimal),
    # In a list, for null is not the same as nothing.
    "JSONField": Kind(lambda value: [json.loads(value)], lambda value: json.dumps(value[0], ensure_ascii=False)),
    "TimeField": Kind(time.isoformat, time.fromisoformat),
    "UUIDField": Kind(str, UUID),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    field: Any
    from_database: tuple[Callable[..., Any], ...]

    def read(self, value: Any) -> Any:
        """A value of this database as JSON."""
        for convert in self.from_database:
            value = convert(value, self.field, connection)
        return None if value is None else self.kind.told(value)

    def written(self, value: Any) -> Any:
        """A value of a line as this database takes it."""
        return None if value is None else self.kind.taken(value)


def models() -> list[type[Model]]:
    """Every model that has a table, what others refer to before these."""
    found = [each for each in apps.get_models(include_auto_created=True) if each._meta.managed]
    own = [each for each in found if not each._meta.proxy]
    needs = {
        each: {field.related_model for field in each._meta.concrete_fields if field.related_model} - {each}
        for each in sorted(own, key=lambda each: each._meta.label)
    }
    return list(TopologicalSorter(needs).static_order())


def columns_of(model: type[Model]) -> list[Column]:
    return [column_of(model, field) for field in model._meta.concrete_fields]


def column_of(model: type[Model], field: Any) -> Column:
    target = field
    while target.related_model:
        target = target.target_field
    kind = target.get_internal_type()
    if kind not in KINDS:
        raise NotImplementedError(f"{model._meta.label}.{field.name}: a {kind} has no place in backups/tables.py yet")
    # JSON comes as text from both; what else a field makes of its value is its own.
    converters = [] if kind == "JSONField" else connection.ops.get_db_converters(field.get_col(model._meta.db_table))
    return Column(field.column, KINDS[kind], field.get_col(model._meta.db_table), tuple(converters))


def lines(model: type[Model]) -> Iterator[bytes]:
    """The table's rows in the order of their keys, read through a cursor: memory does not grow with the table."""
    columns = columns_of(model)
    changing = [
        (place, column) for place, column in enumerate(columns) if column.kind is not AS_IT_IS or column.from_database
    ]
    names = ", ".join(f'"{column.name}"' for column in columns)
    key = str(model._meta.pk.column)
    text = f'SELECT {names} FROM "{model._meta.db_table}" ORDER BY "{key}"'  # noqa: S608 ours
    with connection.chunked_cursor() as cursor:
        cursor.execute(text)
        while rows := cursor.fetchmany(AT_ONCE):
            for row in rows:
                values = list(row)
                for place, column in changing:
                    values[place] = column.read(values[place])
                yield as_line(values)


def as_line(values: Sequence[Any]) -> bytes:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode() + b"\n"


class Digest:
    """Of a table's lines, as of what they say: the same on both databases."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = sha256()

    def add(self, line: bytes) -> None:
        self.rows += 1
        if UNLIKE.search(line):
            line = as_line(plain(json.loads(line)))
        self._hash.update(line)

    @property
    def value(self) -> str:
        return self._hash.hexdigest()


def digest_of(found: Iterable[bytes]) -> Digest:
    digest = Digest()
    for line in found:
        digest.add(line)
    return digest


# -- writing


def store(model: type[Model], found: Iterable[bytes]) -> None:
    """Insert rows as they stand in lines."""
    columns = columns_of(model)
    with connection.cursor() as cursor, writer(cursor, model, columns) as write:
        rows = []
        for line in found:
            rows.append([column.written(value) for column, value in zip(columns, json.loads(line), strict=True)])
            if len(rows) == AT_ONCE:
                write(rows)
                rows = []
        if rows:
            write(rows)


@contextmanager
def writer(cursor: Any, model: type[Model], columns: Sequence[Column]) -> Iterator[Callable[[list[Any]], None]]:
    names = ", ".join(f'"{column.name}"' for column in columns)
    if connection.vendor == "postgresql":
        copy = f'COPY "{model._meta.db_table}" ({names}) FROM STDIN'
        yield lambda rows: cursor.copy_expert(copy, StringIO("".join(map(as_copied, rows))))
        return
    marks = ", ".join(["%s"] * len(columns))
    insert = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({marks})'  # noqa: S608 ours
    adapters = [adapter(column) for column in columns]
    yield lambda rows: cursor.executemany(
        insert, [[adapt(value) for adapt, value in zip(adapters, row, strict=True)] for row in rows]
    )


def adapter(column: Column) -> Callable[[Any], Any]:
    """How Django hands a value of the column to SQLite."""
    field, ops = column.field.output_field, connection.ops
    adapters: dict[Any, Callable[[Any], Any]] = {
        KINDS["DateTimeField"]: ops.adapt_datetimefield_value,
        KINDS["DateField"]: ops.adapt_datefield_value,
        KINDS["TimeField"]: ops.adapt_timefield_value,
        KINDS["DecimalField"]: lambda value: ops.adapt_decimalfield_value(
            value, field.max_digits, field.decimal_places
        ),
        KINDS["UUIDField"]: lambda value: value and value.hex,
    }
    return adapters.get(column.kind, same)


def as_copied(row: Sequence[Any]) -> str:
    """A line of PostgreSQL's text format."""
    return "\t".join(map(copied, row)) + "\n"


# -- keys that the database makes


def last_key(model: type[Model]) -> int | None:
    """The last key that was given, though its row may be gone: no key is given twice. None: it gives none."""
    key = model._meta.pk
    if not isinstance(key, AutoField):
        return None
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
            found = cursor.fetchone()
            return int(found[0]) if found else 0
        cursor.execute(f"SELECT last_value, is_called FROM {sequence_of(cursor, model)}")  # noqa: S608 ours
        value, called = cursor.fetchone()
        return int(value) if called else 0


def sequence_of(cursor: Any, model: type[Model]) -> str:
    key = model._meta.pk
    cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{model._meta.db_table}"', key and key.column])
    return str(cursor.fetchone()[0])


def set_last_key(model: type[Model], value: int) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
            if value:
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [model._meta.db_table, value])
        else:
            name = sequence_of(cursor, model)
            cursor.execute("SELECT setval(%s, %s, %s)", [name, max(value, 1), value > 0])
