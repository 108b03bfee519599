"""Which bars are believed: what is impossible by itself, and what neighbours contradict."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from signals.bars import judging
from signals.bars.judging import AHEAD, ENOUGH, Judge, Judged
from signals.bars.reading import FileBar, read_bars
from signals.clock import MINUTE
from signals.market import market

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "recorded" / "bars"
START = datetime(2025, 12, 10, 14, 0, tzinfo=UTC)


def bar(minute: float, close: float, spread: float = 1, **prices: float) -> FileBar:
    told = {"open": close, "high": close + spread, "low": close - spread, "close": close, **prices}
    return FileBar("MNQ1!", START + minute * MINUTE, *(Decimal(str(price)) for price in told.values()), "x:0")


def calm(length: int, level: float = 25_000, start: int = 0) -> list[FileBar]:
    """Bars that move by a point or two."""
    return [bar(start + minute, level + minute % 3) for minute in range(length)]


def judge(bars: Sequence[FileBar]) -> list[Judged]:
    judging = Judge(market())
    return [*(each for one in bars for each in judging.add(one)), *judging.finish()]


def refused(bars: Sequence[FileBar]) -> dict[float, str]:
    return {(each.bar.time - START) / MINUTE: each.reason for each in judge(bars) if each.reason}


def test_calm_bars_are_believed() -> None:
    assert refused(calm(60)) == {}


def test_every_bar_is_decided_once() -> None:
    bars = calm(30)
    assert sorted(each.bar for each in judge(bars)) == bars


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (bar(20, 25_000, high=24_999), judging.IMPOSSIBLE),
        (bar(20, 25_000, low=25_000.5), judging.IMPOSSIBLE),
        (bar(20.5, 25_000), judging.OFF_GRID),
        (bar(19, 25_000), judging.OUT_OF_ORDER),
        (bar(20, 25_230, spread=0), judging.ALONE),
        (bar(20, 207.85, spread=0), judging.ALONE),
        (bar(20, -207.85, spread=0), judging.ALONE),
    ],
)
def test_one_odd_bar_among_calm_ones(odd: FileBar, why: str) -> None:
    minute = (odd.time - START) / MINUTE
    assert refused([*calm(20), odd, *calm(20, start=21)]) == {minute: why}


def test_a_bar_when_the_market_is_closed() -> None:
    saturday = bar(3 * 24 * 60, 25_000)
    assert refused([*calm(20), saturday]) == {3 * 24 * 60: judging.CLOSED}


def test_a_jump_that_stays_is_the_market() -> None:
    assert refused([*calm(20), *calm(40, level=25_400, start=20)]) == {}


def test_a_jump_that_strangers_share_is_none() -> None:
    """One bar in five is of another contract, always at the same distance."""
    bars = [bar(minute, 25_000 + (230 if minute % 5 == 2 else minute % 3)) for minute in range(100)]
    assert list(refused(bars)) == list(range(2, 100, 5))


def test_strangers_at_the_end_do_not_confirm_each_other() -> None:
    assert refused([*calm(20), bar(20, 25_230), bar(21, 25_231)]) == dict.fromkeys([20, 21], judging.ALONE)


@pytest.mark.parametrize(("after", "believed"), [(ENOUGH, True), (ENOUGH - 1, False)])
def test_a_jump_near_the_end_is_believed_only_with_as_many_bars_after_it_as_anywhere(
    after: int, believed: bool
) -> None:
    jumped = calm(1 + after, level=25_400, start=20)
    assert refused([*calm(20), *jumped]) == ({} if believed else dict.fromkeys(range(20, 21 + after), judging.ALONE))


def test_where_strangers_are_the_most_of_the_last_bars_the_good_ones_are_believed_all_the_same() -> None:
    strange = {40, 42, 43, 44, 47, 49, 51, 53}
    bars = [bar(minute, 25_000 + (230 if minute in strange else minute % 3)) for minute in range(54)]
    assert set(refused(bars)) == strange


def test_a_stranger_at_the_start_does_not_set_the_level() -> None:
    assert refused([bar(0, 25_230), *calm(20, start=1)]) == {0: judging.ALONE}


def test_a_wick_is_no_jump() -> None:
    assert refused([*calm(20), bar(20, 25_000, low=24_800), *calm(20, start=21)]) == {}


def test_a_bar_without_movement_away_from_both_neighbours_is_a_stranger() -> None:
    assert refused([*calm(40), bar(40, 25_012, spread=0), *calm(20, start=41)]) == {40: judging.FLAT}


def test_a_bar_without_movement_where_its_neighbours_are_is_believed() -> None:
    assert refused([*calm(40), bar(40, 25_001, spread=0), *calm(20, start=41)]) == {}


@given(st.integers(0, 10_000))
@example(7939)  # strangers are the most of its last bars
def test_whatever_is_strange_in_a_walk_is_refused_and_nothing_else(seed: int) -> None:
    random, level, bars, strange = Random(seed), 25_000.0, [], set()
    for minute in range(120):
        level += random.randint(-12, 12) / 4
        odd = minute > 0 and random.random() < 0.2
        if odd:
            strange.add(minute)
        bars.append(bar(minute, level + random.uniform(208, 257) if odd else level, spread=0 if odd else 2))
    assume(all(len(strange & set(range(start, start + AHEAD))) < ENOUGH for start in range(120)))
    assert set(refused(bars)) == strange


def recorded(name: str) -> list[FileBar]:
    with (RECORDED / name).open() as file:
        return [row for row in read_bars(file) if isinstance(row, FileBar)]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded bars are not here")
@pytest.mark.parametrize(("name", "rows", "strangers"), [("20240102.csv", 720, 52), ("20251202.csv", 115, 24)])
def test_of_the_recorded_files_just_the_strangers_are_refused(name: str, rows: int, strangers: int) -> None:
    """A stranger is 100 points and more from the last price, which nothing else is in these two files."""
    bars, last, far = recorded(name), None, set()
    for each in bars:
        if last is not None and abs(each.close - last) > 100:
            far.add(each.time)
        else:
            last = each.close
    assert (len(bars), len(far)) == (rows, strangers)
    assert {each.bar.time for each in judge(bars) if each.reason} == far
