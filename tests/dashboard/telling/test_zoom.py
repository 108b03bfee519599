"""The part of a life that the chart shows, by its address."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.telling.zoom import LEAST, Move, Span, moves, window
from signals.market import ALWAYS_OPEN, market
from tests.builders import at

WHOLE = (at(0), at(120))
ALWAYS = market(ALWAYS_OPEN)


def shown_by(move: Move) -> Span:
    asked = parse_qs(move.query)
    found = window(asked["from"][0], asked["to"][0], WHOLE)
    assert found is not None
    return found


def named(shown: Span) -> dict[str, Move]:
    return {move.says: move for move in moves(shown, WHOLE, ALWAYS)}


@pytest.mark.parametrize(
    ("given_from", "given_to"),
    [("", ""), ("now", "then"), ("2025-12-11T15:00Z", "2025-12-11T14:00Z"), ("1999-01-01", "1999-01-02")],
)
def test_what_is_no_part_of_the_life_shows_the_whole(given_from: str, given_to: str) -> None:
    assert window(given_from, given_to, WHOLE) is None


def test_a_part_that_reaches_out_of_the_life_is_cut() -> None:
    assert window("2025-12-11T14:30Z", "2025-12-11T15:00Z", WHOLE) == (at(0), at(20))


def test_of_the_whole_only_closer_is_offered() -> None:
    offered = named(WHOLE)
    assert list(offered) == ["Closer"]
    assert shown_by(offered["Closer"]) == (at(30), at(90))


def test_closer_goes_to_where_prices_are() -> None:
    closer = {move.says: move for move in moves(WHOLE, WHOLE, ALWAYS, middle=at(20))}["Closer"]
    assert shown_by(closer) == (at(0), at(60))


def test_a_part_can_be_moved_and_widened_within_the_life() -> None:
    offered = named((at(30), at(60)))
    assert shown_by(offered["Earlier"]) == (at(15), at(45))
    assert shown_by(offered["Later"]) == (at(45), at(75))
    assert shown_by(offered["Wider"]) == (at(15), at(75))
    assert offered["Whole life"].query == ""


@given(st.integers(0, 100), st.integers(1, 120))
def test_every_move_shows_a_part_of_the_life(start: int, length: int) -> None:
    shown = (at(start), min(at(start + length), WHOLE[1]))
    for move in moves(shown, WHOLE, ALWAYS):
        if move.query:
            first, last = shown_by(move)
            assert WHOLE[0] <= first < last <= WHOLE[1]
            assert last - first >= min(shown[1] - shown[0], timedelta(minutes=LEAST))
