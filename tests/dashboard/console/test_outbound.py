"""Outbound: endpoints are made with a secret that is shown, looked after, tested, replayed; each change is audited."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.models import Attempt, Endpoint, Outgoing
from dashboard.outbound import endpoints, step
from dashboard.telling.formats import wall
from reconciliation.models import SyncAuditLog
from tests.builders import at, created, entry, send
from tests.dashboard.outbound.build import URL, endpoint

from .conftest import As
from .test_actions import previewed

pytestmark = pytest.mark.django_db
GIVEN = {"name": "bot", "url": URL, "least_confidence": "0"}


def page(name: str, row: Endpoint) -> str:
    return reverse(f"console:{name}", args=[row.pk])


def do(client: Client, address: str, given: dict[str, Any] | None = None) -> HttpResponse:
    """Preview it, and confirm what was previewed."""
    shown = client.post(address, given or {})
    answer = client.post(address, {**(given or {}), "confirm": "yes", "previewed": previewed(shown.content)})
    assert isinstance(answer, HttpResponse)
    return answer


def notes() -> list[str]:
    return list(SyncAuditLog.objects.filter(action="administered").order_by("pk").values_list("note", flat=True))


@pytest.fixture
def boss(signed_in: As) -> Client:
    return signed_in("Administrator")


class TestMaking:
    def test_the_secret_is_shown_when_it_is_made_and_nowhere_after(self, boss: Client) -> None:
        shown = do(boss, reverse("console:create-endpoint"), GIVEN | {"types": ["signal.confirmed"]})
        row = Endpoint.objects.get()
        (secret,) = endpoints.secrets_of(row, timezone.now())
        assert secret.encode() in shown.content
        assert secret.encode() not in boss.get(page("endpoint", row)).content
        assert secret.encode() not in boss.get(page("change-endpoint", row)).content
        assert (row.types, row.created_by) == (["signal.confirmed"], "administrator-person")
        assert notes() == ["Created, at bot.example."]

    @pytest.mark.parametrize("url", ["bot.example", "ftp://bot.example/", "https://me:word@bot.example/"])
    def test_what_is_no_address_is_refused(self, boss: Client, url: str) -> None:
        boss.post(reverse("console:create-endpoint"), GIVEN | {"url": url, "confirm": "yes"})
        assert not Endpoint.objects.exists()

    def test_a_name_is_of_one_endpoint(self, boss: Client) -> None:
        endpoint()
        assert b"of this name" in do(boss, reverse("console:create-endpoint"), GIVEN).content


class TestChanging:
    def test_filters_are_changed_after_a_look(self, boss: Client) -> None:
        row = endpoint(symbols=["ES1!"])
        do(boss, page("change-endpoint", row), GIVEN | {"symbols": "mnq1!, ES1!", "most_minutes": "5"})
        row.refresh_from_db()
        assert (row.symbols, row.most_minutes) == (["MNQ1!", "ES1!"], 5)
        assert notes() == ["symbols: MNQ1!, ES1!; most_minutes: 5"]

    def test_the_form_as_it_is_shown_changes_nothing(self, boss: Client) -> None:
        row = endpoint(symbols=["ES1!"])
        assert b"Nothing is changed yet" in boss.get(page("change-endpoint", row)).content

    def test_a_changed_address_is_noted_without_its_path(self, boss: Client) -> None:
        row = endpoint()
        do(boss, page("change-endpoint", row), GIVEN | {"url": "https://sheet.example/secret-path"})
        assert notes() == ["url: sheet.example"]

    def test_one_that_was_switched_off_by_itself_is_switched_on_again(self, boss: Client) -> None:
        row = endpoint(enabled=False, off_because="It answered with status 410.", failing_since=timezone.now())
        assert b"status 410" in boss.get(page("switch-endpoint", row)).content
        do(boss, page("switch-endpoint", row))
        row.refresh_from_db()
        assert (row.enabled, row.off_because, row.failing_since) == (True, "", None)
        assert notes() == ["Switched on."]

    def test_rotating_shows_the_new_secret_and_keeps_the_old_for_the_overlap(self, boss: Client) -> None:
        row = endpoint()
        (old,) = endpoints.secrets_of(row, timezone.now())
        shown = do(boss, page("rotate-secret", row), {"hours": "2"})
        row.refresh_from_db()
        new, still = endpoints.secrets_of(row, timezone.now())
        assert (still, new.encode() in shown.content) == (old, True)
        assert endpoints.secrets_of(row, timezone.now() + timedelta(hours=3)) == [new]

    def test_looking_at_the_secret_is_audited(self, boss: Client) -> None:
        row = endpoint()
        shown = do(boss, page("reveal-secret", row))
        assert endpoints.secrets_of(row, timezone.now())[0].encode() in shown.content
        assert notes() == ["Looked at its secret."]

    def test_a_removed_one_leaves_its_name_in_the_audit_log(self, boss: Client) -> None:
        row = endpoint()
        do(boss, page("remove-endpoint", row))
        assert not Endpoint.objects.exists()
        assert SyncAuditLog.objects.get(note="Removed.").evidence["name"] == "bot"


class TestSending:
    def test_an_operator_sends_a_test(self, signed_in: As) -> None:
        row = endpoint()
        do(signed_in("Operator"), page("test-endpoint", row))
        assert Outgoing.objects.get().destination == f"endpoint {row.pk}"
        assert notes() == ["Sent a test."]

    def test_a_replay_says_how_many_before_it_sends_them(self, signed_in: As) -> None:
        row = endpoint()
        step.tell(timezone.now())
        send([(created(), at(1)), (entry(), at(3))])
        step.tell(timezone.now())
        client, since = signed_in("Operator"), wall(timezone.now() - timedelta(hours=1), "%Y-%m-%dT%H:%M")
        assert b"Say since when" in client.get(page("replay-events", row)).content
        shown = client.post(page("replay-events", row), {"since": since}).content
        assert b"1 event again" in shown
        assert b"signal.confirmed" in shown
        assert Outgoing.objects.count() == 1
        do(client, page("replay-events", row), {"since": since})
        assert Outgoing.objects.count() == 2

    def test_nothing_to_replay_is_said(self, signed_in: As) -> None:
        row = endpoint()
        since = wall(timezone.now(), "%Y-%m-%dT%H:%M")
        assert (
            b"Nothing that bot asks for"
            in signed_in("Operator").post(page("replay-events", row), {"since": since}).content
        )


class TestShowing:
    def test_attempts_are_listed_and_the_failed_alone(self, signed_in: As) -> None:
        row, now = endpoint(), timezone.now()
        for status, body in ((200, "taken-it"), (500, "<b>broken</b>")):
            Attempt.objects.create(endpoint=row, key="evt_1", type="gap.opened", at=now, status=status, body=body)
        client = signed_in("Viewer")
        shown = client.get(page("endpoint", row)).content.decode()
        assert "taken-it" in shown
        assert "&lt;b&gt;broken" in shown
        assert "taken-it" not in client.get(page("endpoint", row) + "?failed=1").content.decode()

    def test_a_viewer_sees_the_host_and_not_the_address(self, signed_in: As) -> None:
        shown = signed_in("Viewer").get(page("endpoint", endpoint())).content
        assert b"bot.example" in shown
        assert b"/hooks/1" not in shown

    def test_a_page_of_attempts_costs_a_fixed_number_of_queries(self, signed_in: As) -> None:
        row, client = endpoint(), signed_in("Viewer")
        Attempt.objects.bulk_create(
            Attempt(endpoint=row, key="evt_1", type="gap.opened", at=timezone.now(), status=200) for _ in range(60)
        )
        with CaptureQueriesContext(connection) as captured:
            client.get(page("endpoint", row), headers={"HX-Request": "true"})
        assert len(captured) <= 10

    def test_superusers_are_no_exception_to_confirming(self) -> None:
        row, client = endpoint(), Client()
        client.force_login(User.objects.create_superuser("root"))
        client.get(page("remove-endpoint", row))
        assert Endpoint.objects.exists()
