"""What people change beside signals is audited under the name of then, and no account's traces can be erased."""

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reconciliation.models import SyncAuditLog
from signals.models import Quarantine, Source
from signals.receiving.quarantine import dismiss
from signals.receiving.senders import default_source, new_token
from tests.builders import at, send

pytestmark = pytest.mark.django_db
ADMINISTERED = SyncAuditLog.Action.ADMINISTERED


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password="irrelevant-here")


@pytest.fixture
def admin(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


def audited() -> SyncAuditLog:
    return SyncAuditLog.objects.get(action=ADMINISTERED)


def test_a_token_made_in_the_admin_is_audited(admin: Client) -> None:
    source = default_source()
    admin.post(
        reverse("admin:signals_source_changelist"), {"action": "create_token", "_selected_action": [str(source.pk)]}
    )
    entry = audited()
    assert (entry.actor, entry.note, entry.signal) == ("boss", "Created a webhook token.", None)
    assert (entry.evidence["of"], entry.evidence["source"]) == ("source", source.name)


def test_a_token_made_and_revoked_in_the_console_is_audited(admin: Client) -> None:
    source = default_source()
    new_token(source, label="old")
    admin.post(reverse("console:rotate-token", args=[source.pk]), {"hours": "24", "confirm": "1"})
    token = source.tokens.latest("pk")
    admin.post(reverse("console:revoke-token", args=[token.pk]), {"confirm": "1"})
    assert "Revoked" in SyncAuditLog.objects.filter(action=ADMINISTERED).latest("pk").note


def test_a_role_given_is_audited_with_what_the_account_may_do_then(admin: Client) -> None:
    person = User.objects.create_user("mallory")
    role = Group.objects.get(name="Administrator")
    form = {"username": "mallory", "is_active": "on", "groups": [str(role.pk)], "date_joined_0": "2025-12-11"}
    admin.post(reverse("admin:auth_user_change", args=[person.pk]), {**form, "date_joined_1": "09:00:00"})
    assert audited().evidence == {
        "did": "change", "of": "user", "key": str(person.pk), "name": "mallory", "active": True, "staff": False,
        "superuser": False, "roles": ["Administrator"],
    }  # fmt: skip


def test_a_new_account_and_a_changed_password_are_audited(admin: Client, boss: User) -> None:
    secret = "a-long-passphrase-9"
    admin.post(
        reverse("admin:auth_user_add"),
        {"username": "eve", "password1": secret, "password2": secret, "usable_password": "true"},
    )
    assert audited().evidence["name"] == "eve"
    words = {"old_password": "irrelevant-here", "new_password1": secret, "new_password2": secret}
    admin.post(reverse("console:password"), words)
    newest = SyncAuditLog.objects.filter(action=ADMINISTERED).latest("pk")
    assert (newest.actor, newest.note) == ("boss", "Changed the own password.")
    assert secret not in str(list(SyncAuditLog.objects.values()))


def test_an_account_cannot_be_deleted_anywhere_and_its_entries_stay(admin: Client, boss: User) -> None:
    other = User.objects.create_superuser("other", password="irrelevant-here")
    address = reverse("admin:auth_user_delete", args=[other.pk])
    assert admin.post(address, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(other.pk)], "post": "yes"}
    admin.post(reverse("admin:auth_user_changelist"), chosen)
    with pytest.raises(ProtectedError), transaction.atomic():
        User.objects.filter(pk=other.pk).delete()
    assert User.objects.filter(pk=other.pk).exists()


def test_names_are_those_of_then_whatever_an_account_is_called_later(admin: Client, boss: User) -> None:
    send([(b"not readable", at(1))])
    dismiss(Quarantine.objects.get(), "noise", by=boss, now=timezone.now())
    source = default_source()
    admin.post(reverse("console:rotate-token", args=[source.pk]), {"hours": "0", "confirm": "1"})
    User.objects.filter(pk=boss.pk).update(username="nobody-of-note")
    assert Quarantine.objects.get().decider == "boss"
    assert {entry.actor for entry in SyncAuditLog.objects.filter(action=ADMINISTERED)} <= {"boss"}


def test_the_audit_page_and_its_interface_show_it(admin: Client) -> None:
    source = default_source()
    admin.post(
        reverse("admin:signals_source_changelist"), {"action": "create_token", "_selected_action": [str(source.pk)]}
    )
    assert "Created a webhook token." in admin.get(reverse("console:audit")).content.decode()
    (told,) = admin.get("/api/sync/audit", {"action": ADMINISTERED}).json()["results"]
    assert (told["actor"], told["source"], told["trade_id"]) == ("boss", source.name, None)
    assert Source.objects.exists()
