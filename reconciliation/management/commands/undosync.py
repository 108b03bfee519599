"""`manage.py undosync`: take back what a run filled, or what a tier has filled since a moment."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from reconciliation import cancellation
from reconciliation.models import SyncRun
from reconciliation.tiers import TIERS
from reconciliation.undo import of_run, of_tier, undo
from signals.models import Fill

from .runsync import moment


class Command(BaseCommand):
    help = "Undo fills. They stay undone as long as their evidence is the same; the audit log keeps who did it and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--run", type=int, metavar="N", help="what this run filled")
        what.add_argument("--tier", choices=[*TIERS, cancellation.TIER], help="what this tier has filled since --since")
        parser.add_argument("--since", type=moment, metavar="ISO", help="with --tier: from this moment on, wall clock")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; needed unless it is a dry run")
        parser.add_argument("--by", default="undosync", metavar="NAME", help="who, for the audit log (%(default)s)")
        parser.add_argument("--dry-run", action="store_true", help="count what would be undone, write nothing")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, reason: str, by: str, dry_run: bool, **options: Any) -> None:
        fills = chosen(options)
        if not dry_run and not reason.strip():
            raise CommandError("Say why with --reason: whoever wonders about these values later will read it.")
        signals = fills.order_by().values("signal").distinct().count()
        undone = fills.count() if dry_run else undo(fills, actor=by, reason=reason)
        if options["json"]:
            self.stdout.write(json.dumps({"undone": undone, "signals": signals, "dry_run": dry_run}))
        else:
            would = "would be" if dry_run else "were"
            self.stdout.write(f"{undone} fills of {signals} signals {would} undone.")


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
