"""Damage and repair on the smaller recorded logs: what 30 % of lost deliveries leave is filled right, and is healed."""

from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks.repairer import Repaired, read, repair
from reconciliation.calibration.accuracy import Judgement, Rating, Tally, rating

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture(params=["strategy", "strategy-malformed", "telemetry-chicago", "telemetry-newyork"])
def repaired(request: pytest.FixtureRequest, recorded_logs: list[Path]) -> Repaired:
    found = [path for path in recorded_logs if path.stem == request.param]
    if not found:
        pytest.skip(f"{request.param}.csv is not among the recorded logs")
    return repair(read(found[0]), seed=2)


def test_what_survives_is_enough_for_what_it_determines_and_the_whole_log_heals_the_rest(repaired: Repaired) -> None:
    assert repaired.determined == []
    assert repaired.certain_and_wrong == []
    assert repaired.filled_again == 0
    assert repaired.differences == []
    claims: dict[float, Tally] = defaultdict(Tally)
    for *_, confidence, trade_id, exact, within in repaired.fills:
        claims[confidence].add(trade_id, Judgement(exact, within))
    assert all(rating(tally, claimed) != Rating.OVERCONFIDENT for claimed, tally in claims.items())
