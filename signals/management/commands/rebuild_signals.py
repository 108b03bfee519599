"""`manage.py rebuild_signals`: derive every signal anew from its events and fills."""

import json as json_format
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from signals.checks import SETTINGS
from signals.signal.rebuilding import Difference, chunks, differences, rederive, restore

SHOWN = 50


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Derive every signal anew from its stored events and active fills, and correct rows that differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only compare; exit status 1 when a row differs")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, check: bool, json: bool, **options: Any) -> None:
        signals = 0
        wrong: set[tuple[int, str]] = set()
        shown: list[Difference] = []
        for chunk in chunks():
            signals += len(chunk)
            if check:
                with transaction.atomic():
                    found = [d for signal, fresh in rederive(chunk) for d in differences(signal, fresh)]
            else:
                found = restore(chunk, now=timezone.now())
            wrong |= {(chunk[0].source_id, difference.trade_id) for difference in found}
            shown += found[: SHOWN - len(shown)]
        if json:
            self.stdout.write(json_format.dumps({"signals": signals, "differing": len(wrong), "first": texts(shown)}))
        else:
            verb = "differ from" if check else "were corrected to"
            self.stdout.write(f"{signals} signals; {len(wrong)} {verb} what their events and fills add up to.")
            for line in texts(shown):
                self.stdout.write(f"  {line}")
        if check and wrong:
            raise SystemExit(1)


def texts(found: list[Difference]) -> list[str]:
    return [f"{d.trade_id} {d.field}: {told(d)}" for d in found]


def told(difference: Difference) -> str:
    """Both values; of provenance, which is long, only the entries that differ."""
    stored, derived = difference.stored, difference.derived
    if difference.field == "provenance":
        names = sorted(name for name in stored.keys() | derived.keys() if stored.get(name) != derived.get(name))
        stored, derived = ({name: held.get(name) for name in names} for held in (stored, derived))
    return f"stored {stored!r}, derived {derived!r}"
