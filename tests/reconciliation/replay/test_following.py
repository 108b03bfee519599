"""Following the twin: holes are told, a long one and a new week begin a stretch, a stored state goes on as it was."""

import json
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reconciliation.replay.following import LONGEST_HOLE, Follower, Told
from signals.clock import MINUTE
from signals.market import market
from signals.twin import Bar
from tests.signals.twin.market import bars_of, walk
from tests.signals.twin.test_twin import CONFIRMED

BARS = walk(7, 400)


def told(bars: list[Bar], follower: Follower | None = None) -> list[Told]:
    """What became of each signal."""
    follower = follower or Follower(market())
    found = {each.triangle: each for bar in bars for each in follower.take(bar)}
    return list(found.values())


def later(bars: list[Bar], minutes: int) -> list[Bar]:
    return [bar._replace(time=bar.time + minutes * MINUTE) for bar in bars]


def test_signals_have_their_prices_and_the_first_bar_that_these_rest_on() -> None:
    [signal] = told(bars_of(CONFIRMED))
    assert (signal.confirmed, signal.rests_on) == (BARS[3].time, BARS[1].time)
    assert (signal.near_hole, signal.entry_hole, signal.stop_hole) == (False, False, False)


def test_a_missing_bar_is_told_where_the_signal_rests_on_it() -> None:
    bars = bars_of(CONFIRMED)
    [after] = told([*bars[:2], *later(bars[2:], 1)])
    assert (after.near_hole, after.entry_hole, after.stop_hole) == (False, True, True)
    [before] = told([*bars[:1], *later(bars[1:], 1)])
    assert (before.near_hole, before.entry_hole, before.stop_hole) == (True, False, False)


def test_what_a_long_hole_swallows_is_not_guessed() -> None:
    bars = bars_of(CONFIRMED)
    follower = Follower(market())
    [signal] = told([*bars[:3], *later(bars[3:], LONGEST_HOLE + 1)], follower)
    assert (signal.confirmed, signal.cancelled) == (None, None)
    assert follower.stretch is not None
    assert (follower.stretch.start, follower.stretch.continues) == (bars[3].time + (LONGEST_HOLE + 1) * MINUTE, None)


def test_a_new_week_begins_a_stretch_that_goes_on_from_the_one_before() -> None:
    follower, friday = Follower(market()), BARS[0].time + timedelta(days=2)
    monday = friday + timedelta(days=3)
    told([BARS[0]._replace(time=friday)], follower)
    [first, *rest] = walk(3, 200)
    for bar in [first, *rest]:  # the market is closed in between: no hole
        follower.take(bar._replace(time=bar.time - first.time + monday))
    assert follower.stretch is not None
    assert follower.stretch.start == monday


@given(st.integers(1, 399), st.integers(0, 20))
def test_it_goes_on_from_a_stored_state_as_if_it_had_not_been_stored(at: int, missing: int) -> None:
    bars = [*BARS[:at], *BARS[at + missing :]]
    whole, follower = told(bars), Follower(market())
    first = {each.triangle: each for each in told(bars[:at], follower)}
    restored = Follower.restored(market(), json.loads(json.dumps(follower.stored())))
    rest = {each.triangle: each for each in told(bars[at:], restored)}
    assert list((first | rest).values()) == whole


def test_what_the_bars_said_is_named_whatever_their_digits() -> None:
    [one], [other] = (
        told(bars_of(CONFIRMED)),
        told([Bar(bar.time, *(p * 1 for p in bar[1:])) for bar in bars_of(CONFIRMED)]),
    )
    assert (one.digest, one.entry_digest) == (other.digest, other.entry_digest)
    assert all(a.digest != b.digest for a, b in pairwise(told(BARS)))
