"""`manage.py retime`: give what was received under a wrong clock the times that imported alert logs tell."""

import json as json_format
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from signals.checks import SETTINGS
from signals.management.options import named_source
from signals.models import Source
from signals.receiving.retiming import Retimed, retime


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Give what was received while this machine's clock was off the times of the alert log. Imports do so, too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--source", help="only of this source, by name")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be changed")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, source: str | None, dry_run: bool, json: bool, **options: Any) -> None:
        sources = [named_source(source)] if source else list(Source.objects.order_by("name"))
        done = {each.name: retime(each, now=timezone.now(), dry_run=dry_run) for each in sources}
        if json:
            self.stdout.write(json_format.dumps({name: as_json(each) for name, each in done.items()}))
        else:
            for name, each in done.items():
                self.stdout.write(f"{name}: {as_text(each, dry_run=dry_run)}")


def as_json(done: Retimed) -> dict[str, float | int | None]:
    ahead = None if done.ahead is None else done.ahead.total_seconds()
    return {"ahead_seconds": ahead, "deliveries": done.deliveries}


def as_text(done: Retimed, *, dry_run: bool) -> str:
    if done.ahead is None:
        return "no alert log shows that the clock was off."
    given = "would be given" if dry_run else "were given"
    return (
        f"the clock was {done.ahead.total_seconds():+.0f} s off; {done.deliveries} deliveries {given} the log's time."
    )
