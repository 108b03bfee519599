"""The owner's headline case: 86 gaps and health 0 before, next to none after."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils.dateparse import parse_datetime

from reconciliation.cycle import run
from reconciliation.gaps import GapView
from reconciliation.health import count_gaps, health
from tests.builders import at
from tests.conftest import SHARED

from .cycles import bars

pytestmark = pytest.mark.django_db
AS_OF = parse_datetime("2025-12-12T20:00:00Z")


@pytest.fixture
def mission() -> Path:
    folder = SHARED / "scenarios"
    if not folder.exists():
        pytest.skip("no scenarios: there is no shared/scenarios beside the project")
    return folder


def imported(file: Path) -> None:
    call_command("import_alerts", str(file), "--json")


def gaps_now() -> dict[str, int]:
    assert AS_OF
    return {name: count for name, count in count_gaps(GapView.at(AS_OF)).by_type.items() if count}


def test_the_mission_is_accomplished(mission: Path) -> None:
    assert AS_OF
    imported(mission / "mission-before.csv")
    assert gaps_now() == {
        "no_mfe_update": 7, "no_mae": 2, "no_htf_alignment": 36, "no_targets": 5, "no_confirmation_time": 36
    }  # fmt: skip
    assert health(GapView.at(AS_OF)).score == 0
    imported(mission / "mission-signal-created.csv")
    report = run.run_sync(now=AS_OF, trigger="command")
    assert gaps_now() == {"no_mfe_update": 7, "no_mae": 2}
    assert report.health_after == 94.4
    assert run.run_sync(now=AS_OF, trigger="command").fills == 0


def test_without_the_creations_tiers_still_fill_confirmation_and_targets(mission: Path) -> None:
    assert AS_OF
    imported(mission / "mission-before.csv")
    run.run_sync(now=AS_OF, trigger="command")
    assert gaps_now() == {"no_mfe_update": 7, "no_mae": 2, "no_htf_alignment": 36}


def test_with_prices_no_gap_is_left(mission: Path) -> None:
    assert AS_OF
    imported(mission / "mission-before.csv")
    imported(mission / "mission-signal-created.csv")
    start = (AS_OF - at(0)).total_seconds() / 60
    bars({start - minute: 25735.0 for minute in range(1, 400)})
    run.run_sync(now=AS_OF, trigger="command")
    assert gaps_now() == {}
