"""`manage.py truthtest`: how right stored values are, measured on invented markets whose truth is known."""

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from reconciliation.simulation.figures import Figures, drawing, summed, table
from reconciliation.simulation.proving import LEVELS
from signals.simulator import DIALECTS


class Command(BaseCommand):
    help = (
        "Simulate markets with faults, take them in, sync, and hold every stored value against the truth: of alerts"
        " alone, with a companion that answers, and with bars. In a database of its own, which is gone afterwards."
        " Fails when a value at confidence 1.0 that its own event did not state is wrong."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--levels", type=float, nargs="+", default=list(LEVELS), metavar="SHARE",
            help="shares of the alerts that are lost (0 0.1 0.3 0.5 0.7); with 0 nothing else goes wrong either",
        )  # fmt: skip
        parser.add_argument("--seeds", type=int, default=3, metavar="N", help="markets of each level (3)")
        parser.add_argument("--days", type=float, default=1.0, help="how long each is (1)")
        parser.add_argument(
            "--delay", type=float, default=0.0, metavar="SECONDS", help="a tenth is late by up to so much"
        )
        parser.add_argument("--dialect", choices=DIALECTS, default="mixed", help="what the indicator speaks (mixed)")
        parser.add_argument(
            "--database", default="", metavar="URL", help="an empty one, instead of SQLite in a temporary folder"
        )
        parser.add_argument("--save", type=Path, metavar="FILE", help="record the figures (JSON)")
        parser.add_argument("--draw", type=Path, metavar="FILE", help="draw the figures (SVG)")
        parser.add_argument("--figures", type=Path, metavar="FILE", help="recorded ones: nothing is measured")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, **options: Any) -> None:
        days = [] if options["figures"] else list(self.days(options))
        rows = recorded(options["figures"]) if options["figures"] else summed(days)
        told = [row.as_json() for row in rows]
        for path, content in ((options["save"], json.dumps(told, indent=1) + "\n"), (options["draw"], drawing(rows))):
            if path:
                path.write_text(content, encoding="utf-8")
        self.stdout.write(json.dumps({"figures": told, "days": days}) if options["json"] else "\n".join(table(rows)))
        if wrong := sum(row.certain_and_wrong for row in rows):
            raise CommandError(f"{wrong} values at confidence 1.0 that no event stated are wrong.")

    def days(self, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What became of each simulated day. Raises CommandError."""
        check(options)
        asked = {"levels": options["levels"], "seeds": list(range(1, options["seeds"] + 1))}
        asked |= {name: options[name] for name in ("days", "dialect", "delay")}
        with TemporaryDirectory(prefix="signalsync-truthtest-") as folder, TemporaryFile("w+") as errors:
            own = {"DATABASE_URL": options["database"], "VAR_DIR": folder, "DEMO": "0", "PRODUCTION": "0"}
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "reconciliation.simulation", json.dumps(asked)],
                cwd=settings.BASE_DIR, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                day = json.loads(line)
                self.stderr.write(f"{day['means']}, {day['level']:.0%} lost, seed {day['seed']} …")
                for told in day["certain_and_wrong"]:
                    self.stderr.write(f"  at 1.0 and wrong: {told}")
                yield day
            if process.wait():
                errors.seek(0)
                last = errors.read().strip().splitlines()[-1:]
                raise CommandError(f"The truth test broke off: {' '.join(last) or process.returncode}")


def check(options: dict[str, Any]) -> None:
    if not all(0 <= level < 1 for level in options["levels"]):
        raise CommandError("A level is the share of alerts that are lost: from 0 to less than 1.")
    if options["seeds"] < 1 or not 0 < options["days"] <= 30:
        raise CommandError("Give at least one seed, and more than 0 and at most 30 days.")
    if not 0 <= options["delay"] < 86400:
        raise CommandError("A delay is less than a day, in seconds.")


def recorded(path: Path) -> list[Figures]:
    try:
        return [Figures.read(row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CommandError(f"{path} holds no figures of a truth test: {error}") from error
