"""Making a backup, while everything runs: one moment of the database, and the spool of just before."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from signals.receiving.spool import spool

from . import file, tables

SPOOL = "spool/"
PATIENCE = 10.0  # seconds that a drain of the spool may take


def make(path: Path, now: datetime, progress: Callable[[str, int], object] = lambda label, rows: None) -> int:
    """Write all that is stored into a file. Returns how many rows. Raises BackupError, SpoolError, OSError.

    The spool goes first: what is drained from it later is in the database's moment then, and twice is as good as once.
    """
    with file.new(path) as archive:
        add_spool(archive)
        with one_moment():
            told = [add_table(archive, model, progress) for model in tables.models()]
            manifest = {
                "format": file.FORMAT,
                "made_at": now.isoformat(),
                "database": connection.vendor,
                "migrations": applied(),
                "tables": told,
                "spool": [info.filename for info in archive.infolist() if info.filename.startswith(SPOOL)],
            }
        archive.writestr(file.MANIFEST, json.dumps(manifest, indent=1))
    return sum(each["rows"] for each in told)


def add_spool(archive: ZipFile) -> None:
    own = spool()
    with own.still(PATIENCE) as paths:
        for each in paths:
            file.write_file(archive, f"{SPOOL}{each.relative_to(own.directory)}", each)


@contextmanager
def one_moment() -> Iterator[None]:
    """The database as it is now, however long reading takes; nobody waits. Within a transaction: as that sees it."""
    if connection.in_atomic_block:
        yield
        return
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
            yield
        return
    with connection.cursor() as cursor:
        # By hand: a transaction of Django's begins IMMEDIATE, as a writer, which all others would wait for.
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def add_table(archive: ZipFile, model: Any, progress: Callable[[str, int], object]) -> dict[str, Any]:
    label, digest = model._meta.label_lower, tables.Digest()
    with archive.open(file.table(label), "w", force_zip64=True) as member:
        for line in tables.lines(model):
            digest.add(line)
            member.write(line)
    progress(label, digest.rows)
    return {
        "name": label,
        "columns": [column.name for column in tables.columns_of(model)],
        "rows": digest.rows,
        "sha256": digest.value,
        "last_key": tables.last_key(model),
    }


def applied() -> dict[str, list[str]]:
    """The migrations that the database has, by app: which tables and columns it has."""
    found: dict[str, list[str]] = {}
    for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
        found.setdefault(app, []).append(name)
    return found
