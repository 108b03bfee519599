"""`manage.py import_mail FOLDER|FILE…`: take in alert mails that were saved as files."""

import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from signals.checks import SETTINGS
from signals.management.options import named_source
from signals.models import Delivery, Mail, Mailbox, Source
from signals.receiving.mail.collecting import LARGEST, Arrived, Collected, Trust, collect
from signals.receiving.mail.polling import trust_of
from signals.receiving.mail.settling import settle_due
from signals.storage.queries import batches

AT_ONCE = 200
HEAD = 64 * 1024  # bytes of a message that is too large
MOST_REASONS = 20


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Take in alert mails saved as .eml files, or all such files of a folder. Repeating it changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="FOLDER|FILE")
        parser.add_argument("--source", help="name of the source the alerts belong to; else token or symbol tell")
        parser.add_argument("--server", help="whose Authentication-Results count, as mx.google.com; else its mailbox's")
        parser.add_argument("--to", default="", help="the address that they must be written to; else its mailbox's")
        parser.add_argument("--dry-run", action="store_true", help="count everything, store nothing")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(
        self, *, paths: list[str], source: str | None, server: str | None, to: str, dry_run: bool, json: bool, **_: Any
    ) -> None:
        owner = named_source(source) if source else None
        trust = trust_in(owner, server, to)
        try:
            with transaction.atomic() if dry_run else nullcontext():
                result = take(list(files(paths)), trust, owner)
                if dry_run:
                    transaction.set_rollback(True)
        except OSError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            advice = "import them again when it is back; nothing is taken in twice."
            raise CommandError(f"The database is gone ({str(error).strip()}): {advice}") from error
        self.stdout.write(as_json(result) if json else as_text(result, dry_run=dry_run))
        if result["new"] and result["new"] == result["refused"]:
            raise CommandError("None of them counts.")


def trust_in(owner: Source | None, server: str | None, to: str) -> Trust:
    """What was said, else what the source's mailbox says. Raises CommandError where nobody said it."""
    box = Mailbox.objects.filter(source=owner).order_by("name").first()
    if server:
        return Trust(server, to)
    if box is None:
        raise CommandError(
            "Whose word counts on whether they are TradingView's? Give --server: the first word of the top-most"
            " Authentication-Results in the files, which the server that received them wrote (as mx.google.com)."
        )
    own = trust_of(box)
    return Trust(own.server, to or own.addressee)


def files(paths: list[str]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(path.rglob("*.eml"))
        else:
            yield path


def read(path: Path) -> Arrived:
    size = path.stat().st_size
    with path.open("rb") as file:
        return Arrived(file.read(HEAD if size > LARGEST else LARGEST), size=size)


def take(found: list[Path], trust: Trust, owner: Source | None) -> dict[str, Any]:
    now = timezone.now()
    states: Counter[str] = Counter()
    known, reasons = 0, Counter[str]()
    for some in batches(found, AT_ONCE):
        done: Collected = collect(map(read, some), trust, now=now, source=owner)
        states, known, reasons = states + done.states, known + done.known, reasons + done.reasons
    settled = settle_due(now)
    return {
        "mails": len(found),
        "new": states.total(),
        "known": known,
        "refused": states["refused"] + settled["refused"],
        "alone": settled["alone"],
        "matched": settled["matched"],
        "events": events_of(now),
        "reasons": dict(reasons.most_common(MOST_REASONS)),
    }


def events_of(stored: datetime) -> int:
    """How many events the mails brought that were stored then and came alone."""
    alone = Delivery.objects.filter(mail__state=Mail.State.ALONE, mail__stored_at=stored)
    return alone.aggregate(total=Sum("event_count"))["total"] or 0


def as_json(result: dict[str, Any]) -> str:
    return json.dumps(result)


def as_text(result: dict[str, Any], *, dry_run: bool) -> str:
    lines = [
        f"{result['mails']} mails: {result['new']} new, {result['known']} known before, {result['refused']} refused.",
        f"{result['matched']} came by webhook or log, too; {result['alone']} by mail alone: {result['events']} events.",
        *(f"Refused, {number}: {reason}" for reason, number in result["reasons"].items()),
    ]
    if dry_run:
        lines.append("Dry run: nothing was stored.")
    return "\n".join(lines)
