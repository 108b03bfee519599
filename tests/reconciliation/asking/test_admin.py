"""Companions in the admin: a secret goes in and never comes out."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from reconciliation.asking import step
from reconciliation.models import Companion, SyncRequest
from signals.models import Source

from .build import NOW, trade, with_gap

pytestmark = pytest.mark.django_db
SECRET = "a-secret-that-both-sides-know"
FORM = {"url": "https://a.example/its-own-path", "enabled": "on", "new_secret": SECRET}


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="irrelevant-here"))
    return client


@pytest.fixture
def companion(source: Source) -> Companion:
    return Companion.objects.create(source=source, url=FORM["url"], secret=SECRET)


def page(companion: Companion) -> str:
    return reverse("admin:reconciliation_companion_change", args=[companion.pk])


def test_a_companion_is_made_with_its_secret(boss: Client, source: Source) -> None:
    boss.post(reverse("admin:reconciliation_companion_add"), {**FORM, "source": source.pk})
    made = Companion.objects.get()
    assert (made.source, made.secret, made.enabled) == (source, SECRET, True)


@pytest.mark.parametrize(("secret", "why"), [("", "needs a secret"), ("short", "at least 24")])
def test_it_is_not_made_without_a_good_one(boss: Client, source: Source, secret: str, why: str) -> None:
    form = {**FORM, "source": source.pk, "new_secret": secret}
    answer = boss.post(reverse("admin:reconciliation_companion_add"), form)
    assert why in answer.content.decode()
    assert not Companion.objects.exists()


def test_an_empty_secret_keeps_the_old_one_and_another_replaces_it(boss: Client, companion: Companion) -> None:
    form = {**FORM, "source": companion.source_id, "url": "https://b.example/"}
    boss.post(page(companion), {**form, "new_secret": ""})
    companion.refresh_from_db()
    assert (companion.url, companion.secret) == ("https://b.example/", SECRET)
    boss.post(page(companion), {**form, "new_secret": SECRET * 2})
    companion.refresh_from_db()
    assert companion.secret == SECRET * 2


def test_no_page_shows_the_secret(boss: Client, companion: Companion) -> None:
    refused = {**FORM, "source": companion.source_id, "url": "none"}
    pages = [
        boss.get(page(companion)),
        boss.get(reverse("admin:reconciliation_companion_changelist")),
        boss.post(page(companion), refused),
    ]
    assert [answer.status_code for answer in pages] == [200, 200, 200]
    assert [SECRET in answer.content.decode() for answer in pages] == [False, False, False]


def test_the_admins_log_does_not_keep_the_secret(boss: Client, companion: Companion) -> None:
    boss.post(page(companion), {**FORM, "source": companion.source_id, "new_secret": SECRET * 2})
    assert [SECRET in entry.change_message for entry in LogEntry.objects.all()] == [False]


def test_who_may_only_look_sees_neither_secret_nor_address(client: Client, companion: Companion) -> None:
    viewer = User.objects.create_user("viewer", password="irrelevant-here", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_companion"))
    client.force_login(viewer)
    shown = client.get(page(companion)).content.decode()
    assert "a.example" in shown
    assert "its-own-path" not in shown
    assert SECRET not in shown
    assert client.post(page(companion), FORM).status_code == 403


def test_requests_are_shown_with_what_they_ask_and_not_edited(boss: Client) -> None:
    with_gap()
    step(now=NOW)
    request = SyncRequest.objects.get()
    address = reverse("admin:reconciliation_syncrequest_change", args=[request.pk])
    assert trade(0) in boss.get(address).content.decode()
    assert boss.get(reverse("admin:reconciliation_syncrequest_changelist")).status_code == 200
    assert boss.get(reverse("admin:reconciliation_askedgap_changelist")).status_code == 200
    assert boss.post(address, {"state": "answered"}).status_code == 403
