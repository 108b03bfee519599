"""`manage.py calibrate`: how often tiers are right, measured by hiding what is known."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reconciliation.calibration.storing import calibrate
from signals.checks import SETTINGS

HEAD = (
    f"{'tier':10} {'field':21} {'method':30} {'n':>5} {'signals':>7} {'exact':>7} {'within':>7} {'error':>6}"
    f" {'declared':>8}  verdict"
)


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Hide known values, let the tiers fill them, and say how often they were right."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="store what was measured: new fills use it")
        parser.add_argument("--seeds", type=int, default=10, metavar="N", help="how often to hide at random (10)")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, seeds: int, apply: bool, json: bool, **_: Any) -> None:
        try:
            rows = calibrate(seeds=seeds, apply=apply)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(as_json(rows) if json else as_text(rows))


def as_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows)


def as_text(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "Nothing to measure on: no signal is stored. Import an alert log first (import_alerts)."
    lines = []
    for source in sorted({row["source"] for row in rows}):
        lines += [f"Source {source}", HEAD, *(line(row) for row in rows if row["source"] == source)]
    return "\n".join(lines)


def line(row: dict[str, Any]) -> str:
    error = "" if row["mean_error"] is None else f"{row['mean_error']:.3g}"
    return (
        f"{row['tier']!s:10} {row['field']:21} {row['method']:30} {row['n']:5} {row['signals']:7}"
        f" {row['exact'] / row['n']:7.1%} {row['within_tolerance'] / row['n']:7.1%} {error:>6}"
        f" {row['declared']:8.2f}  {row['verdict']}"
    )
