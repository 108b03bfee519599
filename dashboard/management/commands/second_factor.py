"""`manage.py second_factor`: who has one; and `--reset`, for somebody who has lost devices and recovery codes."""

import json as json_format
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dashboard.models import SecondFactor
from dashboard.second_factor import remove, required_of
from reconciliation.administration import note_command
from signals.checks import SETTINGS


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = (
        "Which active accounts have a second factor. With a name and --reset, take that account's away, passkeys too:"
        " the next sign-in takes the password alone, or sets up another where one is required. Exit status 1 when one"
        " that is required is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="only this account")
        parser.add_argument("--reset", action="store_true", help="take its second factor away")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, name: str | None, reset: bool, json: bool, **options: Any) -> None:
        if reset and not name:
            raise CommandError("Name the account whose second factor is to be reset.")
        people = User.objects.filter(is_active=True).select_related("second_factor").order_by("username")
        if name and not (people := people.filter(username=name)):
            raise CommandError(f"There is no active account {name}.")
        told = [reset_of(person) for person in people] if reset else [state_of(person) for person in people]
        if json:
            self.stdout.write(json_format.dumps(told))
        else:
            for each in told:
                self.stdout.write(f"{each['account']}: {each['says']}")
        if not reset and any(each["missing"] for each in told):
            raise SystemExit(1)


def state_of(person: User) -> dict[str, Any]:
    factor = getattr(person, "second_factor", None)
    missing = factor is None and required_of(person)
    passkeys = factor.passkeys.count() if factor else 0
    says = f"since {factor.made_at:%Y-%m-%d}, {held(factor, passkeys)}" if factor else "none"
    return {"account": person.get_username(), "has": bool(factor), "missing": missing, "passkeys": passkeys,
            "says": says + (", and must have one: asked at the next sign-in" if missing else "")}  # fmt: skip


def held(factor: SecondFactor, passkeys: int) -> str:
    app = "app" if factor.sealed else "no app"
    return f"{app}, {passkeys} passkey{'' if passkeys == 1 else 's'}, {len(factor.recovery)} recovery codes left"


def reset_of(person: User) -> dict[str, Any]:
    gone = remove(person)
    if gone:
        note_command(person, "Reset the second factor.", now=timezone.now())
    return {"account": person.get_username(), "reset": gone, "says": "reset" if gone else "there was none"}
