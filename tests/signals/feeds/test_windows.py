"""What is asked: what is wanted, without what was asked before; and how far an answer is complete."""

from datetime import datetime, timedelta

import pytest

from signals.clock import MINUTE
from signals.feeds.base import About
from signals.feeds.windows import MAX_TRIES, Known, Span, again, complete_to, to_ask

from .server import START, hours

ABOUT = About(
    name="x", title="X", key="", symbols="", per_minute=1, per_request=1, final_after=timedelta(minutes=15),
    reach=timedelta(days=30),
)  # fmt: skip
LONG_AFTER = START + timedelta(days=7)


def span(start: float, end: float) -> Span:
    """By minutes after START, a full hour."""
    return Span(START + start * MINUTE, START + end * MINUTE)


def asked(start: float, end: float, upto: float | None = None, again_at: datetime | None = None) -> Known:
    return Known(1, *span(start, end), START + (end if upto is None else upto) * MINUTE, again_at)


def spans(holes: list[Span], known: list[Known], now: datetime = LONG_AFTER) -> list[Span]:
    return [asking.span for asking in to_ask(holes, known, ABOUT, now)]


def test_whole_hours_are_asked_around_a_hole() -> None:
    assert spans([span(70, 72)], []) == [span(60, 120)]


def test_holes_of_one_hour_are_asked_once_and_the_latest_first() -> None:
    assert spans([span(1, 2), span(30, 31), span(400, 401)], []) == [span(360, 420), span(0, 60)]


def test_what_was_asked_is_not_asked_again() -> None:
    assert spans([span(0, 180)], [asked(60, 120)]) == [span(120, 180), span(0, 60)]
    assert spans([span(70, 80)], [asked(60, 120)]) == []


def test_a_long_time_is_asked_in_days() -> None:
    assert len(spans([span(0, 3 * 24 * 60)], [])) == 3


def test_a_bar_that_is_not_final_is_never_asked_for() -> None:
    now = START + 100 * MINUTE
    assert spans([span(0, 100)], [], now) == [span(0, 85)]
    assert spans([span(90, 100)], [], now) == [span(60, 85)]


def test_at_the_edge_of_now_a_few_minutes_more_are_not_worth_a_request() -> None:
    known = [asked(0, 85)]
    assert spans([span(0, 103)], known, START + 103 * MINUTE) == []
    assert spans([span(0, 105)], known, START + 105 * MINUTE) == [span(85, 90)]


def test_what_is_beyond_the_feeds_reach_is_not_asked() -> None:
    assert spans([span(0, 60)], [], START + timedelta(days=40)) == []


def test_the_rest_of_an_answer_is_asked_when_its_pause_is_over_and_it_is_still_wanted() -> None:
    rest = asked(0, 60, upto=40, again_at=LONG_AFTER)
    assert spans([span(50, 51)], [rest]) == [span(40, 60)]
    assert spans([span(50, 51)], [rest], LONG_AFTER - MINUTE) == []
    assert spans([span(400, 401)], [rest]) == [span(360, 420)]
    assert spans([span(50, 51)], [asked(0, 60, upto=40)]) == []


@pytest.mark.parametrize(
    ("age", "told", "last", "complete"),
    [
        (48, 60, None, 60),  # asked, and there is nothing
        (48, 60, 30, 60),
        (48, 20, 19, 20),  # broke off after a page
        (2, 60, 30, 31),  # the feed may still fill in what follows
        (2, 60, None, 0),
    ],
)
def test_how_far_an_answer_is_complete(age: float, told: float, last: float | None, complete: float) -> None:
    at = None if last is None else START + last * MINUTE
    found = complete_to(span(0, 60), START + told * MINUTE, at, ABOUT, START + hours(1) + hours(age))
    assert found == START + complete * MINUTE


def test_pauses_double_up_to_a_day_and_then_it_is_given_up() -> None:
    pauses = [again(tries, START) for tries in range(1, MAX_TRIES + 1)]
    assert pauses[0] == START + 15 * MINUTE
    assert pauses[1] == START + 30 * MINUTE
    assert pauses[-2] == START + timedelta(days=1)
    assert pauses[-1] is None
