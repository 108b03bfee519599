"""`manage.py let_go_bodies`: what BODY_RETENTION_DAYS does day by day, at once and by hand."""

import json as json_format
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reconciliation.cycle.bodies import Due, let_go, months_due, sweep, weighed
from signals.checks import SETTINGS
from signals.management.options import positive


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Let the bodies of months go that are older than BODY_RETENTION_DAYS. Deliveries, events and signals stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=positive, help="keep so many days (default: BODY_RETENTION_DAYS)")
        parser.add_argument(
            "--by", default="let_go_bodies", metavar="NAME", help="who, for the audit log (%(default)s)"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would go, and change nothing")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, days: int | None, by: str, dry_run: bool, json: bool, **options: Any) -> None:
        now, days = timezone.now(), settings.BODY_RETENTION_DAYS if days is None else days
        if days < 1:
            raise CommandError("Bodies are kept for ever (BODY_RETENTION_DAYS): give --days.")
        found = []
        for month in months_due(now, days):
            due = weighed(month) if dry_run else let_go(month, days, now, actor=by)
            found.append({"month": str(month), "rows": due.rows, "bytes": due.size, "kept_in_quarantine": due.kept})
            if not json:
                self.stdout.write(told(due, "would go" if dry_run else "went", "would stay" if dry_run else "stay"))
        while not dry_run and sweep():
            pass
        if json:
            self.stdout.write(json_format.dumps({"dry_run": dry_run, "days": days, "months": found}))
        elif not found:
            self.stdout.write("No month is due.")


def told(due: Due, goes: str, stays: str) -> str:
    bodies = "body" if due.rows == 1 else "bodies"
    kept = f", {due.kept:,} in quarantine {stays}" if due.kept else ""
    return f"{due.month}: {due.rows:,} {bodies} of {due.size:,} bytes {goes}{kept}."
