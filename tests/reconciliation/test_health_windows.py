"""Health over a day, a week and everything: unknown where nothing is, and never a table read while somebody waits."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from reconciliation import health_windows as module
from reconciliation.cycle import worker
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.health import health
from reconciliation.health_windows import keep, windows
from reconciliation.models import HealthTotal
from signals.models import Source
from tests.builders import at, created, entry, exit_stop, send

pytestmark = pytest.mark.django_db
DAY = 24 * 60
WITHOUT_GAP, PENDING, OLD = "20251211_095500000_BULLISH", "20251211_100000000_BULLISH", "20251211_094000000_BULLISH"


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW", 1)


def a_finished_signal_and_two_pending() -> None:
    """Only the second one has no actionable gap."""
    send([(created(OLD, htf_alignment=None), at(1)), (entry(OLD), at(5)), (exit_stop(OLD), at(8))])
    send([(created(WITHOUT_GAP), at(16)), (created(PENDING, htf_alignment=None), at(21))])


def scores(minutes: float) -> dict[str, float | None]:
    return {name: each.score for name, each in windows(GapView.at(at(minutes))).each.items()}


def test_there_are_a_day_a_week_and_everything_and_with_no_signal_none_is_known() -> None:
    assert scores(0) == {"24h": None, "7d": None, "all": None}


def test_each_window_holds_its_own_signals_and_whatever_is_still_active() -> None:
    a_finished_signal_and_two_pending()
    assert scores(30) == {"24h": 33.3, "7d": 33.3, "all": 33.3}
    assert scores(2 * DAY) == {"24h": 50.0, "7d": 33.3, "all": 33.3}
    assert scores(8 * DAY) == {"24h": 50.0, "7d": 50.0, "all": 33.3}


def test_a_window_without_signals_is_unknown_beside_one_that_has_some() -> None:
    send([(entry(OLD), at(5)), (exit_stop(OLD), at(8))])
    assert scores(2 * DAY) == {"24h": None, "7d": 0.0, "all": 0.0}
    assert scores(8 * DAY) == {"24h": None, "7d": None, "all": 0.0}


def test_the_first_window_is_the_systems_health(settings: Any) -> None:
    a_finished_signal_and_two_pending()
    for hours in (24, 72, 30 * 24):
        settings.HEALTH_WINDOW_HOURS = hours
        view = GapView.at(at(2 * DAY))
        found = windows(view)
        assert found.system == found.each[f"{hours}h"].health == health(view)


def test_sources_that_owe_nothing_count_in_no_window() -> None:
    a_finished_signal_and_two_pending()
    Source.objects.update(gaps_off=list(CATALOGUE))
    assert scores(30) == {"24h": None, "7d": None, "all": None}


@pytest.mark.usefixtures("few_are_many")
def test_of_many_signals_everything_is_unknown_until_the_worker_has_counted_it() -> None:
    a_finished_signal_and_two_pending()
    assert scores(8 * DAY) == {"24h": 50.0, "7d": 50.0, "all": None}
    keep(at(8 * DAY))
    assert scores(9 * DAY)["all"] == 33.3
    assert windows(GapView.at(at(9 * DAY))).each["all"].counted_at == at(8 * DAY), "its age is told"


@pytest.mark.usefixtures("few_are_many")
def test_the_worker_counts_everything_in_its_turn() -> None:
    a_finished_signal_and_two_pending()
    worker.tick()
    assert HealthTotal.objects.get().signals == 3


@pytest.mark.usefixtures("few_are_many")
def test_it_rests_a_hundred_times_as_long_as_counting_took() -> None:
    a_finished_signal_and_two_pending()
    assert keep(at(30))
    HealthTotal.objects.update(seconds=3)
    assert not keep(at(30) + timedelta(seconds=299))
    assert keep(at(30) + timedelta(seconds=300))


def test_of_few_signals_nothing_is_kept() -> None:
    a_finished_signal_and_two_pending()
    assert not keep(at(30))


@pytest.mark.usefixtures("few_are_many")
def test_syncstatus_counts_everything_itself() -> None:
    a_finished_signal_and_two_pending()
    out = StringIO()
    call_command("syncstatus", "--json", "--as-of", "2025-12-13T15:00:00Z", stdout=out)
    found = json.loads(out.getvalue())["health_windows"]
    assert {name: each["health_score"] for name, each in found.items()} == {"24h": 50.0, "7d": 33.3, "all": 33.3}
    assert found["all"] == {
        "health_score": 33.3, "signals": 3, "without_actionable_gap": 1, "as_of": "2025-12-13T15:00:00Z",
    }  # fmt: skip


def test_syncstatus_tells_people_which_window_is_empty() -> None:
    send([(entry(OLD), at(5)), (exit_stop(OLD), at(8))])
    out = StringIO()
    call_command("syncstatus", "--as-of", "2025-12-13T15:00:00Z", stdout=out)
    assert "  24h: unknown (no signal in the window)\n  7d: 0.0 % (0 of 1)\n  all: 0.0 % (0 of 1)\n" in out.getvalue()
