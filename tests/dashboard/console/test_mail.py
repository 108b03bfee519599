"""Mailboxes on the console: set up, tested part by part, changed and removed, and what became of each mail."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.watching.checks.mail import mail as check
from signals.models import Delivery, Mail, Mailbox
from signals.receiving.senders import default_source
from tests.builders import at, created, entry
from tests.signals.receiving.mail.mails import SERVER, TRADER, mail, taken
from tests.signals.receiving.mail.server import PASSWORD, USER, Server, serving

from .conftest import As
from .test_actions import previewed

pytestmark = pytest.mark.django_db
GIVEN = {
    "name": "my-alerts", "source": "", "host": "imap.gmail.com", "port": 993, "security": "tls", "username": TRADER,
    "folder": "Alerts", "server": "", "recipient": "",
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def box_of(**fields: object) -> Mailbox:
    given = {"name": "box", "host": "imap.gmail.com", "username": TRADER, "server": SERVER, **fields}
    return Mailbox.objects.create(source=default_source(), **given)


def page(client: Client, **wanted: str) -> str:
    return " ".join(client.get(reverse("console:mail"), wanted).content.decode().split())


def create(client: Client, **given: object) -> str:
    answer = client.post(reverse("console:create-mailbox"), {**GIVEN, "confirm": "yes", **given}, follow=True)
    return answer.content.decode()


def test_a_mailbox_is_set_up_and_the_variable_of_its_password_is_told(signed_in: As) -> None:
    shown = create(signed_in("Administrator"), source=default_source().pk)
    assert "Set MAILBOX_MY_ALERTS_PASSWORD in the environment and restart; then test it." in shown
    box = Mailbox.objects.get()
    assert (box.server, box.addressee, box.source) == ("mx.google.com", TRADER, default_source())
    assert LogEntry.objects.get().change_message == "Created the mailbox."


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"host": "mail.example.org"}, "Say it for this host"),
        ({"server": "not a host"}, "Give a host&#x27;s name"),
        ({"security": "plain"}, "only a server on this machine is read"),
        ({"name": "my_alerts"}, "There is a mailbox of this name"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_made(given: dict[str, str], problem: str, signed_in: As) -> None:
    box_of(name="my-alerts")
    client = signed_in("Administrator")
    assert problem in create(client, **{"name": "another", **given})
    assert Mailbox.objects.count() == 1


def test_a_page_tells_when_the_worker_last_asked_whether_it_was_answered_or_not(signed_in: As) -> None:
    box = box_of()
    assert "never: the worker does it" in page(signed_in("Viewer"))
    Mailbox.objects.filter(pk=box.pk).update(asked_at=timezone.now() - timedelta(minutes=4))
    shown = page(signed_in("Viewer"))
    assert re.search(r"Last asked</th><td>(<[^>]*>)*4 min ago", shown)
    assert "never: the worker does it" not in shown


def test_the_test_shows_which_part_is_broken(server: Server, signed_in: As, monkeypatch: pytest.MonkeyPatch) -> None:
    box = box_of(host="127.0.0.1", port=server.port, security="plain", username=USER)
    server.add(mail(created(), timezone.now() - timedelta(minutes=9)))
    client, link = signed_in("Administrator"), reverse("console:test-mailbox", args=[box.pk])
    assert b"It has no password. Set MAILBOX_BOX_PASSWORD" in client.post(link, {"confirm": "yes"}).content
    monkeypatch.setenv("MAILBOX_BOX_PASSWORD", PASSWORD)
    shown = client.post(link, {"confirm": "yes"}).content.decode()
    assert "All of it works" in shown
    assert PASSWORD not in shown
    assert Mail.objects.count() == 0


def test_a_changed_place_is_read_anew_and_a_changed_judge_is_not(signed_in: As) -> None:
    box = box_of(uid_validity=7, last_uid=99)
    client, link = signed_in("Administrator"), reverse("console:change-mailbox", args=[box.pk])

    def change(**changed: str) -> Mailbox:
        given = {**GIVEN, "source": default_source().pk, "server": SERVER, "folder": "INBOX", **changed}
        shown = client.post(link, given)
        client.post(link, {**given, "confirm": "yes", "previewed": previewed(shown.content)})
        return Mailbox.objects.get()

    assert (change(server="mx2.example.org").last_uid, Mailbox.objects.get().server) == (99, "mx2.example.org")
    assert change(folder="Alerts").last_uid == 0
    assert "folder: INBOX → Alerts" in LogEntry.objects.latest("pk").change_message


def test_removing_one_keeps_its_mails(signed_in: As) -> None:
    box = box_of()
    taken(mail(created(), at(1)), source=default_source(), now=at(60))
    Mail.objects.update(mailbox=box)
    signed_in("Administrator").post(reverse("console:remove-mailbox", args=[box.pk]), {"confirm": "yes"})
    assert (Mailbox.objects.count(), Mail.objects.get().mailbox) == (0, None)


def test_the_page_tells_of_each_mail_what_became_of_it(signed_in: As) -> None:
    taken(
        mail(created(), at(1), subject="Alert: first"),
        mail(entry(), at(3), results=(), subject="Alert: forged"),
        source=default_source(),
        now=at(60),
    )
    client = signed_in("Viewer")
    shown = page(client)
    assert "Alert: first" in shown
    assert "No server says whether it is authentic" in shown
    assert "Alert: first" not in page(client, state="refused")
    assert "A filter was not understood" in page(client, state="nonsense")
    delivery = client.get(reverse("console:delivery", args=[Delivery.objects.get().pk])).content.decode()
    assert "Alert: first, from noreply@tradingview.com" in delivery


def test_the_source_tells_of_its_mailbox_and_of_what_the_webhook_lost(signed_in: As) -> None:
    source = default_source()
    client, link = signed_in("Administrator"), reverse("console:source", args=[source.pk])
    assert b"No mailbox of its own" in client.get(link).content
    box_of(error="There is no folder Alerts.", advice="Check its name.", error_at=timezone.now())
    when = timezone.now() - timedelta(minutes=9)
    taken(mail(created(), when), source=source, now=timezone.now())
    shown = client.get(link).content.decode()
    assert "There is no folder Alerts. Check its name." in shown
    assert "came by mail alone in 7 days: the webhook lost it." in shown


class TestCheck:
    def test_nothing_is_wrong_without_mailboxes(self) -> None:
        assert check(timezone.now()).ok

    def test_what_passes_by_itself_is_told_only_when_it_does_not(self) -> None:
        now = timezone.now()
        box_of(error="It broke.", error_at=now, next_at=now + timedelta(minutes=2), failures=1)
        assert check(now).ok
        Mailbox.objects.update(failures=3)
        assert check(now).says.startswith("The mailbox box is not read. It broke.")

    def test_what_a_person_must_mend_is_told_at_once(self) -> None:
        now = timezone.now()
        box_of(error="No.", advice="Do.", error_at=now, next_at=now + timedelta(minutes=30), failures=1)
        assert check(now).says == "The mailbox box is not read. No. Do."

    def test_a_mailbox_whose_mails_are_all_refused_is_set_up_wrongly(self) -> None:
        now = timezone.now()
        box = box_of()
        taken(mail(created(), now - timedelta(hours=1), results=()), source=default_source(), now=now)
        Mail.objects.update(mailbox=box)
        assert "all 1 mails of the last day were refused: No server says" in check(now).says

    def test_mails_that_nobody_settles_are_told(self) -> None:
        now, long_ago = timezone.now(), timezone.now() - timedelta(hours=1)
        Mail.objects.create(key="k", received_at=long_ago, at=long_ago, stored_at=long_ago)
        assert check(now).says.startswith("1 alert mail could not be settled")
