"""Tier 2, higher timeframes, one at a time: what the nearest signals tell of it, and of m1 the signal's direction.

How long a trend lasts is for the source to show: a timeframe is filled only where its own signals, as far apart as
this one and the nearest that tells it, were alike in nine of ten. So the method proves itself wherever it is used, on
each timeframe and at each distance, and a source that never reports alignments gets none.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from reconciliation.tiers.base import clock_proven, misses, propose
from reconciliation.tiers.proposals import Case, Proposal, Told
from signals.models import AutomatedSignal
from signals.signal.deriving import named_bar
from signals.tiers import CALCULATION
from signals.vocabulary import TIMEFRAMES

GAP = "no_htf_alignment"
OWN = "m1"  # the trend of the signal's own bar: the indicator's signals are its changes
# A signal is near enough to tell a trend within so many bars of the timeframe, and within two days whatever it is.
BARS, FARTHEST = 12, timedelta(days=2)
NEAR = {frame: min(BARS * minutes, FARTHEST // timedelta(minutes=1)) for frame, minutes in TIMEFRAMES.items()}
WINDOW = 30  # signals on either side among which the nearest, and the witnesses, are looked for
WITNESSES, RIGHT = 10, Fraction(9, 10)


class Found(NamedTuple):
    """The trend of a timeframe, the signals that tell it, and the witnesses: how many, and which speak against it."""

    trend: str
    told_by: tuple[str, ...]
    witnesses: int
    against: frozenset[str]


def from_neighbours(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
    """The timeframes that are determined, if any but m1 is; those that are not are left out."""
    signal = case.signal
    moment = moment_of(signal)
    if GAP not in gaps or not case.told or not misses(signal, "htf_alignment"):
        return
    if moment is None or not clock_proven(signal) or case.doubts("signal_time", "htf_alignment"):
        return
    direction = None if case.doubts("direction") else signal.direction
    found = determined(moment, direction, case.told)
    if found.keys() - {OWN}:
        value = {frame: found[frame].trend for frame in TIMEFRAMES if frame in found}
        evidence = {frame: list(found[frame].told_by) or "direction" for frame in value}
        yield propose(CALCULATION, "htf_alignment", value, "neighbours_agree", evidence, gap=GAP)


def moment_of(signal: AutomatedSignal) -> datetime | None:
    """Open of the bar whose trends are asked for."""
    return signal.signal_time or named_bar(signal)


def determined(moment: datetime, direction: str | None, told: Sequence[Told]) -> dict[str, Found]:
    """The trends that are sure enough together: each is taken in while, with all before it, nine of ten were right."""
    found: dict[str, Found] = {}
    against: frozenset[str] = frozenset()
    for frame in TIMEFRAMES:
        each = own_trend(direction, told) if frame == OWN else trend(frame, moment, told)
        if each is None or each.witnesses < WITNESSES:
            continue
        if len(together := against | each.against) <= (1 - RIGHT) * each.witnesses:
            found[frame], against = each, together
    return found


def trend(frame: str, moment: datetime, told: Sequence[Told]) -> Found | None:
    """What the two nearest tell alike, and how often two such were right of signals whose own trend was told."""
    telling = [one for one in told if frame in one.trends]
    trends, times = [one.trends[frame] for one in telling], [minute_of(one.at) for one in telling]
    at, near = minute_of(moment), NEAR[frame]
    here = bisect_right(times, at)
    around = pair_at(times, at, here, here, near, around=True) is not None
    pair = pair_at(times, at, here, here, near, around=around)
    if pair is None or trends[pair[0]] != trends[pair[1]]:
        return None
    apart = min(abs(times[one] - at) for one in pair)
    witnesses, against = 0, set()
    for number, time in enumerate(times):
        end = min(bisect_right(times, time - apart), number)
        start = max(bisect_left(times, time + apart), number + 1)
        others = pair_at(times, time, end, start, near, around=around)
        if others is not None and trends[others[0]] == trends[others[1]]:
            witnesses += 1
            if trends[others[0]] != trends[number]:
                against.add(telling[number].trade_id)
    return Found(trends[pair[0]], tuple(telling[one].trade_id for one in pair), witnesses, frozenset(against))


def minute_of(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def pair_at(times: Sequence[int], at: int, end: int, start: int, near: int, *, around: bool) -> tuple[int, int] | None:
    """The last before the index `end` and the first from `start` on (`around`), else the two nearest of one side.

    None where there are not two that are near enough. Times are minutes.
    """
    pairs = ((end - 1, start),) if around else ((start, start + 1), (end - 1, end - 2))
    last = len(times) - 1
    for one, other in pairs:
        there = 0 <= one <= last and 0 <= other <= last
        if there and abs(times[one] - at) <= near and abs(times[other] - at) <= near:
            return one, other
    return None


def own_trend(direction: str | None, told: Sequence[Told]) -> Found | None:
    """The signal's direction, as m1 of the source's signals is theirs.

    Not what neighbours tell, which is the trend of their bars; nor do those bear witness that were told late.
    """
    if direction is None:
        return None
    witnesses = [one for one in told if one.direction and OWN in one.trends]
    against = frozenset(one.trade_id for one in witnesses if one.trends[OWN] != one.direction)
    return Found(direction, (), len(witnesses), against)
