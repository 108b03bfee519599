"""Where the stop goes: behind a pivot since the triangle, else left of it, else behind the triangle's bar."""

from decimal import Decimal

import pytest

from signals.twin.stops import stop_of

from .market import Prices, bars_of


def stop(held: list[Prices], before: list[Prices] | None = None) -> Decimal:
    bars = bars_of([*(before or []), *held])
    split = len(before or [])
    return stop_of(bars[:split], bars[split:]).price


def low(price: float, *, falls: bool = False) -> Prices:
    """A bar of this low; its high is far away. It closes above its open, or below where it `falls`."""
    return (price + 2, price + 20, price, price + 1 if falls else price + 3)


def test_the_lowest_low_that_is_a_pivot() -> None:
    assert stop([low(50), low(45), low(48), low(52)]) == Decimal("44.75")


def test_the_triangle_own_bar_where_it_is_the_pivot() -> None:
    assert stop([low(40), low(45), low(48)], [low(44)]) == Decimal("39.75")


def test_of_equal_lows_the_later_one_stands_and_is_a_pivot_where_higher_ones_are_outside() -> None:
    assert stop([low(50), low(45), low(45), low(52)]) == Decimal("44.75")


@pytest.mark.parametrize("outside", [45, 44])
def test_three_equal_lows_or_a_lower_one_outside_are_no_pivot(outside: float) -> None:
    """The pivot left of the triangle's bar stands then."""
    before = [low(47), low(41), low(60), low(60)]
    held = [low(outside), low(45), low(45), low(52)] if outside == 45 else [low(46), low(45), low(44), low(43)]
    assert stop(held, before) == Decimal("40.75")


def test_a_confirming_bar_with_the_lowest_low_sends_the_search_to_the_left() -> None:
    assert stop([low(50), low(48), low(40)], [low(60), low(47), low(55)]) == Decimal("46.75")


def test_left_of_the_triangle_the_nearest_pivot_of_five_bars_counts() -> None:
    before = [low(30), low(20), low(33), low(31), low(34), low(35), low(36), low(37)]
    assert stop([low(38), low(30)], before) == Decimal("30.75")


def test_without_a_pivot_the_nearest_bar_that_closed_against_the_trade_counts() -> None:
    before = [low(30, falls=True), low(31), low(32, falls=True), low(33), low(34)]
    assert stop([low(38), low(30)], before) == Decimal("31.75")


def test_without_either_the_triangle_own_low_counts() -> None:
    assert stop([low(38), low(30)], [low(31), low(32), low(33), low(34), low(35)]) == Decimal("37.75")


def test_bars_further_left_than_five_do_not_count() -> None:
    before = [low(30), low(20, falls=True), low(31), low(32), low(33), low(34), low(35)]
    assert stop([low(38), low(30)], before) == Decimal("37.75")


def test_the_triangle_own_bar_at_the_very_start_is_no_pivot_for_want_of_a_neighbour() -> None:
    assert stop([low(38), low(40), low(41)]) == Decimal("37.75")
