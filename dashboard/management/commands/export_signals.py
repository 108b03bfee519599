"""`manage.py export_signals`: one line a signal, in an order that lets two exports be compared; or a dataset."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils import timezone

from dashboard.datasets import writing
from dashboard.datasets.fields import FIELDS, chosen
from dashboard.datasets.knowing import Knowledge
from dashboard.datasets.rows import rows
from signals.checks import SETTINGS
from signals.exporting import as_csv, jsonl
from signals.management.options import named_source
from signals.models import AutomatedSignal
from signals.vocabulary import Status


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = (
        "Write every signal with all its fields and where each came from, one line a signal, to standard output; or"
        " with --dataset what was known at the signal, and what came of it (docs/datasets.md)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        formats = ("jsonl", "csv", "parquet")
        parser.add_argument("--format", choices=formats, default="jsonl", help="default: %(default)s")
        parser.add_argument(
            "--status",
            action="append",
            type=str.upper,
            choices=Status.values,
            metavar="S",
            help=f"only signals of this status (repeatable): {', '.join(Status.values)}",
        )
        parser.add_argument("--source", metavar="NAME", help="only signals of this source")
        parser.add_argument("--json", action="store_true", help="the same as --format jsonl")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write there, not to standard output")
        parser.add_argument(
            "--dataset", action="store_true", help="features and outcomes; so do parquet and the options below"
        )
        parser.add_argument("--observed-only", action="store_true", help="by what was heard alone, without any fill")
        parser.add_argument("--as-of", type=moment, metavar="TIME", help="as it was known then (ISO 8601, UTC if bare)")
        parser.add_argument("--fields", metavar="A,B", help=f"only these, of {', '.join(FIELDS)}")

    def handle(self, *args: Any, **options: Any) -> None:
        form = "jsonl" if options["json"] else options["format"]
        signals = narrowed(options)
        try:
            with self.opened(options["output"], form) as file:
                if is_dataset(options, form):
                    write_dataset(signals, form, options, file)
                else:
                    write_lines((as_csv if form == "csv" else jsonl)(signals), file)
        except BrokenPipeError:
            # The reader has seen enough (`| head`); what is left in the buffer must not be flushed to it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    @contextmanager
    def opened(self, path: Path | None, form: str) -> Iterator[Any]:
        """Where to write: bytes for Parquet, text else. A file appears under its name once it is whole."""
        if path is None:
            if form != "parquet":
                yield self.stdout
            elif sys.stdout.isatty():
                raise CommandError("Parquet is not for a terminal: name a file with --output, or pipe it on.")
            else:
                yield sys.stdout.buffer
            return
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") if form == "parquet" else part.open("w", encoding="utf-8", newline="") as file:
                yield file
            part.replace(path)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        finally:
            part.unlink(missing_ok=True)


def moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(f"{text!r} is no time: give one as 2025-12-11T14:40:00Z") from error


def narrowed(options: dict[str, Any]) -> "QuerySet[AutomatedSignal]":
    signals = AutomatedSignal.objects.all()
    if options["source"]:
        signals = signals.filter(source=named_source(options["source"]))
    if options["status"]:
        if options["observed_only"] or options["as_of"]:
            raise CommandError(
                "--status is that of today: leave it out, and choose by outcome_status in the dataset, which is that of"
                " what was known."
            )
        signals = signals.filter(status__in=options["status"])
    return signals


def is_dataset(options: dict[str, Any], form: str) -> bool:
    only = ("dataset", "observed_only", "as_of", "fields")
    return form == "parquet" or any(options[name] for name in only)


def write_dataset(signals: "QuerySet[AutomatedSignal]", form: str, options: dict[str, Any], file: Any) -> None:
    now = timezone.now()
    if options["as_of"] and options["as_of"] > now:
        raise CommandError("--as-of lies in the future: nobody knows yet what will be known then.")
    try:
        fields = chosen([name.strip() for name in (options["fields"] or "").split(",") if name.strip()])
        chunks = rows(signals, fields, Knowledge(options["observed_only"], options["as_of"]), now)
        if form == "parquet":
            writing.write_parquet(fields, chunks, file)
        else:
            write_lines((writing.as_csv if form == "csv" else writing.jsonl)(fields, chunks), file)
    except (ValueError, writing.NoParquetError) as error:
        raise CommandError(str(error)) from error


def write_lines(lines: Iterator[str], file: IO[str]) -> None:
    for line in lines:
        file.write(line)
