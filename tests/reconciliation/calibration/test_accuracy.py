"""The statistics of calibration, against published values."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.calibration.accuracy import FEWEST, Judgement, Rating, Tally, pooled, rating
from reconciliation.intervals import wilson


def tally(right: int, n: int, signals: int | None = None) -> Tally:
    """`right` of `n` fills right, spread over so many signals (one each unless said otherwise)."""
    made = Tally()
    for index in range(n):
        made.add(f"signal {index % (signals or n)}", Judgement(index < right, index < right, Decimal(index >= right)))
    return made


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [  # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_newcombe(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right / n, n) == pytest.approx((low, high), abs=5e-5)


@given(n=st.integers(1, 10_000), part=st.floats(0, 1))
def test_an_interval_holds_its_share_and_mirrors(n: int, part: float) -> None:
    low, high = wilson(part, n)
    assert 0 <= low <= part + 1e-12
    assert part - 1e-12 <= high <= 1
    assert wilson(1 - part, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_without_trials_there_is_no_interval() -> None:
    with pytest.raises(ValueError, match="at least one"):
        wilson(0.5, 0)


@pytest.mark.parametrize(
    ("right", "n", "declared", "expected"),
    [
        (80, 100, 0.8, Rating.CALIBRATED),
        (60, 100, 0.8, Rating.OVERCONFIDENT),
        (99, 100, 0.8, Rating.TIMID),
        (99, 100, 1.0, Rating.OVERCONFIDENT),
        (100, 100, 1.0, Rating.CALIBRATED),
        (0, FEWEST - 1, 0.8, Rating.TOO_FEW),
        (0, FEWEST, 0.8, Rating.OVERCONFIDENT),
    ],
)
def test_the_interval_decides(right: int, n: int, declared: float, expected: Rating) -> None:
    assert rating(tally(right, n), declared) == expected


def test_a_signal_is_one_witness_however_often_it_is_hidden() -> None:
    assert rating(tally(60, 100, signals=FEWEST), 0.8) == Rating.CALIBRATED
    assert rating(tally(600, 1000, signals=FEWEST - 1), 0.8) == Rating.TOO_FEW


def test_tallies_are_pooled() -> None:
    total = pooled([tally(3, 4), tally(1, 6)])
    assert (total.n, total.within, total.exact, len(total.signals)) == (10, 4, 4, 6)
    assert total.mean_error == Decimal("0.6")


def test_what_has_no_distance_has_no_mean_error() -> None:
    made = Tally()
    made.add("one", Judgement(True, True))
    assert made.mean_error is None
