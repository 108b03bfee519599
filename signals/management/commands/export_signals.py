"""`manage.py export_signals`: one line a signal, in an order that lets two exports be compared."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from signals.exporting import csv_lines, jsonl
from signals.models import AutomatedSignal, Source
from signals.vocabulary import Status


class Command(BaseCommand):
    help = "Write every signal with all its fields and where each came from, one line a signal, to standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="default: %(default)s")
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

    def handle(self, *args: Any, **options: Any) -> None:
        signals = AutomatedSignal.objects.all()
        if options["status"]:
            signals = signals.filter(status__in=options["status"])
        if options["source"]:
            signals = signals.filter(source=named_source(options["source"]))
        lines = csv_lines if options["format"] == "csv" and not options["json"] else jsonl
        try:
            for line in lines(signals):
                self.stdout.write(line)
        except BrokenPipeError:
            # The reader has seen enough (`| head`); what is left in the buffer must not be flushed to it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def named_source(name: str) -> Source:
    source = Source.objects.filter(name=name).first()
    if source is None:
        known = ", ".join(Source.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"No source is called {name!r}. Sources: {known}.")
    return source
