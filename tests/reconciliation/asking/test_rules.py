"""What is worth asking, and when: the pure rules of tier 1."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.asking.rules import (
    FIRST_PAUSE,
    FIRST_RETRY,
    KNOWN_FOR,
    LAST_RETRY,
    MAX_TIMES,
    Need,
    again_at,
    retry_after,
    to_ask,
    worth_asking,
)
from reconciliation.gaps import CATALOGUE
from reconciliation.models import AskedGap

from .build import HOUR, HTF, MFE, NOW, hours

LEFT_OPEN = Need(1, HTF, NOW)


def worth(need: Need = LEFT_OPEN, age: timedelta = HOUR, off: tuple[str, ...] = ()) -> bool:
    return worth_asking(need, first_event_at=NOW - age, as_of=NOW, tiers_off=off)


def asked(ended: float | None = None, times: int = 1, again: float | None = None, settled: bool = False) -> AskedGap:
    return AskedGap(
        times=times,
        settled=settled,
        ended_at=None if ended is None else hours(ended),
        again_at=None if again is None else hours(again),
    )


@pytest.mark.parametrize("gap", CATALOGUE)
def test_every_gap_that_the_tiers_left_open_is_worth_asking(gap: str) -> None:
    assert worth(Need(1, gap, NOW))


@pytest.mark.parametrize(("confidence", "worth_it"), [("0.7", True), ("0.799", True), ("0.8", False), ("1", False)])
def test_a_filled_gap_is_worth_asking_when_little_trusted(confidence: str, worth_it: bool) -> None:
    assert worth(Need(1, MFE, NOW, Decimal(confidence))) is worth_it


def test_what_the_chart_no_longer_knows_is_not_asked() -> None:
    assert worth(age=KNOWN_FOR)
    assert not worth(age=KNOWN_FOR + timedelta(minutes=1))


def test_a_source_with_the_tier_switched_off_is_not_asked() -> None:
    assert worth(off=("0", "2", "3"))
    assert not worth(off=("1",))


def test_a_gap_never_asked_about_is_asked_at_once() -> None:
    assert to_ask([LEFT_OPEN], {}, now=NOW) == {HTF: 1}


def test_nothing_is_asked_while_any_gap_of_the_signal_is_being_asked() -> None:
    assert to_ask([LEFT_OPEN], {MFE: asked()}, now=NOW, by_hand=True) == {}


def test_a_gap_that_stayed_open_waits_for_its_back_off() -> None:
    past = {HTF: asked(ended=1, again=7)}
    assert to_ask([LEFT_OPEN], past, now=hours(6.9)) == {}
    assert to_ask([LEFT_OPEN], past, now=hours(7)) == {HTF: 2}


def test_by_hand_it_does_not_wait() -> None:
    assert to_ask([LEFT_OPEN], {HTF: asked(ended=1, again=7)}, now=hours(2), by_hand=True) == {HTF: 2}


def test_a_gap_given_up_on_is_not_asked_again_even_by_hand() -> None:
    assert to_ask([LEFT_OPEN], {HTF: asked(ended=1, times=MAX_TIMES)}, now=hours(999), by_hand=True) == {}


def test_a_gap_that_closed_and_opened_again_is_asked_afresh() -> None:
    past = {MFE: asked(ended=1, times=3, again=25)}
    assert to_ask([Need(1, MFE, hours(2))], past, now=hours(2)) == {MFE: 1}


def test_a_fill_made_anew_is_no_new_gap() -> None:
    past = {MFE: asked(ended=1, again=7)}
    assert to_ask([Need(1, MFE, hours(2), Decimal("0.5"))], past, now=hours(2)) == {}


def test_where_the_gap_had_been_gone_a_doubtful_fill_is_asked_about_afresh() -> None:
    past = {MFE: asked(ended=1, settled=True)}
    assert to_ask([Need(1, MFE, hours(2), Decimal("0.5"))], past, now=hours(2)) == {MFE: 1}


def test_another_gap_of_the_signal_does_not_wait_for_the_first_ones_back_off() -> None:
    past = {HTF: asked(ended=1, again=7)}
    assert to_ask([LEFT_OPEN, Need(1, MFE, NOW)], past, now=hours(2)) == {MFE: 1}


def test_the_back_off_doubles_and_ends() -> None:
    pauses = [again_at(times, NOW) for times in range(1, MAX_TIMES + 1)]
    assert pauses == [NOW + FIRST_PAUSE, NOW + 2 * FIRST_PAUSE, NOW + 4 * FIRST_PAUSE, None]


@given(st.uuids(), st.integers(1, 40))
def test_delivery_is_retried_ever_later_by_at_most_a_quarter_more_than_doubling(request: UUID, attempts: int) -> None:
    pause = retry_after(request, attempts)
    doubled = min(FIRST_RETRY * 2 ** (attempts - 1), LAST_RETRY)
    assert doubled <= pause < doubled * 1.25
    assert pause == retry_after(request, attempts)


def test_requests_that_failed_together_are_not_retried_together() -> None:
    assert len({retry_after(UUID(int=number), 3) for number in range(50)}) > 40
