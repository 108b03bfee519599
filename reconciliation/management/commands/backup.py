"""`manage.py backup FILE`: all that is stored, in one file, while everything runs."""

import json as json_format
from argparse import ArgumentParser
from pathlib import Path
from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reconciliation.backups.file import BackupError
from reconciliation.backups.making import make
from signals.checks import SETTINGS
from signals.receiving.spool import SpoolError

NOT_IN_IT = "Not in it: SECRET_KEY and the other variables of the environment. Keep them as well, elsewhere."


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Write all tables and the spool into one file that `restore` reads on SQLite and on PostgreSQL."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, file: Path, json: bool, **options: Any) -> None:
        started = perf_counter()
        try:
            rows = make(file, timezone.now())
        except (BackupError, SpoolError, OSError) as error:
            raise CommandError(f"Nothing was backed up: {error}") from error
        done = {"rows": rows, "bytes": file.stat().st_size, "seconds": round(perf_counter() - started, 1)}
        if json:
            self.stdout.write(json_format.dumps(done))
        else:
            self.stdout.write(f"{rows:,} rows in {done['bytes']:,} bytes, {done['seconds']} s: {file}\n{NOT_IN_IT}")
