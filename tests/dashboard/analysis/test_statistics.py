"""Intervals against tables and worked examples."""

import numpy as np
import pytest

from dashboard.analysis.statistics import Figure, mean, quantile, share, t_quantile, total

HEARD = np.zeros(20, dtype=bool)
TEN_WON = np.array([2.0] * 10 + [-1.0] * 10)


@pytest.mark.parametrize(("freedom", "point"), [(19, 2.0930), (29, 2.0452), (60, 2.0003), (1000, 1.9623)])
def test_students_t_as_the_tables_have_it(freedom: int, point: float) -> None:
    assert t_quantile(freedom) == pytest.approx(point, abs=5e-5)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(10, 20, 0.2993, 0.7007), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
)
def test_a_share_with_wilsons_interval(hits: int, n: int, low: float, high: float) -> None:
    figure = share(np.arange(n) < hits, np.zeros(n, dtype=bool))
    assert (figure.low, figure.high) == pytest.approx((low, high), abs=5e-5)


def test_a_mean_with_its_interval() -> None:
    # Deviations of 1.5 each: s = 1.5 * sqrt(20 / 19) = 1.53897; 2.0930 * 1.53897 / sqrt(20) = 0.72025.
    found = mean(TEN_WON, HEARD)
    assert (found.n, found.value, found.few) == (20, 0.5, "")
    assert (found.low, found.high) == pytest.approx((0.5 - 0.72025, 0.5 + 0.72025), abs=1e-4)


def test_a_sum_has_the_interval_of_its_mean_times_their_number() -> None:
    found = total(TEN_WON, HEARD)
    assert found.value == 10
    assert (found.low, found.high) == pytest.approx((10 - 14.405, 10 + 14.405), abs=2e-3)


def test_what_is_filled_and_what_the_heard_ones_say_alone() -> None:
    filled = HEARD.copy()
    filled[:5] = True  # five of those that won
    found = mean(TEN_WON, filled)
    assert (found.filled, found.heard_n, found.heard) == (0.25, 15, 0.0)
    won = share(TEN_WON > 0, filled)
    assert (won.value, won.heard) == (0.5, pytest.approx(5 / 15))


def test_too_few_are_said_to_be_too_few() -> None:
    found = mean(TEN_WON[:19], HEARD[:19])
    assert (found.low, found.high, found.few) == (None, None, "fewer than 20 signals")
    some = share(TEN_WON[:4] > 0, HEARD[:4])
    assert some.few
    assert some.low is not None  # wide, and right for any number


@pytest.mark.parametrize(
    ("values", "few"),
    [
        ([10.0] * 4 + [-1.0] * 96, "fewer than 5 of them won"),
        ([1.0] * 96 + [-1.0] * 4, "fewer than 5 of them did not win"),
        ([1.0] * 5 + [-1.0] * 95, ""),
    ],
)
def test_results_of_one_side_say_little_however_many(values: list[float], few: str) -> None:
    found = mean(np.array(values), np.zeros(len(values), dtype=bool))
    assert found.few == few
    assert (found.low is None) == bool(few)


def test_a_median_lies_between_order_statistics() -> None:
    # Of 1 to 25: rank 12.5 plus or minus 1.96 * 2.5 = 7.6 to 17.4, so from the 7th to the 19th.
    found = quantile(np.arange(1.0, 26.0), np.zeros(25, dtype=bool), 0.5)
    assert (found.value, found.low, found.high) == (13, 7, 19)


def test_of_nothing_nothing_is_said() -> None:
    nothing = np.array([])
    assert mean(nothing, nothing.astype(bool)) == Figure(0, None, None, None, None, 0, None, "fewer than 20 signals")
    assert share(nothing.astype(bool), nothing.astype(bool)).value is None
