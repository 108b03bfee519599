"""The guards as triggers of this database: what they are, which are there, and putting them up and down.

They are put up after every `migrate`, and taken down before one that has something to do: SQLite makes a table anew to
alter it, which loses its triggers and fails on those of others that name it, and a migration may have to write what
nobody else may. A name ends in a digest of what the trigger does, so that one that is out of date is another one.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from reconciliation.models import AuditDoor, SyncAuditLog

from .rules import DIFFERS, GUARDS

PREFIX = "guard_"
DOOR = AuditDoor._meta.db_table
TRUNCATE = "BEFORE TRUNCATE"
MORE = "(docs/security.md, Guards)"
# What a door's row tells goes to the audit log, in the database itself: whatever it was opened with.
AUDITED = f"""
    INSERT INTO "{SyncAuditLog._meta.db_table}"
        ("at", "action", "gap", "field", "tier", "method", "evidence", "note", "actor")
    VALUES (NEW."at", '{SyncAuditLog.Action.REMOVED}', '', '', '', '', NEW."evidence", NEW."why", NEW."actor");
"""  # noqa: S608 ours
THERE = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    # One that is switched off does not count.
    "postgresql": "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
    " WHERE NOT tgisinternal AND tgenabled <> 'D' AND pg_table_is_visible(pg_class.oid)",
}

# Partitions that lack a trigger against TRUNCATE which their table has, and its name.
BARE = f"""
    SELECT inhrelid::regclass::text, tgname FROM pg_inherits JOIN pg_trigger ON tgrelid = inhparent
    WHERE tgname LIKE '{PREFIX}%%' AND tgtype & 32 = 32 AND NOT EXISTS (
        SELECT 1 FROM pg_trigger AS own WHERE own.tgrelid = inhrelid AND own.tgname = pg_trigger.tgname)
"""  # noqa: S608 ours


def wanted(vendor: str) -> dict[str, str]:
    """The statements that make all triggers, by their names. Pure."""
    made = {}
    for table, event, condition, says in events(vendor):
        body = AUDITED if table == DOOR else refusal(vendor, says)
        digest = sha256(f"{event} {condition} {body}".encode()).hexdigest()[:8]
        name = f"{PREFIX}{table}_{event.split()[1].lower()}_{digest}"
        write = on_sqlite if vendor == "sqlite" else on_postgresql
        made[name] = write(name, table, event, condition, body)
    return made


def events(vendor: str) -> Iterator[tuple[str, str, str, str]]:
    """Table, event, the condition under which the trigger acts, and what it says."""
    for guard in GUARDS:
        yield guard.table, "BEFORE UPDATE", spelled(guard.changes, vendor), guard.says
        goes = f"({guard.goes}) AND NOT {door_of(guard.model)}" if guard.has_door else guard.goes
        yield guard.table, "BEFORE DELETE", spelled(goes, vendor), guard.says
        if guard.comes_by:
            yield guard.table, "BEFORE INSERT", f"NOT {door_of(guard.comes_by)}", guard.says
        if vendor == "postgresql":
            yield guard.table, TRUNCATE, "TRUE", guard.says
    yield DOOR, "AFTER INSERT", "1 = 1", ""


def door_of(model: type[Model]) -> str:
    return f"""EXISTS (SELECT 1 FROM "{DOOR}" AS door WHERE door."table" = '{model._meta.db_table}')"""  # noqa: S608 ours


def spelled(condition: str, vendor: str) -> str:
    return condition.replace(DIFFERS, "IS NOT" if vendor == "sqlite" else "IS DISTINCT FROM")


def refusal(vendor: str, says: str) -> str:
    if vendor == "sqlite":
        return f"SELECT RAISE(ABORT, '{says} {MORE}');"
    return f"RAISE EXCEPTION '{says} {MORE}' USING ERRCODE = 'restrict_violation';"


def on_sqlite(name: str, table: str, event: str, condition: str, body: str) -> str:
    return f'CREATE TRIGGER "{name}" {event} ON "{table}" WHEN {condition} BEGIN {body} END'


def on_postgresql(name: str, table: str, event: str, condition: str, body: str) -> str:
    """In the function, as a WHEN takes no query."""
    each = "STATEMENT" if "TRUNCATE" in event else "ROW"
    goes_on = "OLD" if "DELETE" in event else "NULL" if each == "STATEMENT" else "NEW"
    return f"""
        CREATE FUNCTION "{name}"() RETURNS trigger LANGUAGE plpgsql AS $guard$
        BEGIN
            IF {condition} THEN {body} END IF;
            RETURN {goes_on};
        END $guard$;
        CREATE TRIGGER "{name}" {event} ON "{table}" FOR EACH {each} EXECUTE FUNCTION "{name}"()
    """


def there(connection: BaseDatabaseWrapper) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(THERE[connection.vendor])
        return {name for (name,) in cursor.fetchall() if name.startswith(PREFIX)}


def lacking(connection: BaseDatabaseWrapper) -> set[str]:
    """Names of the triggers that should be there and are not."""
    return wanted(connection.vendor).keys() - there(connection)


def put_up(connection: BaseDatabaseWrapper) -> None:
    """Make what lacks, and drop what is out of date. Where all is as it should be, nothing is locked."""
    statements = wanted(connection.vendor)
    present = there(connection)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        drop(connection, present - statements.keys())
        for name in statements.keys() - present:
            drop(connection, {name})  # its function, where only the trigger is gone
            cursor.execute(statements[name])
        if connection.vendor == "postgresql":
            put_up_on_partitions(cursor)


def put_up_on_partitions(cursor: Any) -> None:
    """Against TRUNCATE of one alone: it is of a statement, and unlike the others not copied from the whole table."""
    cursor.execute(BARE)
    for partition, name in cursor.fetchall():
        cursor.execute(
            f'CREATE TRIGGER "{name}" {TRUNCATE} ON {partition} FOR EACH STATEMENT EXECUTE FUNCTION "{name}"()'
        )


def take_down(connection: BaseDatabaseWrapper) -> None:
    with transaction.atomic(using=connection.alias):
        drop(connection, there(connection))


def drop(connection: BaseDatabaseWrapper, names: set[str]) -> None:
    with connection.cursor() as cursor:
        for name in names:
            if connection.vendor == "sqlite":
                cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')
            else:
                cursor.execute(f'DROP FUNCTION IF EXISTS "{name}"() CASCADE')


def before_migrating(using: str, plan: Any = (), **_: Any) -> None:
    if plan:
        take_down(connections[using])


def after_migrating(using: str, **_: Any) -> None:
    connection = connections[using]
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
    if {DOOR, *(guard.table for guard in GUARDS)} <= tables:  # else it was migrated back to before there were any
        put_up(connection)
