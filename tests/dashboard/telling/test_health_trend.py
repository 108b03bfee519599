"""Trends: thinned out so that dips stay to be seen, with round times on the axis."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.telling.health_trend import PERIODS, POINTS, Point, bucket, marks, thinned, trend
from reconciliation.models import SignalHealthMetric, SyncRun
from signals.clock import NEW_YORK, local

NOON = datetime(2025, 12, 11, 17, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POINT = st.tuples(st.integers(0, 50_000), st.one_of(st.none(), st.floats(0, 100)), st.integers(0, 99))


def points(found: list[tuple[int, float | None, int]]) -> list[Point]:
    return [
        Point(NOON + minute * MINUTE, health, gaps, 0) for minute, health, gaps in sorted(found, key=lambda p: p[0])
    ]


def test_of_each_stretch_the_worst_is_kept() -> None:
    found = points([(0, 90.0, 3), (1, 40.0, 2), (2, 80.0, 9), (10, 99.0, 0)])
    assert thinned(found, 10 * MINUTE) == [Point(NOON + 2 * MINUTE, 40.0, 9, 0), Point(NOON + 10 * MINUTE, 99.0, 0, 0)]


def test_unknown_health_hides_no_known_one() -> None:
    assert [point.health for point in thinned(points([(0, None, 0), (1, 70.0, 0)]), 10 * MINUTE)] == [70.0]
    assert [point.health for point in thinned(points([(0, None, 0)]), 10 * MINUTE)] == [None]


@given(st.lists(POINT, max_size=60), st.sampled_from(list(PERIODS)))
def test_thinning_keeps_the_extremes_and_the_order(found: list[tuple[int, float | None, int]], period: str) -> None:
    before = points(found)
    after = thinned(before, bucket(PERIODS[period][1]))
    assert len(after) <= len(before)
    assert [point.at for point in after] == sorted({point.at for point in after})
    assert max((p.actionable for p in after), default=0) == max((p.actionable for p in before), default=0)
    known = [point.health for point in before if point.health is not None]
    assert min((p.health for p in after if p.health is not None), default=None) == min(known, default=None)


@pytest.mark.parametrize("period", PERIODS)
def test_the_axis_has_few_round_times_within_the_period(period: str) -> None:
    length = PERIODS[period][1]
    for now in (NOON, NOON + timedelta(minutes=37), datetime(2025, 11, 3, 4, 5, tzinfo=UTC)):
        found = marks(period, now)
        assert 4 <= len(found) <= 8
        assert all(now - length <= at <= now for at, _ in found)
        assert {local(at, NEW_YORK).minute % 10 for at, _ in found} == {0}
        assert len({at for at, _ in found}) == len(found)


@pytest.mark.django_db
def test_a_trend_is_bounded_and_leaves_out_cycles_over_some_signals() -> None:
    for n in range(600):
        at = NOON - n * 2 * MINUTE
        named = ["some"] if n == 5 else []
        run = SyncRun.objects.create(trigger="schedule", as_of=at, started_at=at, options={"trade_ids": named})
        SignalHealthMetric.objects.create(run=run, at=at, health=50.0, actionable_gaps=999 if named else 1)
    found = trend("24h", NOON)
    assert 1 < len(found) <= POINTS + 1
    assert {point.actionable for point in found} == {1}
    assert len(trend("1h", NOON)) == 29
