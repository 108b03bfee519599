"""Mails and other deliveries of the same words go together one to one, as many as can, the nearest first."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.clock import floor_minute
from signals.receiving.mail.matching import WITHIN, paired

NOON = datetime(2025, 12, 11, 12, tzinfo=UTC)


def pairs(mails: list[float], receipts: list[float]) -> dict[int, int]:
    """By minutes after noon."""
    return paired(*([NOON + timedelta(minutes=minute) for minute in times] for times in (mails, receipts)))


@pytest.mark.parametrize(
    ("mails", "receipts", "found"),
    [
        ([0.1], [0.05], {0: 0}),
        ([2.0], [0.0], {0: 0}),
        ([2.1], [0.0], {}),
        ([0.0], [2.0], {0: 0}),
        ([], [1.0], {}),
        ([1.0], [], {}),
    ],
)
def test_two_minutes_are_the_most(mails: list[float], receipts: list[float], found: dict[int, int]) -> None:
    assert pairs(mails, receipts) == found


def test_of_two_alerts_with_one_webhook_the_one_of_its_minute_goes_with_it() -> None:
    assert pairs([0.1, 1.1], [1.05]) == {1: 0}
    assert pairs([0.99, 1.12], [1.01]) == {1: 0}, "though the other is nearer"


def test_mails_that_are_all_a_minute_late_leave_none_alone() -> None:
    late = [minute + 1.05 for minute in range(30)]
    assert pairs(late, [float(minute) for minute in range(30)]) == {each: each for each in range(30)}


def test_the_alert_whose_webhook_was_lost_is_the_one_that_stays_alone() -> None:
    minutes = [float(minute) for minute in range(10)]
    found = pairs([minute + 0.1 for minute in minutes], [minute for minute in minutes if minute != 5])
    assert 5 not in found
    assert len(found) == 9


Times = list[datetime]
MOMENTS = st.lists(st.integers(0, 600).map(lambda seconds: NOON + timedelta(seconds=seconds)), max_size=6).map(sorted)


def ways(mails: Times, receipts: Times) -> list[dict[int, int]]:
    """Every way to pair them one to one in order of time."""
    if not mails or not receipts:
        return [{}]
    (first, *rest), found = mails, ways(mails[1:], receipts)
    found = [{mail + 1: place for mail, place in way.items()} for way in found]
    for place, receipt in enumerate(receipts):
        if abs(first - receipt) <= WITHIN:
            for way in ways(rest, receipts[place + 1 :]):
                found.append({0: place} | {mail + 1: other + place + 1 for mail, other in way.items()})
    return found


@given(MOMENTS, MOMENTS)
def test_of_all_ways_it_is_one_of_the_best(mails: Times, receipts: Times) -> None:
    def cost(way: dict[int, int]) -> tuple[int, int, float]:
        together = [(mails[mail], receipts[place]) for mail, place in way.items()]
        crossed = sum(floor_minute(mail) != floor_minute(receipt) for mail, receipt in together)
        return -len(way), crossed, sum(abs(mail - receipt).total_seconds() for mail, receipt in together)

    assert cost(paired(mails, receipts)) == min(map(cost, ways(mails, receipts)))


def test_a_day_of_equal_messages_takes_no_time() -> None:
    times = [NOON + timedelta(minutes=minute) for minute in range(1440)]
    assert len(paired(times, times)) == 1440
