"""The one way of every action: preview, confirm, perform, audit, message. Shown on the actions there are."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.urls import reverse

from signals.models import Delivery, Quarantine, Source
from signals.receiving.quarantine import dismiss
from signals.receiving.senders import default_source
from tests.builders import at

from .conftest import MENDED, As, person, quarantined

pytestmark = pytest.mark.django_db


def mend(row: Quarantine) -> str:
    return reverse("console:mend", args=[row.pk])


def previewed(shown: bytes) -> str:
    return shown.decode().split('name="previewed" value="')[1].split('"')[0]


def test_looking_changes_nothing(signed_in: As) -> None:
    row = quarantined()
    shown = signed_in("Operator").get(mend(row))
    assert shown.status_code == 200
    assert Quarantine.objects.get().state == Quarantine.State.OPEN
    assert Delivery.objects.count() == 1


def test_only_what_was_previewed_is_done(signed_in: As) -> None:
    client, row = signed_in("Operator"), quarantined()
    first = client.get(mend(row)).content
    changed = client.post(mend(row), {"text": MENDED, "confirm": "yes", "previewed": previewed(first)})
    assert b"changed since it was previewed" in changed.content
    assert Quarantine.objects.get().state == Quarantine.State.OPEN
    again = {"text": MENDED, "confirm": "yes", "previewed": previewed(changed.content)}
    assert client.post(mend(row), again).status_code == 302
    assert Quarantine.objects.get().state == Quarantine.State.REPLAYED


def test_what_was_done_is_told_and_kept_with_the_persons_name(signed_in: As) -> None:
    client, row = signed_in("Operator"), quarantined()
    shown = client.post(mend(row), {"text": MENDED}).content
    done = client.post(mend(row), {"text": MENDED, "confirm": "yes", "previewed": previewed(shown)})
    assert [str(message) for message in get_messages(done.wsgi_request)] == ["Replayed: 1 event stored."]
    entry = LogEntry.objects.get()
    assert entry.user == person("Operator")
    assert "Replayed a mended copy as delivery" in entry.get_change_message()
    assert entry.get_edited_object() == row


def test_what_cannot_be_done_says_why_and_offers_no_button(signed_in: As) -> None:
    client, row = signed_in("Operator"), quarantined()
    dismiss(row, "noise", by=None, now=at(9))
    shown = client.get(mend(row)).content
    assert b"It was already dismissed." in shown
    assert b'name="confirm"' not in shown


def test_who_comes_too_late_is_told_so_and_nothing_is_done_twice(signed_in: As) -> None:
    client, row = signed_in("Operator"), quarantined()
    shown = client.post(mend(row), {"text": MENDED}).content
    dismiss(row, "noise", by=None, now=at(9))
    late = client.post(mend(row), {"text": MENDED, "confirm": "yes", "previewed": previewed(shown)})
    assert late.status_code == 200
    assert b"It was already dismissed." in late.content
    assert Delivery.objects.count() == 1
    assert not LogEntry.objects.exists()


def test_inputs_that_are_wrong_are_shown_again_with_their_errors(signed_in: As) -> None:
    source = default_source()
    link = reverse("console:rotate-token", args=[source.pk])
    shown = signed_in("Administrator").post(link, {"hours": "-1", "confirm": "yes"})
    assert b"greater than or equal to 0" in shown.content
    assert not source.tokens.exists()


def test_a_secret_is_in_the_answer_itself_and_nowhere_else(signed_in: As) -> None:
    client, source = signed_in("Administrator"), default_source()
    link = reverse("console:rotate-token", args=[source.pk])
    shown = client.get(link).content
    made = client.post(link, {"hours": 24, "confirm": "yes", "previewed": previewed(shown)})
    token = made.content.decode().split("/webhook/")[1].split('"')[0]
    assert made.status_code == 200
    assert "no-store" in made["Cache-Control"]
    assert all(token not in cookie.value for cookie in made.cookies.values())
    assert token not in str(LogEntry.objects.values())
    assert token.encode() not in client.get(reverse("console:source", args=[source.pk])).content


def test_something_that_is_not_there_is_not_found(signed_in: As) -> None:
    client = signed_in("Administrator")
    assert client.get(reverse("console:mend", args=[999])).status_code == 404
    assert client.get(reverse("console:ledger", args=["0" * 32])).status_code == 404
    assert client.get(reverse("console:source", args=[999])).status_code == 404
    assert not Source.objects.exists()
