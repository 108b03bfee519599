"""A field that was added is stored from an alert with its origin, derived again alike, and told everywhere."""

import csv
import json
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from tests.builders import TRADE_ID, at, created, entry, send, the_signal, update

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _trade() -> None:
    """ENTRY states it; an update, whose word does not count as much, states another."""
    send([(created(), at(1)), (update(0.2, spread=0.75), at(4)), (entry(entry_spread=0.5), at(3))])


def exported(form: str) -> str:
    out = StringIO()
    call_command("export_signals", "--format", form, stdout=out)
    return out.getvalue()


def test_it_is_stored_with_its_origin() -> None:
    signal = the_signal()
    assert signal.spread == Decimal("0.5")
    assert (signal.provenance["spread"]["tier"], signal.provenance["spread"]["evidence"]["type"]) == (None, "ENTRY")


def test_it_is_derived_again_alike() -> None:
    call_command("rebuild_signals", "--check", stdout=StringIO())


def test_exports_and_the_api_tell_it(client: Client) -> None:
    assert json.loads(exported("jsonl"))["spread"] == 0.5
    (row,) = csv.DictReader(StringIO(exported("csv")))
    assert row["spread"] == "0.5"
    client.force_login(User.objects.create_superuser("boss"))
    told: Any = client.get(f"/api/automated-signals/signals/{TRADE_ID}").json()
    assert told["spread"] == 0.5


def test_the_page_of_the_signal_shows_it(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    shown = client.get(reverse("console:signal", args=[the_signal().pk])).content.decode()
    assert "Spread" in shown
    assert "0.50" in shown
