"""Restoring a backup: all of it, proved row by row, or nothing."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from reconciliation.guarding import triggers
from signals import partitions
from signals.models import DeliveryBody
from signals.receiving.files import fsync_directory
from signals.receiving.spool import spool

from . import file, tables
from .file import BackupError
from .making import SPOOL, applied

MADE_BY_MIGRATING = frozenset({"auth.permission", "auth.group", "auth.group_permissions", "contenttypes.contenttype"})
"""What has rows in a database that was migrated and never used."""
Progress = Callable[[str, int], object]


def restore(path: Path, *, replace: bool = False, progress: Progress = lambda label, rows: None) -> int:
    """Make the database and the spool what the file says. Returns how many rows. Raises BackupError: nothing changed.

    `replace` deletes what the database has. Nothing else may run meanwhile.
    """
    with file.opened(path) as (archive, manifest):
        refuse_other_schema(manifest["migrations"], applied())
        refuse_unknown_tables(manifest)
        told = {each["name"]: each for each in manifest["tables"]}
        prove_file(archive, told, progress)
        refuse_full_spool(manifest)
        with transaction.atomic():
            refuse_full_database(replace)
            connection.check_constraints()  # PostgreSQL alters no table that has checks to make at the end
            triggers.take_down(connection)
            no_time_limit()
            empty()
            for model in tables.models():
                if model is DeliveryBody and connection.vendor == "postgresql":
                    partitions.make_for_deliveries(timezone.now())  # else all would have to be moved afterwards
                fill(archive, model, told[model._meta.label_lower], progress)
            close_constraints(path)
            triggers.put_up(connection)
            restore_spool(archive, manifest)
        return sum(each["rows"] for each in told.values())


# -- what is refused before anything is written


def refuse_other_schema(theirs: Mapping[str, list[str]], ours: Mapping[str, list[str]]) -> None:
    lacking = unlike(ours, theirs)
    if lacking:
        raise BackupError(
            f"It was made by an older version, which lacks {shown(lacking)}. Install that version, restore there, and"
            " upgrade then."
        )
    if lacking := unlike(theirs, ours):
        raise BackupError(
            f"It was made by a newer version: this database lacks {shown(lacking)}. Upgrade, run `manage.py migrate`"
            " and restore then."
        )


def unlike(one: Mapping[str, list[str]], other: Mapping[str, list[str]]) -> list[str]:
    """Migrations that one has and the other has not."""
    return [f"{app}.{name}" for app, names in one.items() for name in names if name not in other.get(app, [])]


def shown(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} other migrations"


def refuse_unknown_tables(manifest: Mapping[str, Any]) -> None:
    theirs = {each["name"]: each["columns"] for each in manifest["tables"]}
    ours = {model._meta.label_lower: [each.name for each in tables.columns_of(model)] for model in tables.models()}
    if wrong := sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name)):
        raise BackupError(
            f"Its tables are not those of this version, {wrong[0]} first: restore with the version it is of."
        )


def prove_file(archive: ZipFile, told: Mapping[str, Any], progress: Progress) -> None:
    """That each member holds what the manifest says, to the last byte."""
    for label, each in told.items():
        try:
            found = tables.digest_of(file.lines(archive, label))
        except KeyError as error:
            raise BackupError(f"It lacks the table {label}: take another copy of it.") from error
        if (found.rows, found.value) != (each["rows"], each["sha256"]):
            raise BackupError(f"Its table {label} is not what was backed up: take another copy of it.")
        progress(f"{label} proved", found.rows)


def refuse_full_database(replace: bool) -> None:
    if replace:
        return
    full = [model._meta.label_lower for model in tables.models() if model._base_manager.exists()]
    if found := [name for name in full if name not in MADE_BY_MIGRATING]:
        raise BackupError(
            f"This database is not empty ({', '.join(found[:3])} …). Make a new one and run `manage.py migrate`, or"
            " give --replace to delete all that it holds."
        )


def refuse_full_spool(manifest: Mapping[str, Any]) -> None:
    if manifest["spool"] and spool().pending_bytes():
        raise BackupError(
            f"The spool {spool().directory} holds alerts that are in no database yet, and so does the file. Let it"
            " drain where they belong, or move the folder away."
        )


# -- writing


def no_time_limit() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")


def empty() -> None:
    names = [f'"{model._meta.db_table}"' for model in tables.models()]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(names)}")
            return
        for name in reversed(names):
            cursor.execute(f"DELETE FROM {name}")  # noqa: S608 ours


def fill(archive: ZipFile, model: Any, told: Mapping[str, Any], progress: Progress) -> None:
    """A table as the file has it, read again: this database must give back what the other one gave."""
    label = model._meta.label_lower
    try:
        tables.store(model, file.lines(archive, label))
    except IntegrityError as error:
        raise BackupError(f"The rows of {label} contradict each other: {error}") from error
    found = tables.digest_of(tables.lines(model))
    if (found.rows, found.value) != (told["rows"], told["sha256"]):
        raise BackupError(
            f"This database does not give the rows of {label} back as they were. Nothing is restored; please report it."
        )
    if told["last_key"] is not None:
        greatest = model._base_manager.aggregate(greatest=Max("pk"))["greatest"] or 0
        tables.set_last_key(model, max(told["last_key"], greatest))
    progress(label, found.rows)


def close_constraints(path: Path) -> None:
    """References are checked at the end of a transaction: here, so that the guards can be put up."""
    try:
        connection.check_constraints()
    except IntegrityError as error:
        raise BackupError(f"{path} refers to rows that it does not have: {error}") from error


def restore_spool(archive: ZipFile, manifest: Mapping[str, Any]) -> None:
    """What had been acknowledged and was in no table yet: it is drained as always, and taken in once."""
    directory = spool().directory
    for name in manifest["spool"]:
        target = directory / name.removeprefix(SPOOL)
        if directory not in target.resolve().parents:
            raise BackupError(f"{name} is no file of a spool.")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with archive.open(name) as read, open(target, "wb", opener=private) as write:
            file.copy(read, write)
            write.flush()
            os.fsync(write.fileno())
        fsync_directory(target.parent)


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
