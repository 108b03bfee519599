"""`manage.py runsync`: one cycle by hand."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from reconciliation.cycle.lease import BusyError
from reconciliation.cycle.report import FILLS, Report
from reconciliation.cycle.run import run_sync
from reconciliation.models import SyncRun
from signals.checks import SETTINGS
from signals.receiving.alertlog import YEARS


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Run one sync cycle: find gaps, fill what can be filled, say what was done."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="show every proposed fill, write nothing")
        parser.add_argument("--tier", action="append", metavar="N", help="ask only this tier (repeatable)")
        parser.add_argument("--trade-id", action="append", metavar="T", help="only this signal (repeatable)")
        parser.add_argument("--as-of", type=moment, metavar="ISO", help="judge due times as of this moment")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, dry_run: bool, json: bool, as_of: datetime | None, **options: Any) -> None:
        try:
            report = run_sync(
                now=as_of or timezone.now(),
                trigger=SyncRun.Trigger.COMMAND,
                tiers=options["tier"],
                trade_ids=options["trade_id"],
                dry_run=dry_run,
            )
        except (BusyError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(as_json(report, dry_run) if json else as_text(report, dry_run))


def moment(text: str) -> datetime:
    """An ISO 8601 moment with its offset. Raises ArgumentTypeError, whose text argparse shows."""
    try:
        parsed = parse_datetime(text)
    except ValueError:
        parsed = None
    if parsed is None:
        raise ArgumentTypeError(f"{text!r} is not a time: write it as 2025-12-12T20:00:00Z")
    if parsed.tzinfo is None:
        raise ArgumentTypeError(
            f"{text!r} could be any zone's time: end it in Z for UTC, or in an offset such as -05:00"
        )
    if parsed.year not in YEARS:
        raise ArgumentTypeError(f"{text!r} is no time of this market: give a year from {YEARS[0]} to {YEARS[-1]}")
    return parsed.astimezone(UTC)


def as_json(report: Report, dry_run: bool) -> str:
    shown = asdict(report)
    if not dry_run:
        del shown["proposals"]
    return json.dumps(shown)


def as_text(report: Report, dry_run: bool) -> str:
    lines = [line(each) for each in report.proposals]
    tiers = ", ".join(f"tier {tier}: {count}" for tier, count in report.fills_by_tier.items()) or "none"
    lines += [
        f"{report.signals_examined} signals examined, {report.fills} fills ({tiers}), {report.cancelled} cancelled,"
        f" {report.conflicts} conflicts, {report.withdrawn} withdrawn, {report.healed} healed,"
        f" {report.proposed} waiting for approval.",
        f"Gaps: {report.gaps_before} before, {report.gaps_after} after.",
    ]
    lines += [
        f"  {name}: {before} -> {report.gaps_after_by_type[name]}"
        for name, before in report.gaps_before_by_type.items()
        if before or report.gaps_after_by_type[name]
    ]
    if report.errors:
        lines.append(f"{report.errors} signals were set aside; the audit log says why.")
    if dry_run:
        lines.append("Dry run: nothing was written.")
    else:
        lines.append(f"Health: {percent(report.health_before)} before, {percent(report.health_after)} after.")
    lines.append(f"{report.seconds:.2f} seconds.")
    return "\n".join(lines)


def line(proposal: dict[str, Any]) -> str:
    return (
        f"{proposal['trade_id']}  {proposal['field']}: {json.dumps(proposal['old'])} -> {json.dumps(proposal['new'])}"
        f"  tier {proposal['tier']} ({proposal['method']}), confidence {proposal['confidence']},"
        f" {json.dumps(proposal['evidence'])}"
        f"{'' if proposal['outcome'] == FILLS else '; ' + proposal['outcome']}"
    )


def percent(health: float | None) -> str:
    return "unknown (no signal in the window)" if health is None else f"{health:.1f} %"
