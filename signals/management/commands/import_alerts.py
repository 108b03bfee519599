"""`manage.py import_alerts FILE…`: take in TradingView's alert logs."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.utils import timezone
from tqdm import tqdm

from signals.checks import SETTINGS
from signals.management.options import named_source
from signals.models import Source
from signals.receiving.alertlog import Imported, import_log, of_other_symbols, of_quarantined, of_retimed
from signals.receiving.logfile import NotAnAlertLogError, opened


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Take in CSV exports of TradingView's alert log ('-' reads standard input). Repeating it changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--source", help="name of the source the alerts belong to")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="count everything, store nothing (SQLite has one writer: webhooks wait in the spool meanwhile)",
        )
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, files: list[str], source: str | None, dry_run: bool, json: bool, **options: Any) -> None:
        owner = named_source(source) if source else None
        total: dict[str, Any] = {}
        for name in files:
            done = self.import_file(name, owner, dry_run=dry_run, quiet=json)
            add(total, done.as_json())
        self.stdout.write(as_json(total) if json else as_text(total, dry_run=dry_run))
        if total["failed"]:
            raise CommandError(f"{len(total['failed'])} rows could not be stored; import the file again to retry them.")
        if total["rows"] and total["rows"] == sum(total["reasons"].values()):
            raise CommandError(f"No row could be read. {of_quarantined(total['reasons'])}")

    def import_file(self, name: str, source: Source | None, *, dry_run: bool, quiet: bool) -> Imported:
        shown = not quiet and sys.stderr.isatty()
        try:
            with open_log(name) as file, tqdm(unit=" rows", disable=not shown) as bar:
                return import_log(file, now=timezone.now(), source=source, dry_run=dry_run, progress=bar.update)
        except (OSError, NotAnAlertLogError) as error:
            raise CommandError(f"{name}: {error}") from error
        except DatabaseError as error:
            advice = "import the file again when it is back; nothing is taken in twice."
            raise CommandError(f"{name}: the database is gone ({str(error).strip()}): {advice}") from error


@contextmanager
def open_log(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield opened(BufferedReader(sys.stdin.buffer))  # type: ignore[arg-type]  # which buffers it once more
        return
    with Path(name).open("rb") as file:
        yield opened(file)


def add(total: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        if isinstance(value, dict):
            for name, number in value.items():
                total.setdefault(key, {})[name] = total.get(key, {}).get(name, 0) + number
            total.setdefault(key, {})
        elif key in total:
            total[key] = total[key] + value
        else:
            total[key] = value


def as_json(total: dict[str, Any]) -> str:
    return json.dumps(total)


def as_text(total: dict[str, Any], *, dry_run: bool) -> str:
    sources = ", ".join(f"{name} ({rows})" for name, rows in total["sources"].items()) or "no source"
    lines = [
        f"{total['rows']} rows to {sources}: {total['accepted']} accepted, {total['duplicates']} duplicates,"
        f" {total['quarantined']} quarantined, {total['repaired']} repaired.",
        f"{total['events']} events; {total['signals_created']} signals created, {total['signals_updated']} updated.",
        *filter(None, [of_quarantined(total["reasons"]), of_other_symbols(total["other_symbols"])]),
        *filter(None, [of_retimed(total["retimed"])]),
        *(f"Could not be stored: {line}" for line in total["failed"]),
    ]
    if dry_run:
        lines.append("Dry run: nothing was stored.")
    return "\n".join(lines)
