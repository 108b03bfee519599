"""`manage.py verify_deliveries`: whether what is stored is still what arrived."""

import json as json_format
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from signals.checks import SETTINGS
from signals.verifying import verify

SHOWN = 100


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = (
        "Compare stored deliveries with their checksums, and events with what their deliveries' bytes say today."
        " Exit status 1 when anything differs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, json: bool, **options: Any) -> None:
        checked, found, let_go = 0, 0, 0
        shown: list[dict[str, str]] = []
        for some in verify():
            checked, found, let_go = checked + some.deliveries, found + len(some.faults), let_go + some.let_go
            told = some.faults[: SHOWN - len(shown)]
            shown += [{"delivery": str(fault.delivery), "says": fault.says} for fault in told]
        if json:
            result = {"deliveries": checked, "let_go": let_go, "faults": found, "first": shown}
            self.stdout.write(json_format.dumps(result))
        else:
            for fault in shown:
                self.stdout.write(f"{fault['delivery']}: {fault['says']}")
            self.stdout.write(f"{checked:,} deliveries" + (f", {found:,} faults." if found else " hold."))
            if let_go:
                self.stdout.write(f"The bodies of {let_go:,} of them were let go: their events cannot be read again.")
        if found:
            raise SystemExit(1)
