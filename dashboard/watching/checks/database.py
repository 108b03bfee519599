"""Whether the database answers, has the tables that this code expects, and keeps what was acknowledged."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from dashboard.replica import REPLICA, look
from dashboard.telling.formats import some, were

from .result import Result, bad, good, judged

OLDEST_POSTGRES = 14
FULL = 2  # PRAGMA synchronous


def database(now: datetime) -> Result:
    """Which database answers. Its password stays out of it."""
    place = connection.settings_dict
    where = f"{place['NAME']} at {place['HOST']}" if place.get("HOST") else str(place["NAME"])
    try:
        ask("SELECT 1")
    except Error as error:
        reason = " ".join(str(error).split())
        return bad(
            "The database does not answer.",
            "Alerts are spooled to disk and acknowledged until it does. Start it, or correct DATABASE_URL.",
            detail=f"It is {connection.display_name} ({where}), which says: {reason}.",
        )
    if connection.vendor == "postgresql" and ask("SHOW transaction_read_only") == "on":
        return bad(
            "The database is read-only: nothing can be stored.",
            "Alerts are spooled to disk and acknowledged. Point DATABASE_URL to one that can write.",
            detail=f"It is {where}.",
        )
    return good(f"{connection.display_name} answers ({where}).")


def migrations(now: datetime) -> Result:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        return bad(
            f"{some(len(plan), 'migration')} {were(len(plan))} not applied.",
            "Run `manage.py migrate`, then restart `manage.py serve`.",
        )
    return good("All migrations are applied.")


def database_setup(now: datetime) -> Result:
    """Writers queue instead of failing, and a 2xx means that the alert is on disk (docs/operations.md, PostgreSQL)."""
    if connection.vendor == "sqlite":
        mode = str(connection.settings_dict["OPTIONS"].get("transaction_mode"))
        faults = sqlite_faults(ask("PRAGMA journal_mode"), ask("PRAGMA synchronous"), mode)
        return judged(faults, "SQLite writes ahead (WAL), begins IMMEDIATE and syncs in full.")
    version = int(ask("SHOW server_version_num"))
    faults = postgres_faults(version, ask("SHOW fsync"), ask("SHOW synchronous_commit"))
    return judged(faults, f"PostgreSQL {version // 10_000} commits to disk.")


def read_replica(now: datetime) -> Result:
    """Whether the copy that pages read follows."""
    if REPLICA not in settings.DATABASES:
        return good("Pages are read from the database itself.")
    aid = "Pages are read from the database meanwhile. See docs/operations.md, A read replica."
    try:
        found = look()
    except Error as error:
        return bad("The read replica does not answer.", aid, detail=" ".join(str(error).split()))
    if not found.copies:
        return bad("DATABASE_REPLICA_URL names no replica: the server there copies nothing.", aid)
    if not found.usable and found.behind is not None:
        return bad(f"The read replica is {found.behind.total_seconds():.0f} s behind.", aid)
    return good("The read replica follows.")


def sqlite_faults(journal: str, synchronous: int, transaction_mode: str) -> list[str]:
    faults = []
    if journal.lower() != "wal":
        faults.append(
            f"Its journal is {journal}, not WAL: readers and writers lock each other out. Keep the file on a local disk"
            " and leave OPTIONS in signalsync_project/settings.py as they are."
        )
    if transaction_mode.upper() != "IMMEDIATE":
        faults.append('Transactions must begin IMMEDIATE, else "database is locked": set OPTIONS["transaction_mode"].')
    if synchronous < FULL:
        faults.append("PRAGMA synchronous is below FULL: a power cut could take acknowledged alerts. See OPTIONS.")
    return faults


def postgres_faults(version_number: int, fsync: str, synchronous_commit: str) -> list[str]:
    """`version_number` as the server states it: 150004 is 15.4."""
    faults = []
    if version_number // 10_000 < OLDEST_POSTGRES:
        faults.append(f"PostgreSQL {version_number // 10_000} is too old: upgrade to {OLDEST_POSTGRES} or newer.")
    if fsync != "on":
        faults.append("fsync is off: a crash of the server could take everything. Set it to on in postgresql.conf.")
    if synchronous_commit == "off":
        faults.append("synchronous_commit is off: a crash could take acknowledged alerts. Set it to on.")
    return faults


def ask(question: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]
