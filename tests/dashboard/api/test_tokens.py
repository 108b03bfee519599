"""Tokens of people: who may use them for what, until when, and that nobody reads them again."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.api.tokens import LONGEST, make, revoke
from dashboard.console.roles import ADMINISTRATOR, OPERATOR, VIEWER
from dashboard.models import ApiToken
from reconciliation.models import SyncAuditLog, SyncRun

from .conftest import bearer, person

pytestmark = pytest.mark.django_db
READ, RUN, TOKENS = "/api/sync/health", "/api/sync/run", "/console/tokens/"


def run(headers: dict[str, str], **extra: Any) -> Any:
    return Client(**extra).post(RUN, {"dry_run": True}, content_type="application/json", headers=headers)


class TestUse:
    @pytest.mark.parametrize("scheme", ["Bearer", "Token", "bearer"])
    def test_a_program_acts_in_its_persons_name_without_cookies_or_csrf(self, scheme: str) -> None:
        headers = {"authorization": bearer(person(OPERATOR))["authorization"].replace("Bearer", scheme)}
        assert run(headers, enforce_csrf_checks=True).status_code == 200
        answer = Client().post(RUN, {}, content_type="application/json", headers=headers)
        assert SyncRun.objects.get(pk=answer.json()["run_id"]).started_by == "operator-person"

    def test_a_scope_narrows_what_the_person_may(self) -> None:
        headers = bearer(person(OPERATOR), scope=VIEWER)
        assert Client().get(READ, headers=headers).status_code == 200
        assert run(headers).status_code == 403

    def test_and_never_widens_it(self) -> None:
        headers = bearer(person(VIEWER), scope=ADMINISTRATOR)
        assert Client().get(READ, headers=headers).status_code == 200
        assert run(headers).status_code == 403

    def test_who_loses_a_role_loses_it_for_all_tokens(self) -> None:
        somebody = person(OPERATOR)
        headers = bearer(somebody)
        somebody.groups.clear()
        assert Client().get(READ, headers=headers).status_code == 403
        User.objects.update(is_active=False)
        assert Client().get(READ, headers=headers).status_code == 401

    def test_a_token_that_has_ended_or_was_revoked_is_refused(self) -> None:
        now, somebody = timezone.now(), person(VIEWER)
        token, secret = make(somebody, name="a", scope=VIEWER, expires_at=now + timedelta(days=1), now=now)
        headers = {"authorization": f"Bearer {secret}"}
        assert revoke(token, by="boss", now=now)
        assert not revoke(token, by="boss", now=now)
        answer = Client().get(READ, headers=headers)
        assert (answer.status_code, "Make another" in answer.json()["detail"]) == (401, True)
        ApiToken.objects.update(revoked_at=None, expires_at=now)
        assert Client().get(READ, headers=headers).status_code == 401

    def test_none_lasts_longer_than_a_year(self) -> None:
        now = timezone.now()
        token, _ = make(person(VIEWER), name="a", scope=VIEWER, expires_at=now + timedelta(days=9999), now=now)
        assert token.expires_at == now + LONGEST

    def test_guessing_is_slow(self, settings: Any) -> None:
        settings.BAD_TOKEN_RATE = "2/min"
        codes = [Client().get(READ, headers={"authorization": f"Bearer {n}"}).status_code for n in range(3)]
        assert codes == [401, 401, 429]

    def test_its_use_is_noted_once_an_hour_and_no_read_writes_otherwise(
        self, django_assert_num_queries: Any, django_assert_max_num_queries: Any
    ) -> None:
        headers = bearer(person(VIEWER))
        Client().get("/api/me", headers=headers)
        first = ApiToken.objects.get().last_used_at
        with django_assert_max_num_queries(6) as asked:
            Client().get("/api/me", headers=headers)
        assert not any(query["sql"].startswith("UPDATE") for query in asked.captured_queries)
        assert ApiToken.objects.get().last_used_at == first
        ApiToken.objects.update(last_used_at=timezone.now() - timedelta(hours=2))
        Client().get("/api/me", headers=headers)
        assert ApiToken.objects.get().last_used_at >= first

    def test_a_program_can_ask_as_whom_it_asks(self) -> None:
        told = Client().get("/api/me", headers=bearer(person(OPERATOR), scope=VIEWER)).json()
        assert (told["username"], told["roles"], told["may_act"]) == ("operator-person", [OPERATOR], False)
        assert told["token"]["scope"] == VIEWER


class TestTheConsole:
    def make(self, client: Client, **given: Any) -> str:
        """Make one on the page; what it is, as the answer shows it once."""
        asked = {"name": "nightly export", "scope": VIEWER, "days": 30, **given}
        shown = client.post(reverse("console:make-api-token"), {**asked, "confirm": "yes"})
        start = shown.content.decode().partition("sst_")[2]
        return "sst_" + start[:43]

    def signed_in(self, role: str) -> Client:
        client = Client()
        client.force_login(person(role))
        return client

    def test_a_token_is_shown_once_and_kept_as_a_hash(self) -> None:
        client = self.signed_in(VIEWER)
        secret = self.make(client)
        assert Client().get(READ, headers={"authorization": f"Bearer {secret}"}).status_code == 200
        assert secret not in client.get(TOKENS).content.decode()
        assert secret not in str(ApiToken.objects.values())
        assert secret[:10] == ApiToken.objects.get().prefix

    def test_making_and_revoking_are_audited_in_the_persons_name(self) -> None:
        client = self.signed_in(VIEWER)
        secret = self.make(client)
        client.post(reverse("console:revoke-api-token", args=[ApiToken.objects.get().pk]), {"confirm": "yes"})
        noted = SyncAuditLog.objects.filter(actor="viewer-person").order_by("pk").values_list("note", flat=True)
        assert [note.split(" ")[0] for note in noted] == ["Made", "Revoked"]
        assert not SyncAuditLog.objects.filter(note__contains=secret[:20]).exists()
        assert Client().get(READ, headers={"authorization": f"Bearer {secret}"}).status_code == 401

    def test_one_sees_ones_own_and_an_administrator_sees_and_revokes_all(self) -> None:
        self.make(self.signed_in(VIEWER), name="of the viewer")
        self.make(self.signed_in(OPERATOR), name="of the operator")
        page = self.signed_in(OPERATOR).get(TOKENS).content.decode()
        assert ("of the viewer" in page, "of the operator" in page) == (False, True)
        theirs = reverse("console:revoke-api-token", args=[ApiToken.objects.get(name="of the viewer").pk])
        assert self.signed_in(OPERATOR).post(theirs, {"confirm": "yes"}).status_code == 404
        boss = self.signed_in(ADMINISTRATOR)
        assert "of the viewer" in boss.get(TOKENS).content.decode()
        assert boss.post(theirs, {"confirm": "yes"}).status_code == 302
        assert ApiToken.objects.get(name="of the viewer").revoked_by == "administrator-person"

    def test_who_has_no_role_can_make_none(self) -> None:
        nobody = User.objects.create_user("nobody")
        nobody.user_permissions.add(Permission.objects.get(codename="view_automatedsignal"))
        client = Client()
        client.force_login(nobody)
        assert client.get(TOKENS).status_code == 200
        assert client.post(reverse("console:make-api-token"), {"confirm": "yes"}).status_code == 403
