"""A recorded day of dirty bars, half of its alerts and all of one signal in ten lost: a part of `benchmarks replay`."""

from pathlib import Path

import pytest

from benchmarks.replayer import replayed

DAY = Path(__file__).resolve().parents[4] / "shared" / "recorded" / "bars" / "20240102.csv"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not DAY.is_file(), reason="the recorded bars are not here"),
]


def test_what_half_of_the_alerts_no_longer_tell_the_bars_do() -> None:
    done = replayed(DAY, "batch", seed=1)
    assert done.gaps_left <= 0.02 * done.gaps_without_bars
    assert done.certain_and_wrong == []
    assert done.open + len(done.wrong) <= 0.02 * done.values
    assert done.found >= 0.95 * done.unheard
    assert done.invented == 0
    assert done.filled_again == 0
