"""Which prices can be one symbol's: what markets do is possible, what another symbol costs is not."""

from datetime import timedelta
from decimal import Decimal

import pytest

from signals.prices import Seen, apart, is_stop_far
from tests.builders import SIGNAL_BAR


def far(price: float, other: float, minutes: float, risk: float = 0) -> bool:
    return apart(Seen(price, SIGNAL_BAR + timedelta(minutes=minutes)), Seen(other, SIGNAL_BAR), risk) > 1


@pytest.mark.parametrize(
    ("price", "other", "minutes", "risk"),
    [
        (6901, 25000, 21, 10),  # MES for MNQ
        (25000, 6900, 1, 5),
        (6901, 25000, 21, 0),  # no stop is known
        (3500, 100000, 1440, 200),  # ether for bitcoin, a day later
        (1.27, 1.08, 5, 0.0010),  # sterling for the euro
        (430, 230, 60, 1.2),  # a share for another
        (149, 1.08, 1440, 0.0010),
    ],
)
def test_another_symbols_price_is_far(price: float, other: float, minutes: float, risk: float) -> None:
    assert far(price, other, minutes, risk)


@pytest.mark.parametrize(
    ("price", "other", "minutes", "risk"),
    [
        (25400, 25000, 390, 10),  # 40 R in a day
        (23000, 25000, 60, 10),  # a crash
        (0.5, 1.0, 20, 0.01),  # a coin halved in twenty minutes, fifty times the risk
        (0.00002, 0.00001, 1440, 0.0000002),  # doubled in a day
        (120, 600, 1050, 12),  # bad news over night
        (300, 100, 60 * 24 * 90, 5),  # tripled in a season of daily bars
        (-37, 18, 1440, 1.5),  # crude oil in April 2020
        (0, 0.25, 30, 0.5),  # a spread through zero
        (25000, 25000, 0, 0),
    ],
)
def test_what_a_market_can_do_is_not_far(price: float, other: float, minutes: float, risk: float) -> None:
    assert not far(price, other, minutes, risk)


def test_a_stop_is_far_where_it_is_a_third_of_the_entry_or_thrice() -> None:
    assert is_stop_far(Decimal(25000), Decimal(6895))
    assert not is_stop_far(Decimal(100), Decimal(40))  # as of an option
    assert not is_stop_far(Decimal(1), Decimal(-1))
