"""Habits: what stands on nearly every signal of a source is told of the source, and of no signal."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from dashboard.watching.checks import sources as checks
from reconciliation import habits
from reconciliation.habits import Found, is_habit
from reconciliation.models import FindingTotal
from signals.models import AutomatedSignal, Source
from signals.receiving.senders import default_source

NOW = datetime(2025, 12, 12, tzinfo=UTC)
TITLE = "Higher timeframes all bullish and all bearish"


def with_conflict(conflicting: int, signals: int, source: Source | None = None) -> Source:
    """A source with so many signals, the first of which claim all timeframes both ways."""
    source = source or default_source()
    stamps = dict.fromkeys(("first_event_at", "last_event_at", "created_at", "updated_at"), NOW)
    AutomatedSignal.objects.bulk_create(
        AutomatedSignal(source=source, trade_id=f"{n:03}", htf_conflict=n < conflicting or None, **stamps)
        for n in range(signals)
    )
    return source


def status() -> dict[str, Any]:
    out = StringIO()
    call_command("syncstatus", "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


@pytest.mark.parametrize(
    ("found", "signals", "habit"),
    [
        (95, 139, True),
        (12, 20, True),
        (11, 20, False),
        (19, 19, False),
        (60, 100, True),
        (59, 100, False),
        (0, 0, False),
    ],
)
def test_a_habit_stands_on_three_fifths_of_twenty_or_more(found: int, signals: int, habit: bool) -> None:
    assert is_habit(found, signals) is habit
    assert Found(signals, {"htf_conflict": found, "mae_above_zero": 0}).habits == (
        frozenset({"htf_conflict"}) if habit else frozenset()
    )


@pytest.mark.django_db
class TestCounts:
    def test_each_source_has_its_own_habits(self) -> None:
        usual, rare = with_conflict(15, 20), with_conflict(2, 20, Source.objects.create(name="rare"))
        found = habits.count()
        assert (found[usual.pk].habits, found[rare.pk].habits) == ({"htf_conflict"}, frozenset())
        assert habits.by_type(found)["htf_conflict"] == 2

    def test_syncstatus_counts_live_and_names_them(self) -> None:
        source = with_conflict(15, 20)
        told = status()
        assert told["findings_by_type"]["htf_conflict"] == 0
        assert [each["habits"] for each in told["sources"] if each["name"] == source.name] == [["htf_conflict"]]

    def test_it_is_counted_for_pages_once_a_minute(self) -> None:
        source = with_conflict(15, 20)
        assert habits.keep(NOW)
        assert habits.kept(source.pk).habits == {"htf_conflict"}
        assert not habits.keep(NOW + timedelta(seconds=59))
        assert habits.keep(NOW + timedelta(minutes=1))

    def test_what_takes_long_is_counted_seldom(self) -> None:
        with_conflict(15, 20)
        habits.keep(NOW)
        FindingTotal.objects.update(seconds=3)
        assert not habits.keep(NOW + timedelta(seconds=299))
        assert habits.keep(NOW + timedelta(seconds=300))

    def test_a_clock_set_back_does_not_stop_the_counting(self) -> None:
        with_conflict(15, 20)
        assert habits.keep(NOW)
        assert habits.keep(NOW - timedelta(days=1))


@pytest.mark.django_db
class TestTold:
    def page(self, client: Any, name: str, key: int) -> str:
        answer = client.get(reverse(f"console:{name}", args=[key]))
        assert answer.status_code == 200
        return str(answer.content.decode())

    def test_a_signal_tells_a_finding_until_it_is_a_habit_of_its_source(self, admin_client: Any) -> None:
        source = with_conflict(15, 20)
        signal = AutomatedSignal.objects.filter(htf_conflict=True)[0]
        assert f"Finding: {TITLE}" in self.page(admin_client, "signal", signal.pk)
        habits.keep(NOW)
        assert f"Finding: {TITLE}" not in self.page(admin_client, "signal", signal.pk)
        assert "15 of 20" in self.page(admin_client, "source", source.pk)

    def test_the_doctor_tells_it_once_and_calls_it_no_fault(self) -> None:
        source = with_conflict(15, 20)
        habits.keep(NOW)
        result = checks.habits(NOW)
        assert result.ok
        assert [problem.says for problem in result.problems] == [f"{source.name}: {TITLE}, on 15 of 20 signals."]

    def test_without_habits_the_doctor_says_so(self) -> None:
        with_conflict(2, 20)
        habits.keep(NOW)
        assert checks.habits(NOW).problems == ()
