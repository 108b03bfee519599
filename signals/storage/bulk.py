"""Bulk writing: many rows in one statement. The one way to write many rows of different values.

Django's bulk_create prepares every value of every row in half a dozen calls, and under ON CONFLICT it cannot say which
rows were kept out, so that they must be asked for. This takes half its time (docs/performance.md has the figures), for
one row as for thousands.

Rows are written as they are: auto_now fields, expressions and signals are not for models that come this way. Runs in
the caller's transaction.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache, partial
from io import StringIO
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import orjson
from django.db import connection, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.base import ModelState
from psycopg2.extensions import get_wait_callback

ROWS_PER_STATEMENT = 1000
DOCUMENT_ROWS = 8  # from which on PostgreSQL is sent one document: to quote each value costs our process twice as much
AS_READ = "_as_read"  # of a row that `locked` has read: the values then, in the order of its fields
Row = TypeVar("Row", bound=models.Model)


class Writer(NamedTuple):
    """What writing rows of a model needs, worked out once: composing a statement anew costs more than running it."""

    fields: tuple[Any, ...]
    columns: tuple[str, ...]
    start: str
    marks: str
    held: Callable[[models.Model], tuple[Any, ...]]  # a row's values, in the order of the fields
    documents: tuple[tuple[int, Any], ...]  # where JSON stands among them, and its field
    taken_as_is: tuple[type | None, ...]  # the type of each field whose values a database takes as they are

    def text(self, rows: int, ending: str) -> str:
        return f"{self.start} VALUES {', '.join([self.marks] * rows)}{ending}"

    def parameters(self, rows: Sequence[models.Model]) -> list[Any]:
        # The thread's own connection: the proxy looks it up again for every value.
        mine = connections[connection.alias]
        prepare = self.as_psycopg_takes if mine.vendor == "postgresql" else partial(self.as_django_prepares, mine)
        return list(chain.from_iterable(map(prepare, rows)))

    def as_django_prepares(self, mine: BaseDatabaseWrapper, row: models.Model) -> list[Any]:
        values = zip(self.fields, self.taken_as_is, self.held(row), strict=True)
        # Most are None, or texts and numbers that stay what they are.
        return [
            value if value is None or type(value) is kind else field.get_db_prep_save(value, mine)
            for field, kind, value in values
        ]

    def as_copy_takes(self, row: models.Model) -> str:
        """A line of PostgreSQL's text format."""
        return "\t".join(map(copied, self.as_psycopg_takes(row))) + "\n"

    def as_psycopg_takes(self, row: models.Model) -> list[Any]:
        values = list(self.held(row))
        for index, field in self.documents:
            if values[index] is not None:
                values[index] = as_json(field.get_prep_value(values[index]), field.encoder)
        return values  # all other types it adapts by itself

    def as_document(self, row: models.Model) -> dict[str, Any]:
        """By column, as orjson takes it."""
        values = list(self.held(row))
        for index, field in self.documents:
            values[index] = field.get_prep_value(values[index])
        return dict(zip(self.columns, values, strict=True))

    def as_one_document(self, rows: Iterable[models.Model]) -> str:
        """As `recordset` reads them."""
        return rows_as_json(map(self.as_document, rows))


def recordset(fields: Iterable[Any], mark: str = "%s") -> str:
    """The rows of a document that a statement is given, with these fields, as PostgreSQL reads them."""
    typed = ", ".join(f"{quoted(field)} {field.rel_db_type(connection)}" for field in fields)
    return f"jsonb_to_recordset({mark}) AS row({typed})"


@cache
def start_of_document(model: type[models.Model]) -> str | None:
    """How PostgreSQL inserts rows that it is given as one document; None of bytes, which it doubles."""
    writer = writer_of(model, with_key=False)
    if any(isinstance(field, models.BinaryField) for field in writer.fields):
        return None
    return f"{writer.start} SELECT {', '.join(map(quoted, writer.fields))} FROM {recordset(writer.fields)}"  # noqa: S608 ours


@cache
def writer_of(model: type[models.Model], *, with_key: bool) -> Writer:
    """With the key's column, or leaving a key that the database makes to it."""
    fields = tuple(f for f in model._meta.concrete_fields if with_key or not isinstance(f, models.AutoField))
    return writer_for(fields, into(model, fields))


def into(model: type[models.Model], fields: Iterable[Any]) -> str:
    return f'INSERT INTO "{model._meta.db_table}" ({", ".join(map(quoted, fields))})'


def writer_for(fields: tuple[Any, ...], start: str) -> Writer:
    """For rows with these fields, in a statement that begins so."""
    held = attrgetter(*(field.attname for field in fields))
    documents = tuple((index, field) for index, field in enumerate(fields) if isinstance(field, models.JSONField))
    as_is = tuple(map(type_taken, fields))
    columns = tuple(field.column for field in fields)
    return Writer(fields, columns, start, f"({', '.join(['%s'] * len(fields))})", held, documents, as_is)


def type_taken(field: Any) -> type | None:
    """The type of its values that django's own preparing would leave as they are; None where there is none."""
    kind = getattr(field, "target_field", field)
    own = ((models.BooleanField, bool), (models.CharField, str), (models.TextField, str), (models.IntegerField, int))
    return next((type_ for class_, type_ in own if isinstance(kind, class_)), None)


def insert(model: type[models.Model], rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> set[Any]:
    """Insert rows and return the primary keys of those inserted; with `ignore_conflicts` a conflict keeps its row out.

    A key that the database makes is written to its row, unless conflicts are ignored: then nobody knows whose it is.
    """
    if not rows:
        return set()
    writer, key = writer_of(model, with_key=False), primary_key(model)
    ending = f"{' ON CONFLICT DO NOTHING' if ignore_conflicts else ''} RETURNING {quoted(key)}"
    many = connection.vendor == "postgresql" and len(rows) >= DOCUMENT_ROWS
    start = start_of_document(model) if many else None
    inserted: set[Any] = set()
    with connection.cursor() as cursor:
        for chunk in chunks(writer.fields, rows):
            if start:
                cursor.execute(f"{start}{ending}", [writer.as_one_document(chunk)])
            else:
                cursor.execute(writer.text(len(chunk), ending), writer.parameters(chunk))
            keys = [key.to_python(value) for (value,) in cursor.fetchall()]
            inserted.update(keys)
            if not ignore_conflicts:
                for row, value in zip(chunk, keys, strict=True):
                    row.pk, row._state.adding, row._state.db = value, False, connection.alias
    return inserted


def insert_new(
    model: type[models.Model],
    rows: Sequence[models.Model],
    companion: type[models.Model],
    companions: Sequence[models.Model],
) -> set[Any]:
    """As `insert` that ignores conflicts, and with each row that goes in its companion, which has its key.

    `companions` are in the order of the rows. PostgreSQL does it in one statement: a round trip is dear to one alert.
    """
    if not rows:
        return set()
    if connection.vendor != "postgresql":
        there = insert(model, rows, ignore_conflicts=True)
        append(companion, [each for each in companions if each.pk in there])
        return there
    first, second, key = writer_of(model, with_key=False), writer_of(companion, with_key=False), primary_key(model)
    names, ending = ", ".join(map(quoted, second.fields)), f" ON CONFLICT DO NOTHING RETURNING {quoted(key)}"
    inserted: set[Any] = set()
    with connection.cursor() as cursor:
        for some, theirs in zip(chunks(first.fields, rows), chunks(first.fields, companions), strict=True):
            cursor.execute(
                f"WITH there AS ({first.text(len(some), ending)}),"  # noqa: S608 ours
                f" new({names}) AS (VALUES {', '.join([second.marks] * len(theirs))}),"
                f" along AS ({second.start} SELECT {names} FROM new WHERE {quoted(key)} IN (SELECT * FROM there))"
                " SELECT * FROM there",
                [*first.parameters(some), *second.parameters(theirs)],
            )
            inserted.update(key.to_python(value) for (value,) in cursor.fetchall())
    return inserted


def append(model: type[models.Model], rows: Sequence[Any]) -> None:
    """Insert rows whose keys nobody needs to know. They may be of any type that has the fields' attributes.

    By COPY on PostgreSQL, which need not parse a statement as long as the rows; one row is as quick without, and where
    psycopg2 waits by a callback of ours (see deadlines) it refuses to.
    """
    if not rows:
        return
    writer = writer_of(model, with_key=False)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and len(rows) > 1 and not get_wait_callback():
            columns = ", ".join(map(quoted, writer.fields))
            lines = StringIO("".join(map(writer.as_copy_takes, rows)))
            cursor.copy_expert(f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN', lines)
            return
        for chunk in chunks(writer.fields, rows):
            cursor.execute(writer.text(len(chunk), ""), writer.parameters(chunk))


def update(model: type[models.Model], rows: Sequence[models.Model], names: Iterable[str]) -> None:
    """Write the named fields of rows that are stored, and locked by the caller; no other field is touched."""
    columns = frozenset(names)
    if not rows or not columns:
        return
    writer, ending = writer_of_update(model, columns, connection.vendor)
    with connection.cursor() as cursor:
        for chunk in chunks(writer.fields, rows):
            if connection.vendor == "postgresql":
                cursor.execute(f"{writer.start}{ending}", [writer.as_one_document(chunk)])
            else:
                more = f", {writer.marks}" * (len(chunk) - 1)
                cursor.execute(f"{writer.start}{more}{ending}", writer.parameters(chunk))


@lru_cache(maxsize=256)
def writer_of_update(model: type[models.Model], names: frozenset[str], vendor: str) -> tuple[Writer, str]:
    """How the statement starts and ends. Between them SQLite is given the values of each row but the first.

    PostgreSQL takes all rows as one document: to quote thousands of values costs our process three times as much.
    """
    key, *others = fields = (primary_key(model), *(model._meta.get_field(name) for name in sorted(names)))
    table, column, names_ = f'"{model._meta.db_table}"', quoted(key), ", ".join(map(quoted, fields))
    if vendor == "postgresql":
        start = f"WITH new AS (SELECT {names_} FROM {recordset(fields)}"  # noqa: S608 ours
    else:
        start = f"WITH new({names_}) AS (VALUES ({', '.join('%s' for _ in fields)})"
    changes = ", ".join(f"{quoted(field)} = new.{quoted(field)}" for field in others)
    ending = f") UPDATE {table} SET {changes} FROM new WHERE {table}.{column} = new.{column}"  # noqa: S608 ours
    return writer_for(fields, start), ending


def update_changed(model: type[models.Model], rows: Sequence[models.Model], names: frozenset[str]) -> None:
    """As `update`, but of rows that `locked` has read only the fields in which any of them has changed since.

    An alert that joins a signal changes a fifth of its columns, and to send and compare the others costs more than
    all else that is done for it.
    """
    held = held_by(model)
    read = [row for row in rows if AS_READ in row.__dict__]
    update(model, [row for row in rows if AS_READ not in row.__dict__], names)
    update(model, read, changed(model, read) & names)
    for row in read:
        row.__dict__[AS_READ] = held(row)


def changed(model: type[models.Model], rows: Iterable[models.Model]) -> frozenset[str]:
    """The fields in which any of these rows differs from what was read; and those that change in place, always."""
    fields, held = model._meta.concrete_fields, held_by(model)
    same = [index for index, field in enumerate(fields) if not getattr(field, "changes_in_place", False)]
    pick = itemgetter(*same)
    for row in rows:
        now, before = held(row), row.__dict__[AS_READ]
        if pick(now) != pick(before):  # most rows of a batch change the same fields
            same = [index for index in same if now[index] == before[index]]
            pick = itemgetter(*same)
    return frozenset(field.name for index, field in enumerate(fields) if index not in same)


@cache
def held_by(model: type[models.Model]) -> Callable[[models.Model], tuple[Any, ...]]:
    return attrgetter(*(field.attname for field in model._meta.concrete_fields))


def locked(model: type[Row], condition: str, parameters: Sequence[Any]) -> list[Row]:
    """Rows under a condition in SQL, by key, locked for update (SQLite locks as a whole when it begins)."""
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    columns, key = ", ".join(map(quoted, model._meta.concrete_fields)), quoted(primary_key(model))
    text = f'SELECT {columns} FROM "{model._meta.db_table}" WHERE {condition} ORDER BY {key}{lock}'  # noqa: S608 ours
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        found = cursor.fetchall()
    names = [field.attname for field in model._meta.concrete_fields]
    return [as_stored(model, names, converted(model, row)) for row in found]


def as_stored(model: type[Row], names: Sequence[str], values: Sequence[Any]) -> Row:
    row = model.from_db(connection.alias, names, values)
    row.__dict__[AS_READ] = values
    return row


def made(model: type[Row], values: Iterable[tuple[str, Any]]) -> Row:
    """A row of these columns, in memory. Django's own constructor would set each by itself, and send two signals."""
    row = model.__new__(model)
    row.__dict__.update(values)
    row._state = ModelState()
    return row


def fresh(model: type[Row], own: Mapping[str, Any]) -> Row:
    """A new row, in memory: these columns by their attributes' names, all others as their defaults have them."""
    usual, anew = defaults_of(model)
    return made(model, {**usual, **{name: make() for name, make in anew if name not in own}, **own}.items())


@cache
def defaults_of(model: type[models.Model]) -> tuple[Mapping[str, Any], Sequence[tuple[str, Callable[[], Any]]]]:
    """The defaults that all rows may share, and how those are made that each has for itself, as keys and documents."""
    fields = model._meta.concrete_fields
    own = [field for field in fields if field.has_default() and callable(field.default)]
    usual = {field.attname: field.get_default() for field in fields if field not in own}
    return usual, [(field.attname, field.get_default) for field in own]


def converted(model: type[models.Model], row: Sequence[Any]) -> list[Any]:
    """A row's values as the model's fields hold them."""
    values, mine = list(row), connections[connection.alias]
    for index, convert, column in converters_of(model, mine.vendor):
        if (value := values[index]) is not None:
            values[index] = convert(value, column, mine)
    return values


@cache
def converters_of(model: type[models.Model], vendor: str) -> list[tuple[int, Callable[..., Any], Any]]:
    """What each column's values that are not None go through, in their order."""
    found: list[tuple[int, Callable[..., Any], Any]] = []
    for index, field in enumerate(model._meta.concrete_fields):
        column = field.get_col(model._meta.db_table)
        if vendor == "postgresql" and type(field) is models.JSONField and field.decoder is None:
            found.append((index, document, column))
            continue
        each = connection.ops.get_db_converters(column) + column.get_db_converters(connection)
        found += [(index, convert, column) for convert in each]
    return found


def document(value: Any, column: Any, mine: BaseDatabaseWrapper) -> Any:
    """A document of ours: no number in it is so long that orjson would round it."""
    return orjson.loads(value) if isinstance(value, str) else value


def chunks(fields: Sequence[Any], rows: Sequence[models.Model]) -> Iterator[Sequence[models.Model]]:
    """As many rows at a time as one statement of this database takes."""
    size = min(ROWS_PER_STATEMENT, connection.ops.bulk_batch_size(fields, rows))
    return (rows[start : start + size] for start in range(0, len(rows), size))


def primary_key(model: type[models.Model]) -> Any:
    return model._meta.pk


def copied(value: Any) -> str:
    """As COPY's text format has it."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value if value.isprintable() and "\\" not in value else escaped(value)  # as nearly all of it
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return str(value)


def escaped(text: str) -> str:
    """As COPY wants it: what separates values and lines would end them."""
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def as_json(value: Any, encoder: type[json.JSONEncoder] | None) -> str:
    """A document for PostgreSQL, which keeps no spelling of it.

    A tenth of a cycle's time was the standard library's encoding. It is asked for what orjson refuses: types of the
    field's own encoder, integers beyond 64 bits, halves of characters.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except TypeError:
        return json.dumps(value, cls=encoder)


def rows_as_json(rows: Iterable[dict[str, Any]]) -> str:
    """Rows for PostgreSQL, which reads each value as its column's type."""
    values = list(rows)
    try:
        return orjson.dumps(values, default=column_text).decode()
    except TypeError:
        return json.dumps(values, default=column_text)


def column_text(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, Decimal | date | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} is of no column")


def quoted(field: Any) -> str:
    return f'"{field.column}"'
