"""Plausible prices: which bars can be of a trade's symbol."""

from collections.abc import Sequence
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from reconciliation.tiers import plausible

from .build import close, created, entry, signal

TRADE = signal(created(), entry())  # a long from 100
CLOSES = st.lists(st.integers(-50, 400).map(str) | st.decimals("92", "108", places=2).map(str), max_size=30)


def believed(closes: Sequence[str], *, one_by_one: bool) -> list[int]:
    bars = [close(minute, price) for minute, price in enumerate(closes, 4)]
    with patch.object(plausible, "close_together", (lambda *_: False) if one_by_one else plausible.close_together):
        kept = list(plausible.plausible(TRADE, bars))
    return [number for number, bar in enumerate(bars) if any(bar is each for each in kept)]


@given(CLOSES)
def test_prices_that_lie_close_together_need_no_comparing_one_by_one(closes: list[str]) -> None:
    assert believed(closes, one_by_one=False) == believed(closes, one_by_one=True)


def test_a_bar_of_another_symbol_is_refused() -> None:
    assert believed(["100", "101", "9000", "102"], one_by_one=False) == [0, 1, 3]
