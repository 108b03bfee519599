"""`manage.py thin_updates`: let go of the updates of old trades that nothing needs, all at once."""

import json as json_format
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from reconciliation.cycle.thinning import AT_ONCE, Let, candidates, thin
from signals.checks import SETTINGS
from signals.management.options import positive
from signals.storage.queries import batches


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = (
        "Delete updates of trades that ended long ago, which no value needs: all but the first, the last, the peaks "
        "and one in a quarter of an hour. Cycles do so by themselves where UPDATE_THINNING_DAYS says so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=positive, required=True, metavar="N", help="of trades that ended before")
        parser.add_argument("--by", default="thin_updates", metavar="NAME", help="who, for the audit log (%(default)s)")
        parser.add_argument("--dry-run", action="store_true", help="count only, write nothing")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, days: int, by: str, dry_run: bool, json: bool, **options: Any) -> None:
        now, let = timezone.now(), Let()
        keys = candidates(now - timedelta(days=days)).values_list("pk", flat=True)
        for some in batches(list(keys), AT_ONCE):
            let.add(thin(some, now=now, actor=by, dry_run=dry_run))
        if json:
            told = {"signals": let.signals, "updates": let.updates, "unlike": let.unlike, "dry_run": dry_run}
            self.stdout.write(json_format.dumps(told))
            return
        verb = "would be" if dry_run else "were"
        self.stdout.write(f"{let.updates} updates of {let.signals} signals {verb} let go.")
        if let.unlike:
            self.stdout.write(f"{let.unlike} signals were left as they are: fewer updates would change them.")
