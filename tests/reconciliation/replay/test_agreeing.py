"""Agreement: what was heard against the twin; how far that is believed, and since when."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from reconciliation.replay.agreeing import LEAST, SURE, Heard, confidence_of, measure

START = datetime(2025, 12, 10, 14, 0, tzinfo=UTC)


def heard(*agreed: bool) -> list[Heard]:
    """A triangle every ten minutes."""
    moments = [START + timedelta(minutes=10 * number) for number in range(len(agreed))]
    return [Heard(moment, moment, right) for moment, right in zip(moments, agreed, strict=True)]


def test_the_share_has_an_interval_and_is_never_quite_certain() -> None:
    found = measure(heard(*[True] * 60), START)
    assert (found.heard, found.agreed, found.high) == (60, 60, 1.0)
    assert found.low == pytest.approx(0.94, abs=0.001)
    assert found.confidence < 1


def test_little_heard_is_little_believed() -> None:
    assert [confidence_of(n, n) >= LEAST for n in (0, 3, 5, 6)] == [False, False, False, True]
    assert confidence_of(40, 40) == SURE


def test_confidence_goes_in_steps_so_that_an_alert_seldom_moves_it() -> None:
    assert {confidence_of(n, n) for n in range(40, 400)} == {Decimal("0.95")}


def test_what_disagrees_while_the_twin_warms_up_does_not_count_and_nothing_before_is_believed() -> None:
    rows = heard(False, True, False, True, True)
    found = measure(rows, warm_at=START + timedelta(hours=5))
    assert (found.heard, found.agreed, found.since) == (2, 2, rows[3].bar)


def test_of_a_warm_up_no_more_is_left_out_than_has_to_be() -> None:
    rows = heard(True, *[False] * 20, *[True] * 20, False, *[True] * 15)
    found = measure(rows, warm_at=START + timedelta(days=1))
    assert (found.since, found.confidence, found.agreed) == (rows[21].bar, LEAST, 35)


def test_afterwards_it_counts() -> None:
    found = measure(heard(False, True, False, True, True), warm_at=START)
    assert (found.heard, found.agreed) == (5, 3)


def test_without_anything_heard_nothing_is_believed() -> None:
    found = measure([], START)
    assert (found.since, found.confidence < LEAST) == (None, True)


def test_a_stretch_that_went_on_into_this_one_is_remembered() -> None:
    assert measure(heard(True), START, before=(60, 60)).confidence >= LEAST
