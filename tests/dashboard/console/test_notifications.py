"""Notifications: what is wrong, who sees to it, whom it is told; each change by permission, shown before, and noted."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.models import Destination, Incident, MaintenanceWindow, Mute, Outgoing, QuietHours, RuleSetting
from dashboard.notifying.choices import chosen
from dashboard.outbox import put
from dashboard.outbox.sealing import unseal
from reconciliation.models import SyncAuditLog
from signals.receiving.senders import default_source
from tests.dashboard.notifying.cases import destination, listening

from .conftest import As
from .test_actions import previewed

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def operator(signed_in: As) -> Client:
    return signed_in("Operator")


@pytest.fixture
def boss(signed_in: As) -> Client:
    return signed_in("Administrator")


def incident(key: str = "worker-stopped", **more: Any) -> Incident:
    now = timezone.now()
    symptom = {
        "rule": "worker-stopped", "key": key, "says": "The worker stopped.", "todo": "Restart it.", "severity": "bad",
        "link": "/console/runs/", "source": "", "cause": "", "suspects": [],
    }  # fmt: skip
    return Incident.objects.create(
        key=key, rule="worker-stopped", severity="bad", says="The worker stopped.", opened_at=now, seen_at=now,
        symptoms=[symptom], **more,
    )  # fmt: skip


def confirm(client: Client, action: str, /, *args: Any, **given: Any) -> Any:
    """Preview with what is typed, then confirm what was previewed."""
    address = reverse(f"console:{action}", args=args)
    shown = client.post(address, given)
    return client.post(address, given | {"confirm": "yes", "previewed": previewed(shown.content)})


def noted() -> str:
    return LogEntry.objects.latest("pk").get_change_message()


def bell(client: Client) -> str:
    shown = client.get(reverse("console:sources")).content.decode()
    return shown.split('aria-label="Open incidents: ')[1].split('"')[0]


class TestBell:
    def test_the_admin_has_it_too_and_strangers_to_the_console_do_not(self, signed_in: As) -> None:
        staff, nobody = signed_in("Viewer"), signed_in("nobody")
        User.objects.update(is_staff=True)
        assert "Open incidents: 0" in staff.get("/admin/").content.decode()
        assert "Open incidents" not in nobody.get("/admin/").content.decode()

    def test_it_counts_what_nobody_sees_to_on_every_page(self, operator: Client) -> None:
        assert bell(operator) == "0"
        incident()
        incident("health-low")
        incident("seen-to", state="acknowledged")
        incident("put off", snoozed_until=timezone.now() + HOUR)
        incident("over", state="recovered", recovered_at=timezone.now())
        assert bell(operator) == "2"

    def test_what_is_of_invented_markets_alone_says_so(self, operator: Client) -> None:
        row = incident()
        Incident.objects.update(symptoms=[{**row.symptoms[0], "simulated": True}])
        assert bell(operator) == "1, simulated"
        assert b'<span class="badge neutral">simulated</span>' in operator.get(reverse("console:notifications")).content
        incident("health-low")
        assert bell(operator) == "2"

    def test_the_page_costs_the_same_however_much_is_wrong(
        self, operator: Client, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(30):
            incident(f"cause {number}")
        with django_assert_max_num_queries(19):
            operator.get(reverse("console:notifications"))


class TestIncidents:
    def test_the_page_says_what_is_wrong_and_its_page_what_to_do(self, operator: Client) -> None:
        row = incident(history=[{"at": "2025-12-12T15:00:00Z", "did": "told: first", "by": ""}])
        put("notification", destination().key, {"title": "It stopped"}, now=timezone.now(), key=f"{row.pk}/0/first")
        assert b"The worker stopped." in operator.get(reverse("console:notifications")).content
        shown = operator.get(reverse("console:incident", args=[row.pk])).content.decode()
        assert "Restart it." in shown
        assert "told: first" in shown
        assert "It stopped" in shown

    def test_who_acknowledges_is_noted(self, operator: Client) -> None:
        row = incident()
        confirm(operator, "acknowledge-incident", row.pk, note="on it")
        row.refresh_from_db()
        assert row.state == "acknowledged"
        assert row.history[-1]["by"] == "operator-person"
        assert noted() == "Acknowledged. on it"
        assert SyncAuditLog.objects.latest("pk").actor == "operator-person"

    def test_who_snoozes_says_for_how_long(self, operator: Client) -> None:
        row = incident()
        confirm(operator, "snooze-incident", row.pk, hours="24")
        row.refresh_from_db()
        assert row.snoozed_until
        assert timedelta(hours=23) < row.snoozed_until - timezone.now() < timedelta(hours=25)

    def test_what_is_over_is_history(self, operator: Client) -> None:
        row = incident(state="recovered", recovered_at=timezone.now())
        assert b"The worker stopped." in operator.get(reverse("console:incident-history")).content
        assert b"recovered meanwhile" in operator.get(reverse("console:acknowledge-incident", args=[row.pk])).content


class TestDestinations:
    def test_an_address_is_sealed_and_shown_nowhere(self, boss: Client) -> None:
        url = "json://user:p4ssword@chat.example.org/t0ken"
        confirm(boss, "add-destination", name="phone", url=url, enabled="on", least="warn")
        row = Destination.objects.get()
        assert (row.service, unseal(row.sealed)) == ("JSON", url)
        assert "t0ken" not in row.sealed
        for name, args in (("destinations", []), ("change-destination", [row.pk]), ("test-destination", [row.pk])):
            shown = boss.get(reverse(f"console:{name}", args=args)).content
            assert b"t0ken" not in shown
            assert b"p4ssword" not in shown
        assert noted() == "Added, by JSON."

    def test_an_address_that_is_none_is_refused_and_not_repeated(self, boss: Client) -> None:
        given = {"name": "phone", "url": "nonsense://t0ken", "least": "warn", "confirm": "yes"}
        shown = boss.post(reverse("console:add-destination"), given).content
        assert b"does not understand this address" in shown
        assert b"t0ken" not in shown
        assert not Destination.objects.exists()

    def test_a_change_without_an_address_keeps_it(self, boss: Client) -> None:
        row = destination()
        confirm(boss, "change-destination", row.pk, least="bad", url="")
        fresh = Destination.objects.get()
        assert (fresh.sealed, fresh.least, fresh.enabled) == (row.sealed, "bad", False)
        assert "least: warn → bad" in noted()

    def test_a_test_says_what_failed(self, boss: Client) -> None:
        with listening() as listener:
            listener.answer = 403
            row = destination(url=listener.url())
            address = reverse("console:test-destination", args=[row.pk])
            shown = boss.post(address, {"confirm": "yes"}, follow=True).content.decode()
        assert "403" in shown
        assert "403" in noted()
        assert [body["title"] for body in listener.bodies] == ["SignalSync: test"]

    def test_one_that_is_removed_is_gone_and_noted(self, boss: Client) -> None:
        confirm(boss, "remove-destination", destination().pk)
        assert not Destination.objects.exists()
        assert noted() == "Removed the destination phone."
        assert LogEntry.objects.latest("pk").is_deletion()


class TestRules:
    def test_a_rule_is_changed_and_the_change_noted(self, boss: Client) -> None:
        destination("phone")
        given = {"enabled": "on", "limit": "95", "least": "bad", "nag_hours": "1", "escalate_minutes": "15"}
        confirm(boss, "change-rule", "health-low", **given, destinations=["phone"])
        rule = chosen()["health-low"]
        assert (rule.limit, rule.least, rule.policy.escalate) == (95, "bad", timedelta(minutes=15))
        assert rule.destinations == {Destination.objects.get().pk}
        assert "limit: 80.0 → 95.0" in noted()
        assert b"95 percent" in boss.get(reverse("console:notification-rules")).content

    def test_a_rule_without_a_limit_asks_for_none(self, boss: Client) -> None:
        assert b'name="limit"' not in boss.get(reverse("console:change-rule", args=["cycle-failing"])).content
        assert boss.get(reverse("console:change-rule", args=["no-such-rule"])).status_code == 404

    def test_what_is_not_changed_is_not_kept(self, boss: Client) -> None:
        given = {"enabled": "on", "least": "warn", "nag_hours": "4", "escalate_minutes": "0"}
        confirm(boss, "change-rule", "cycle-failing", **given)
        assert not RuleSetting.objects.exists()

    def test_the_list_costs_the_same_however_much_was_chosen(
        self, boss: Client, django_assert_max_num_queries: Any
    ) -> None:
        for rule in chosen():
            row = RuleSetting.objects.create(rule=rule, nag_hours=1, escalate_minutes=0)
            row.destinations.add(destination(rule))
        with django_assert_max_num_queries(16):
            boss.get(reverse("console:notification-rules"))

    def test_quiet_hours_take_two_times_or_none(self, boss: Client) -> None:
        shown = boss.post(reverse("console:quiet-hours"), {"starts": "22:00", "confirm": "yes"}).content
        assert b"Give both times, or neither." in shown
        confirm(boss, "quiet-hours", starts="22:00", ends="07:00", bad_passes="on")
        assert str(QuietHours.objects.get()) == "quiet from 22:00 to 07:00"


class TestHushing:
    def test_maintenance_is_planned_and_ended(self, operator: Client) -> None:
        confirm(operator, "plan-maintenance", starts_at="2025-12-12T10:00", ends_at="2099-01-01T00:00", reason="moving")
        row = MaintenanceWindow.objects.get()
        assert row.made_by == "operator-person"
        assert b"moving" in operator.get(reverse("console:notifications")).content
        confirm(operator, "end-maintenance", row.pk)
        row.refresh_from_db()
        assert row.ends_at <= timezone.now()

    def test_maintenance_does_not_end_before_it_starts(self, operator: Client) -> None:
        given = {"starts_at": "2025-12-12T10:00", "ends_at": "2025-12-12T09:00", "reason": "x", "confirm": "yes"}
        assert b"It ends before it starts." in operator.post(reverse("console:plan-maintenance"), given).content

    def test_a_source_is_muted_on_its_page_and_heard_again(self, operator: Client) -> None:
        source = default_source()
        page = reverse("console:source", args=[source.pk])
        assert reverse("console:mute-source", args=[source.pk]) in operator.get(page).content.decode()
        confirm(operator, "mute-source", source.pk, hours="4", reason="new chart")
        assert "Muted by operator-person" in operator.get(page).content.decode()
        assert "new chart" in noted()
        confirm(operator, "unmute-source", source.pk)
        assert not Mute.objects.exists()


class TestOutbox:
    def given_up(self, **more: Any) -> Outgoing:
        now = timezone.now()
        return Outgoing.objects.create(
            kind="notification", destination="destination 7", payload={"title": "It stopped"}, created_at=now,
            due_at=now, ended_at=now, state="dead", last_error="no such room", attempts=10, **more,
        )  # fmt: skip

    def test_what_was_given_up_is_seen_and_tried_again(self, operator: Client) -> None:
        first, second = self.given_up(), self.given_up()
        shown = operator.get(reverse("console:outbox")).content.decode()
        assert "no such room" in shown
        address = f"{reverse('console:try-again')}?pick={first.pk}"
        operator.post(address, {"confirm": "yes"})
        assert {row.pk: row.state for row in Outgoing.objects.all()} == {first.pk: "waiting", second.pk: "dead"}
        assert noted() == "1 message to others tried again."

    def test_it_costs_the_same_however_much_there_is(
        self, operator: Client, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(40):
            self.given_up()
        with django_assert_max_num_queries(16):
            operator.get(reverse("console:outbox"))
