"""Deletes the SQLite database and the spool, never anything of a production or a PostgreSQL."""

import os
import shutil
import sqlite3
import sys
from pathlib import Path

from signalsync_project import settings


def in_use(database: Path) -> bool:
    """Whether another process has it open: leaving WAL mode needs the database to oneself."""
    if not database.exists():
        return False
    connection = sqlite3.connect(database, timeout=0.5)
    try:
        return bool(connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0] != "delete")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()


def main() -> str | None:
    """Why nothing was deleted, or None."""
    if os.environ.get("DATABASE_URL") or settings.PRODUCTION:
        return "DATABASE_URL or PRODUCTION is set: this deletes the demo's own SQLite database only."
    database = Path(str(settings.DATABASES["default"]["NAME"]))
    if in_use(database):
        return f"{database} is in use. Stop SignalSync (Ctrl-C where `make run` runs), then try again."
    if sys.stdin.isatty() and input(f"Delete {database} and {settings.SPOOL_DIR}? [y/N] ").lower() != "y":
        return "Nothing was deleted."
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(settings.SPOOL_DIR, ignore_errors=True)
    sys.stdout.write("Deleted. The next `make run` makes a new database, operator and sample history.\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
