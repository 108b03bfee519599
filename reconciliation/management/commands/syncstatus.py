"""`manage.py syncstatus`: the state now."""

import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from reconciliation.gaps import CATALOGUE
from reconciliation.status import status
from signals.checks import SETTINGS

from .runsync import moment, percent


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Show gaps, health, signals, events, deliveries and the last run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", type=moment, metavar="ISO", help="judge due times as of this moment")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, as_of: datetime | None, json: bool, **options: Any) -> None:
        found = status(as_of or timezone.now())
        self.stdout.write(as_json(found) if json else as_text(found))


def as_json(found: dict[str, Any]) -> str:
    return json.dumps(found)


def of_window(name: str, window: dict[str, Any]) -> str:
    whole = f" ({window['without_actionable_gap']} of {window['signals']})" if window["signals"] else ""
    return f"  {name}: {percent(window['health_score'])}{whole}"


def as_text(found: dict[str, Any]) -> str:
    window, run = found["health_window"], found["last_run"]
    lines = [
        f"Health: {percent(found['health_score'])}; {window['without_gap']} of {window['signals']} signals in the"
        " window have no actionable gap.",
        *(of_window(name, each) for name, each in found["health_windows"].items()),
        f"Gaps: {found['actionable_gaps']} actionable, {found['waiting_gaps']} waiting.",
        *(f"  {CATALOGUE[name].title}: {count}" for name, count in found["gaps_by_type"].items() if count),
    ]
    for title, key in (
        ("Signals", "signals_by_status"),
        ("Events", "events_by_type"),
        ("Deliveries", "deliveries_by_status"),
        ("Findings", "findings_by_type"),
    ):
        shown = ", ".join(f"{count} {name}" for name, count in found[key].items() if count)
        lines.append(f"{title}: {shown or 'none'}.")
    lines.append(f"Sources: {', '.join(source['name'] for source in found['sources']) or 'none yet'}.")
    if run is None:
        lines.append("No sync has ever finished: is the worker running? `manage.py doctor` looks.")
    else:
        lines.append(f"Last run: {run['id']} ({run['trigger']}), finished {run['finished_at']}, {run['fills']} fills.")
    return "\n".join(lines)
