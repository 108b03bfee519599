"""`manage.py undosync`: undo what a run filled, or what a tier has filled since a moment; or take such an undo back."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from reconciliation.decisions import of_run, of_tier, standing, take_back, undo, undone
from reconciliation.models import SyncRun
from reconciliation.tiers.table import PROPOSE
from signals.checks import SETTINGS
from signals.models import Fill

from .runsync import moment


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Undo fills. They stay undone as long as their evidence is the same; the audit log keeps who did it and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--run", type=int, metavar="N", help="what this run filled")
        what.add_argument("--tier", choices=list(PROPOSE), help="what this tier has filled since --since")
        parser.add_argument("--since", type=moment, metavar="ISO", help="with --tier: from this moment on, wall clock")
        parser.add_argument(
            "--take-back", action="store_true", help="the opposite: let what was undone of it be filled again"
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; needed unless it is a dry run")
        parser.add_argument("--by", default="undosync", metavar="NAME", help="who, for the audit log (%(default)s)")
        parser.add_argument("--dry-run", action="store_true", help="count only, write nothing")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, reason: str, by: str, dry_run: bool, **options: Any) -> None:
        back = options["take_back"]
        fills = undone(chosen(options)) if back else standing(chosen(options))
        if not dry_run and not reason.strip():
            raise CommandError("Say why with --reason: whoever wonders about these values later will read it.")
        signals = fills.order_by().values("signal").distinct().count()
        act = take_back if back else undo
        number = fills.count() if dry_run else act(fills, actor=by, reason=reason)
        if options["json"]:
            done = "taken_back" if back else "undone"
            self.stdout.write(json.dumps({done: number, "signals": signals, "dry_run": dry_run}))
            return
        would = "would be" if dry_run else "were"
        became = f"{would} allowed again; the next cycle looks at them" if back else f"{would} undone"
        self.stdout.write(f"{number} fills of {signals} signals {became}.")


def chosen(options: dict[str, Any]) -> QuerySet[Fill]:
    """The fills that the options name. Raises CommandError when they name none that there could be."""
    if options["run"] is not None:
        if options["since"] is not None:
            raise CommandError("--since goes with --tier: a run is undone as a whole.")
        if not SyncRun.objects.filter(pk=options["run"]).exists():
            raise CommandError(f"There is no run {options['run']}.")
        return of_run(options["run"])
    if options["since"] is None:
        raise CommandError("Say since when with --since, as 2025-12-12T20:00:00Z.")
    return of_tier(options["tier"], options["since"])
