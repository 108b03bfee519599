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
        checked, found = 0, 0
        shown: list[dict[str, str]] = []
        for count, faults in verify():
            checked, found = checked + count, found + len(faults)
            shown += [{"delivery": str(fault.delivery), "says": fault.says} for fault in faults[: SHOWN - len(shown)]]
        if json:
            self.stdout.write(json_format.dumps({"deliveries": checked, "faults": found, "first": shown}))
        else:
            for fault in shown:
                self.stdout.write(f"{fault['delivery']}: {fault['says']}")
            self.stdout.write(f"{checked:,} deliveries" + (f", {found:,} faults." if found else " hold."))
        if found:
            raise SystemExit(1)
