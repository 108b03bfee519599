"""`manage.py verify_audit`: whether the audit log agrees with fills, gaps and runs."""

import json as json_format
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand

from reconciliation.verifying import verify

SHOWN = 100


class Command(BaseCommand):
    help = "Compare the audit log with fills, lives of gaps and what runs counted. Exit status 1 when anything differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, json: bool, **options: Any) -> None:
        checked, found = Counter(signals=0, runs=0), 0
        shown: list[dict[str, str]] = []
        for kind, count, faults in verify():
            checked[kind] += count
            found += len(faults)
            shown += [fault._asdict() for fault in faults[: SHOWN - len(shown)]]
        if json:
            self.stdout.write(json_format.dumps({**checked, "faults": found, "first": shown}))
        else:
            for fault in shown:
                self.stdout.write(f"{fault['about']}: {fault['says']}")
            told = f"{checked['signals']:,} signals, {checked['runs']:,} runs"
            self.stdout.write(f"{told}, {found:,} faults." if found else f"{told}: the audit log agrees.")
        if found:
            raise SystemExit(1)
