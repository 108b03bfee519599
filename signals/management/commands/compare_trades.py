"""`manage.py compare_trades FILE --source NAME`: the Strategy Tester's list of trades against what was heard."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from signals.checks import SETTINGS
from signals.clock import is_zone
from signals.management.options import named_source
from signals.witnesses.comparing import Verdict
from signals.witnesses.heard import compared_file
from signals.witnesses.trades import NotTradesError
from signals.witnesses.wording import sentences


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Compare the Strategy Tester's list of trades (CSV) with a source's signals. It changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--source", metavar="NAME", required=True)
        parser.add_argument("--zone", default="", help="of the chart's clock; default: the source's market's")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *args: Any, file: str, source: str, zone: str, json: bool, **options: Any) -> None:
        owner = named_source(source)
        if zone and not is_zone(zone):
            raise CommandError(f"There is no time zone {zone!r}. Give one as America/New_York.")
        try:
            with Path(file).open(encoding="utf-8-sig", newline="") as lines:
                compared, faults = compared_file(owner, lines, zone)
        except (OSError, UnicodeDecodeError, NotTradesError) as error:
            raise CommandError(f"{file}: {error}") from error
        if json:
            self.stdout.write(dumped(compared.as_json() | {"faults": list(faults)}))
            return
        for sentence in (*sentences(compared), *faults):
            self.stdout.write(sentence)
        for line in compared.lines:
            if line.verdict != Verdict.MATCHED:
                name = line.heard.trade_id if line.heard else f"trade {line.trade.number if line.trade else ''}"
                self.stdout.write(f"  {line.at:%Y-%m-%d %H:%M}Z {line.direction} {name}: {line.verdict.label.lower()}")


def dumped(result: dict[str, Any]) -> str:
    return json.dumps(result)
