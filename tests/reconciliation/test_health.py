"""Health and status: percentages over the window, unknown when nothing is there, everything counted live."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.health import count_waiting, health
from reconciliation.models import SignalHealthMetric, SyncRun
from signals.models import AutomatedSignal, Source
from tests.builders import TRADE_ID, at, created, entry, exit_stop, send, update

from .cycles import cycle

pytestmark = pytest.mark.django_db
DAY = 24 * 60
OTHER_ID = "20251211_095500000_BULLISH"


def test_no_signal_in_the_window_means_unknown_not_healthy() -> None:
    assert health(GapView.at(at(0))).score is None


def test_health_is_the_percentage_without_an_actionable_gap() -> None:
    send([(created(), at(1)), (created(OTHER_ID, htf_alignment=None), at(16))])
    assert health(GapView.at(at(17))).score == 50.0


def test_signals_of_a_source_that_owes_nothing_do_not_count() -> None:
    send([(created(), at(1)), (entry(), at(3))])
    view = GapView.at(at(60))
    assert health(view).signals == 1
    Source.objects.update(gaps_off=list(CATALOGUE))
    assert health(GapView.at(at(60))).score is None


def test_a_waiting_gap_does_not_count_against_health() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    assert health(GapView.at(at(10))).score == 100.0
    assert health(GapView.at(at(22))).score == 0.0


def test_the_window_holds_the_last_day_and_whatever_is_still_active() -> None:
    send([(created(), at(1)), (entry(), at(5)), (exit_stop(), at(8)), (created(OTHER_ID, htf_alignment=None), at(16))])
    within = lambda minutes: health(GapView.at(at(minutes))).signals  # noqa: E731
    assert within(0) == 0, "not heard of yet"
    assert within(DAY) == 2
    assert within(DAY + 1) == 1, "the finished one is a day old, the pending one is active"
    assert health(GapView.at(at(DAY + 1)), hours=7 * 24).signals == 2


def test_a_view_asks_anew_though_it_composes_once() -> None:
    send([(created(), at(1))])
    view = GapView.at(at(17))
    assert (health(view).score, count_waiting(view)["no_mae"]) == (100.0, 0)
    send([(created(OTHER_ID, htf_alignment=None), at(16)), (entry(OTHER_ID), at(15))])
    assert (health(view).score, count_waiting(view)["no_mae"]) == (50.0, 1)
    assert health(view.moved(at(-5))).score is None


def test_every_run_keeps_a_snapshot() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8)), (created(OTHER_ID, htf_alignment=None), at(16))])
    cycle(17)
    metric = SignalHealthMetric.objects.get()
    assert (metric.health, metric.window_signals, metric.window_without_gap) == (50.0, 2, 1)
    assert (metric.actionable_gaps, metric.waiting_gaps) == (1, 1)
    assert metric.gaps_by_type["no_htf_alignment"] == 1


def test_each_point_of_a_signals_score_is_a_gap() -> None:
    send([(created(session=None, htf_alignment=None), at(1))])
    cycle(2, tiers=[])
    assert AutomatedSignal.objects.get().health_score == 100 - 8 - 5


def status(*args: str) -> dict[str, Any]:
    out = StringIO()
    call_command("syncstatus", "--json", *args, stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_status_of_an_empty_system_knows_nothing() -> None:
    found = status()
    assert (found["health_score"], found["last_run"], found["total_gaps"]) == (None, None, 0)
    assert found["signals_by_status"] == {"PENDING": 0, "CONFIRMED": 0, "COMPLETED": 0, "CANCELLED": 0}


def test_status_counts_live_without_a_cycle() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8)), (b"no JSON", at(9))])
    found = status("--as-of", "2025-12-11T15:00:00Z")
    assert (found["total_gaps"], found["actionable_gaps"], found["waiting_gaps"]) == (1, 0, 1)
    assert found["gaps_by_type"]["no_mfe_update"] == 1
    assert found["signals_by_status"]["CONFIRMED"] == 1
    assert found["events_by_type"]["ENTRY"] == 1
    assert found["deliveries_by_status"] == {"accepted": 3, "duplicate": 0, "quarantined": 1}
    assert found["findings_by_type"]["negative_mfe"] == 0
    assert [source["name"] for source in found["sources"]] == ["default"]


def test_status_names_the_last_finished_run() -> None:
    run = cycle(6).run_id
    assert status()["last_run"]["id"] == run


def test_status_and_runs_are_readable() -> None:
    send([(created(), at(1)), (entry(), at(5))])
    out = StringIO()
    call_command("runsync", "--as-of", "2025-12-11T15:00:00Z", stdout=out)
    call_command("syncstatus", "--as-of", "2025-12-11T15:00:00Z", stdout=out)
    assert "1 signals examined" in out.getvalue()
    assert "Health: 0.0 %; 0 of 1 signals in the window have no actionable gap." in out.getvalue()


def test_runsync_as_json_has_the_agreed_keys() -> None:
    send([(entry(), at(5))])
    out = StringIO()
    call_command("runsync", "--json", "--as-of", "2025-12-11T15:00:00Z", stdout=out)
    found = json.loads(out.getvalue())
    agreed = "run_id signals_examined gaps_before gaps_after fills fills_by_tier cancelled conflicts seconds"
    assert set(agreed.split()) | {"health_before", "health_after"} <= found.keys()
    assert found["fills"] == sum(found["fills_by_tier"].values()) == 3


@pytest.mark.parametrize("command", ["runsync", "syncstatus"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2025-12-11T15:00:00", "end it in Z for UTC"),
        ("yesterday", "is not a time: write it as"),
        ("2025-02-30T15:00:00Z", "is not a time: write it as"),
    ],
)
def test_a_moment_must_say_its_zone(command: str, text: str, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command(command, "--as-of", text)
    assert not SyncRun.objects.exists()


def test_an_offset_is_understood() -> None:
    send([(entry(), at(5))])
    call_command("runsync", "--as-of", "2025-12-11T10:00:00-05:00", stdout=StringIO())
    assert SyncRun.objects.get().as_of == datetime(2025, 12, 11, 15, 0, tzinfo=UTC)


def test_a_dry_run_prints_each_fill() -> None:
    send([(entry(), at(5))])
    out = StringIO()
    call_command("runsync", "--dry-run", "--as-of", "2025-12-11T15:00:00Z", stdout=out)
    line = out.getvalue().splitlines()[0]
    assert line.startswith(f'{TRADE_ID}  confirmation_time: null -> "2025-12-11T14:44:00Z"  tier 3 (id_to_entry),')
    assert "confidence 0.9" in line


def test_a_bad_tier_is_an_error_of_the_command() -> None:
    with pytest.raises(CommandError, match="no tier 9"):
        call_command("runsync", "--tier", "9")
