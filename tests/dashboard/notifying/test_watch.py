"""Judging rules and writing incidents: one for a cause, however many judge, with its messages or not at all."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from dashboard.models import Incident, MaintenanceWindow, Mute, Outgoing, QuietHours, RuleSetting
from dashboard.notifying import watch as watching
from dashboard.notifying.handling import OverError, acknowledge, snooze
from dashboard.notifying.incidents import CALM, Symptom
from dashboard.notifying.rules import RULES, Rule
from dashboard.notifying.watch import watch
from dashboard.outbox import deliver_due
from dashboard.outbox.keeping import claim, due, failed, sent
from signals.models import Source

from .cases import Listener, destination

NOW = datetime(2025, 12, 12, 15, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
State = Incident.State


class Seen:
    """What rules see, as a test says it: rules named after their symptoms' first word."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.symptoms: list[Symptom] = []
        self.broken: set[str] = set()
        rules = {name: Rule(name, name, self.finder(name), nag_hours=4) for name in ("worker", "silent", "health")}
        monkeypatch.setattr("dashboard.notifying.choices.RULES", rules)

    def finder(self, name: str) -> Any:
        def find(now: datetime, limit: float) -> Iterable[Symptom]:
            if name in self.broken:
                raise RuntimeError("broken")
            return [each for each in self.symptoms if each.rule == name]

        return find

    def sees(self, *symptoms: Symptom, at: datetime = NOW, taken: bool = True) -> None:
        """What is told of it is sent at once, unless it is not `taken`."""
        self.symptoms = list(symptoms)
        watch(at)
        if taken:
            Outgoing.objects.filter(state="waiting").update(state="sent", ended_at=at)


@pytest.fixture
def seen(db: None, monkeypatch: pytest.MonkeyPatch) -> Seen:
    return Seen(monkeypatch)


WORKER = Symptom("worker", "worker", "The worker does no cycles.", "Restart it.", link="/console/runs/")
HEALTH = Symptom("health", "health", "Health is 40 %.", suspects=("worker",))
SILENT = Symptom("silent", "silent:nq", "nq: silent for 20 minutes.", "Look in TradingView.", source="nq")


def told() -> list[str]:
    return [row.payload["told"] for row in Outgoing.objects.order_by("pk")]


class TestIncidents:
    def test_a_cause_becomes_an_incident_and_a_message_to_every_destination(self, seen: Seen) -> None:
        destination("phone")
        destination("desk")
        destination("off", enabled=False)
        seen.sees(WORKER)
        seen.sees(WORKER, at=NOW + 2 * MINUTE)
        row = Incident.objects.get()
        assert (row.key, row.state, row.severity, row.says) == ("worker", State.OPEN, "bad", WORKER.says)
        assert told() == ["first", "first"]

    def test_it_recovers_with_a_message_and_stays_as_history(self, seen: Seen) -> None:
        destination()
        seen.sees(WORKER)
        seen.sees(at=NOW + MINUTE)
        seen.sees(at=NOW + MINUTE + CALM)
        assert told() == ["first", "recovered"]
        assert Incident.objects.get().state == State.RECOVERED
        seen.sees(WORKER, at=NOW + HOUR)
        assert Incident.objects.count() == 2

    def test_symptoms_of_one_cause_are_one_message(self, seen: Seen) -> None:
        destination()
        seen.sees(WORKER, HEALTH)
        body = Outgoing.objects.get().payload["body"]
        assert WORKER.says in body
        assert HEALTH.says in body
        assert "To do: Restart it." in body
        assert "Since 2025-12-12 10:00 New York." in body

    def test_each_message_has_the_link_and_what_else_is_wrong(self, seen: Seen, settings: Any) -> None:
        settings.PUBLIC_URL = "https://signals.example.org"
        destination()
        seen.sees(WORKER, SILENT)
        first, second = (row.payload for row in Outgoing.objects.order_by("pk"))
        assert first["link"] == "https://signals.example.org/console/runs/"
        assert f"What else is wrong:\n- {SILENT.says}" in first["body"]
        assert f"What else is wrong:\n- {WORKER.says}" in second["body"]
        assert "https://signals.example.org/console/notifications/incidents/" in first["body"]

    def test_a_rule_that_cannot_be_judged_leaves_its_incidents_and_is_told_itself(self, seen: Seen) -> None:
        destination()
        seen.sees(WORKER)
        seen.broken = {"worker"}
        seen.sees(at=NOW + HOUR)
        seen.sees(at=NOW + 2 * HOUR)
        assert {row.key: row.state for row in Incident.objects.all()} == {
            "worker": State.OPEN,
            "blind:worker": State.OPEN,
        }

    def test_a_rule_that_is_switched_off_ends_its_incidents_silently(self, seen: Seen) -> None:
        destination()
        seen.sees(WORKER)
        RuleSetting.objects.create(rule="worker", enabled=False, nag_hours=1, escalate_minutes=0)
        seen.sees(WORKER, at=NOW + HOUR)
        assert told() == ["first"]
        assert Incident.objects.get().state == State.RECOVERED

    def test_an_incident_that_cannot_be_written_stops_no_other(
        self, seen: Seen, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = watching.worded

        def worded(told: Any, symptoms: Any, *rest: Any, **more: Any) -> Any:
            if symptoms[0].key == "worker":
                raise ValueError("cannot be worded")
            return real(told, symptoms, *rest, **more)

        monkeypatch.setattr(watching, "worded", worded)
        destination()
        seen.sees(WORKER, SILENT)
        assert [row.key for row in Incident.objects.all()] == [SILENT.key]

    def test_what_recovered_long_ago_is_forgotten(self, seen: Seen, settings: Any) -> None:
        settings.RUN_RETENTION_DAYS = 30
        seen.sees(WORKER)
        seen.sees(at=NOW + MINUTE)
        seen.sees(SILENT, at=NOW + MINUTE + CALM)
        assert watching.forget(NOW + timedelta(days=30)) == 0
        assert watching.forget(NOW + timedelta(days=31)) == 1
        assert Incident.objects.get().key == SILENT.key


class TestWhom:
    def test_a_destination_gets_what_is_severe_enough_for_it(self, seen: Seen) -> None:
        destination(least="bad")
        seen.sees(Symptom("silent", "s", "a", severity="warn"), WORKER)
        assert [row.payload["title"] for row in Outgoing.objects.all()] == [WORKER.says]

    def test_a_rule_may_have_destinations_of_its_own(self, seen: Seen) -> None:
        destination("phone")
        chosen = RuleSetting.objects.create(rule="worker", nag_hours=1, escalate_minutes=0)
        chosen.destinations.add(desk := destination("desk"))
        seen.sees(WORKER)
        assert [row.destination for row in Outgoing.objects.all()] == [desk.key]

    def test_what_nobody_saw_to_goes_to_who_is_for_that_and_so_does_its_end(self, seen: Seen) -> None:
        phone, boss = destination("phone"), destination("boss", escalations_only=True)
        RuleSetting.objects.create(rule="worker", nag_hours=0, escalate_minutes=30)
        for minutes in (0, 30):
            seen.sees(WORKER, at=NOW + minutes * MINUTE)
        seen.sees(at=NOW + HOUR)
        seen.sees(at=NOW + HOUR + CALM)
        sent = [(row.payload["told"], row.destination) for row in Outgoing.objects.order_by("pk")]
        assert sent == [
            ("first", phone.key), ("escalated", boss.key), ("recovered", phone.key), ("recovered", boss.key),
        ]  # fmt: skip


class TestHushed:
    @pytest.fixture(autouse=True)
    def _somebody(self, seen: Seen) -> None:
        destination()
        self.nq = Source.objects.create(name="nq")

    def test_a_muted_source_makes_incidents_and_no_messages(self, seen: Seen) -> None:
        Mute.objects.create(source=self.nq, until=NOW + HOUR, made_by="mia")
        seen.sees(SILENT, WORKER)
        assert Incident.objects.count() == 2
        assert [row.payload["title"] for row in Outgoing.objects.all()] == [WORKER.says]
        assert SILENT.says not in Outgoing.objects.get().payload["body"]
        seen.sees(SILENT, WORKER, at=NOW + HOUR)
        assert told() == ["first", "first"]

    @pytest.mark.parametrize("of_everything", [True, False])
    def test_in_maintenance_nothing_is_told_until_it_is_over(self, seen: Seen, of_everything: bool) -> None:
        MaintenanceWindow.objects.create(
            source=None if of_everything else self.nq, starts_at=NOW, ends_at=NOW + HOUR, reason="new chart"
        )
        seen.sees(SILENT)
        assert told() == []
        seen.sees(SILENT, at=NOW + HOUR)
        assert told() == ["first"]

    def test_in_quiet_hours_only_what_is_bad_is_told(self, seen: Seen) -> None:
        QuietHours.objects.create(pk=1, starts="09:30", ends="11:00")
        seen.sees(Symptom("silent", "s", "a", severity="warn"), WORKER)
        assert [row.payload["severity"] for row in Outgoing.objects.all()] == ["bad"]


class TestOrder:
    """What is told of an incident comes in its order, to each destination."""

    def over(self, seen: Seen, **more: Any) -> None:
        seen.sees(at=NOW + MINUTE, **more)
        seen.sees(at=NOW + MINUTE + CALM, **more)

    def test_an_end_is_told_alone_where_the_beginning_came(self, seen: Seen) -> None:
        destination()
        seen.sees(WORKER)
        self.over(seen)
        assert [row.payload["title"] for row in Outgoing.objects.order_by("pk")] == [
            WORKER.says, f"Recovered: {WORKER.says}",
        ]  # fmt: skip

    def test_where_the_beginning_never_came_one_message_tells_both(self, seen: Seen) -> None:
        destination()
        seen.sees(WORKER, taken=False)
        Outgoing.objects.update(attempts=3, due_at=NOW + 4 * HOUR, last_error="no way")
        self.over(seen, taken=False)
        row = Outgoing.objects.get()
        assert (row.payload["title"], row.due_at) == (f"Was wrong, and recovered: {WORKER.says}", NOW + MINUTE + CALM)
        assert "no message could be delivered then" in row.payload["body"]

    def test_only_the_destination_that_was_not_told_is_told_both(self, seen: Seen) -> None:
        destination("phone")
        destination("desk")
        seen.sees(WORKER, taken=False)
        Outgoing.objects.filter(pk=Outgoing.objects.earliest("pk").pk).update(state="sent")
        self.over(seen, taken=False)
        waiting = Outgoing.objects.filter(state="waiting").order_by("pk")
        assert [row.payload["title"].partition(":")[0] for row in waiting] == [
            "Recovered", "Was wrong, and recovered",
        ]  # fmt: skip

    def test_an_end_waits_for_the_beginning_that_is_being_sent(self, seen: Seen) -> None:
        destination()
        seen.sees(WORKER, taken=False)
        first = claim(Outgoing.objects.get().pk, NOW + MINUTE + CALM, 20)
        assert first is not None
        self.over(seen, taken=False)
        later = NOW + MINUTE + CALM
        assert not due(later).exists()
        failed(first, "not now", later, give_up=False)
        assert [row.payload["told"] for row in due(later + HOUR).order_by("pk")] == ["first"]
        sent(claim(first.pk, later + HOUR, 20), later + HOUR)
        assert [row.payload["told"] for row in due(later + HOUR)] == ["recovered"]

    def test_what_is_worse_takes_the_place_of_what_still_waits(self, seen: Seen) -> None:
        destination()
        seen.sees(replace(WORKER, severity="warn"), taken=False)
        seen.sees(WORKER, at=NOW + MINUTE, taken=False)
        assert told() == ["worse"]


class TestInventedMarkets:
    @pytest.fixture(autouse=True)
    def _market(self, db: None) -> None:
        Source.objects.create(name="nq", simulated=True)
        destination()

    def test_they_make_incidents_and_tell_nobody(self, seen: Seen) -> None:
        seen.sees(SILENT)
        assert (told(), Incident.objects.get().simulated) == ([], True)

    def test_unless_the_rule_says_so(self, seen: Seen) -> None:
        RuleSetting.objects.create(rule="silent", simulated=True, nag_hours=4, escalate_minutes=0)
        seen.sees(SILENT)
        assert told() == ["first"]

    def test_what_is_true_without_them_is_told(self, seen: Seen) -> None:
        Source.objects.create(name="mine")
        seen.sees(SILENT, replace(SILENT, key="silent:mine", source="mine"), HEALTH)
        assert sorted(row.payload["title"] for row in Outgoing.objects.all()) == [HEALTH.says, SILENT.says]
        assert "nq" not in Outgoing.objects.earliest("pk").payload["link"]

    def test_nor_are_they_what_else_is_wrong(self, seen: Seen) -> None:
        seen.sees(SILENT, WORKER)
        assert SILENT.says not in Outgoing.objects.get().payload["body"]


class TestHandling:
    def test_who_acknowledges_ends_the_nagging(self, seen: Seen) -> None:
        destination()
        seen.sees(WORKER)
        acknowledge(Incident.objects.get().pk, by="mia", note="on it", now=NOW)
        seen.sees(WORKER, at=NOW + 9 * HOUR)
        row = Incident.objects.get()
        assert row.state == State.ACKNOWLEDGED
        assert told() == ["first"]
        assert (row.history[-1]["did"], row.history[-1]["by"]) == ("acknowledged: on it", "mia")

    def test_who_snoozes_is_told_when_the_time_is_over(self, seen: Seen) -> None:
        destination()
        seen.sees(WORKER)
        snooze(Incident.objects.get().pk, NOW + 8 * HOUR, by="mia", now=NOW)
        seen.sees(WORKER, at=NOW + 7 * HOUR)
        assert told() == ["first"]
        seen.sees(WORKER, at=NOW + 8 * HOUR)
        assert told() == ["first", "still"]

    def test_what_has_recovered_cannot_be_handled(self, seen: Seen) -> None:
        seen.sees(WORKER)
        seen.sees(at=NOW + MINUTE)
        seen.sees(at=NOW + MINUTE + CALM)
        with pytest.raises(OverError):
            acknowledge(Incident.objects.get().pk, by="mia", note="", now=NOW)


@pytest.mark.django_db(transaction=True)
def test_however_many_judge_at_once_there_is_one_incident_and_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    seen.symptoms = [WORKER, SILENT]
    destination()
    barrier = threading.Barrier(4)

    def judge(moments: Iterable[datetime]) -> None:
        try:
            barrier.wait(5)
            for moment in moments:
                watch(moment)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=judge, args=([NOW, NOW + 5 * HOUR],)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(row.key for row in Incident.objects.all()) == [SILENT.key, "worker"]
    did = [note["did"] for row in Incident.objects.all() for note in row.history]
    assert sorted(did) == ["told: first", "told: first", "told: still", "told: still"]
    assert told() == ["still", "still"], "which took the place of what still waited"


@pytest.mark.django_db
def test_what_was_sent_and_not_noted_is_sent_again_and_never_lost(seen: Seen, listener: Listener) -> None:
    """Whoever sends may die between sending and noting it."""
    destination(url=listener.url())
    seen.sees(WORKER, taken=False)
    with transaction.atomic():
        assert deliver_due(NOW).sent == 1
        transaction.set_rollback(True)
    assert deliver_due(NOW).sent == 1
    assert [body["title"] for body in listener.bodies] == [WORKER.says, WORKER.says]


@pytest.mark.django_db
def test_every_rule_can_be_judged_on_an_empty_database() -> None:
    found = watch(timezone.now())
    assert found.blind == set()
    assert {symptom.rule for symptom in found.symptoms} <= RULES.keys()
