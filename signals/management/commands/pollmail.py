"""`manage.py pollmail`: read the mailboxes now, as the worker does every two minutes."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from signals.checks import SETTINGS
from signals.models import Mailbox
from signals.receiving.mail.polling import poll
from signals.receiving.mail.trying import try_out


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Read the mailboxes of alert mail now, and settle what waited long enough. Nothing in them is changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--test", metavar="NAME", help="try this mailbox out part by part, and store nothing")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, test: str | None, json: bool, **options: Any) -> None:
        if test:
            self.try_mailbox(test, as_json=json)
            return
        done = poll(timezone.now(), at_once=True)
        turns = {
            turn.mailbox: {"read": turn.read, "new": turn.new, "refused": turn.refused, "error": turn.error}
            for turn in done.turns
        }
        self.tell({"mailboxes": turns, "settled": dict(done.settled)}, str(done), as_json=json)
        if broken := [turn.mailbox for turn in done.turns if turn.error]:
            raise CommandError(f"Not read: {', '.join(broken)}. `manage.py pollmail --test NAME` says which part.")

    def try_mailbox(self, name: str, *, as_json: bool) -> None:
        box = Mailbox.objects.filter(name=name).first()
        if box is None:
            names = ", ".join(Mailbox.objects.values_list("name", flat=True)) or "none yet"
            raise CommandError(f"There is no mailbox {name!r}. There are: {names}.")
        steps = try_out(box, timezone.now())
        lines = [f"{'works' if step.works else 'BROKEN':7} {step.name}: {step.says}" for step in steps]
        self.tell(
            [{"part": step.name, "works": step.works, "says": step.says} for step in steps],
            "\n".join(lines),
            as_json=as_json,
        )
        if not all(step.works for step in steps):
            raise CommandError("It does not work yet.")

    def tell(self, data: Any, text: str, *, as_json: bool) -> None:
        self.stdout.write(json.dumps(data) if as_json else text)
