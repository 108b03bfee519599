"""`manage.py restore FILE`: all that a backup holds, into an empty database, and the proofs that it holds."""

from argparse import ArgumentParser
from pathlib import Path
from time import perf_counter
from typing import Any

from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from reconciliation.backups.file import BackupError
from reconciliation.backups.restoring import restore
from signals.checks import SETTINGS

PROOFS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("rebuild_signals", {"check": True}),
    ("verify_deliveries", {}),
    ("verify_audit", {}),
)


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = (
        "Restore a file of `backup` into this database, which must be empty, while nothing else runs. All of it or"
        " nothing. Exit status 1 when what is restored does not hold."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="delete all that the database holds")
        parser.add_argument("--json", action="store_true", help="machine-readable results of the proofs, one a line")

    def handle(self, *, file: Path, replace: bool, json: bool, **options: Any) -> None:
        started = perf_counter()
        try:
            rows = restore(file, replace=replace)
        except (BackupError, DatabaseError, OSError) as error:
            raise CommandError(f"Nothing was restored. {error}") from error
        cache.clear()
        if not json:
            self.stdout.write(f"{rows:,} rows restored in {perf_counter() - started:.1f} s. They are proved now:")
        failed = [name for name, arguments in PROOFS if not self.holds(name, json=json, **arguments)]
        if failed:
            raise CommandError(f"It is restored as it was backed up, and {', '.join(failed)} found fault with it.")

    def holds(self, name: str, **arguments: Any) -> bool:
        try:
            call_command(name, stdout=self.stdout, **arguments)
        except SystemExit:
            return False
        return True
