"""Which bars of a file are believed. Vendors' bars are dirty: one in five can be of another contract, or of a spread.

A bar is judged by itself (can there be such a bar, at such a time?) and by its neighbours: prices go on from bar to
bar, and a jump counts only when the bars after it stay there. What is refused leaves a hole, which is better than a
wrong price. Pure.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from signals.market import Market

from .reading import FileBar

AHEAD = 30  # bars that may confirm a jump: strangers, one in five, are not the most of so many
ENOUGH = AHEAD // 2 + 1  # of them must, also at a file's end: of the few that are left there, strangers can be the most
USUAL = 30  # accepted bars from which the usual movement is known
JUMP = Decimal("0.003")  # of the price: less is no jump, whatever is usual
TIMES_USUAL = 6  # of the usual range: what is a jump where prices move much
STRANGE = 3  # usual ranges that a bar without any movement may be away from both its neighbours

IMPOSSIBLE = "high and low that do not hold open and close"
OFF_GRID = "a time between two minutes"
CLOSED = "a time when the market is closed"
OUT_OF_ORDER = "a time that is not after the bar before"
ALONE = "a jump that no neighbour confirms"
FLAT = "no movement, away from its neighbours"


class Judged(NamedTuple):
    """A bar, and why it is refused ("" when it is believed)."""

    bar: FileBar
    reason: str


def fault_of(bar: FileBar, hours: Market) -> str:
    """What is wrong with a bar whatever its neighbours are."""
    if bar.time.second or bar.time.microsecond:
        return OFF_GRID
    if not hours.is_open(bar.time):
        return CLOSED
    return "" if bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high else IMPOSSIBLE


@dataclass(slots=True)
class Judge:
    """Judges the bars of one symbol in order of time, AHEAD bars late."""

    hours: Market
    last: FileBar | None = None  # the last that was believed
    ranges: deque[Decimal] = field(default_factory=lambda: deque(maxlen=USUAL))
    waiting: deque[FileBar] = field(default_factory=deque)
    newest: datetime | None = None

    def add(self, bar: FileBar) -> Iterator[Judged]:
        """Take in the next bar; gives those that are decided now, each bar once in all."""
        fault = fault_of(bar, self.hours)
        if not fault and self.newest is not None and bar.time <= self.newest:
            fault = OUT_OF_ORDER
        if fault:
            yield Judged(bar, fault)
            return
        self.newest = bar.time
        self.waiting.append(bar)
        if len(self.waiting) > AHEAD:
            yield self._decide()

    def finish(self) -> Iterator[Judged]:
        """Those that still wait for bars after them."""
        while self.waiting:
            yield self._decide()

    def _decide(self) -> Judged:
        bar = self.waiting.popleft()
        follows = self.last is not None and self._goes_on(self.last.close, bar)
        if not follows and not self._confirmed(bar):
            return Judged(bar, ALONE)
        if follows and self._stands_apart(bar):
            return Judged(bar, FLAT)
        self.last = bar
        self.ranges.append(bar.high - bar.low)
        return Judged(bar, "")

    def _usual(self) -> Decimal:
        return median(self.ranges) if self.ranges else Decimal(0)

    def _goes_on(self, close: Decimal, bar: FileBar) -> bool:
        """Whether a bar's open and close are where prices can be one bar after this close."""
        far = max(abs(close) * JUMP, TIMES_USUAL * self._usual())
        return abs(bar.open - close) <= far and abs(bar.close - close) <= far

    def _confirmed(self, bar: FileBar) -> bool:
        """Whether enough of the bars after a jump stay where it went.

        The first bar of all has nothing to go on from: then half of those after it must be where it is.
        """
        there, level = 0, bar.close
        for each in self.waiting:
            if self._goes_on(level, each):
                there, level = there + 1, each.close
        return there >= ENOUGH if self.last else 2 * there >= len(self.waiting)

    def _stands_apart(self, bar: FileBar) -> bool:
        """Whether a bar without movement lies beyond both its neighbours: a seldom traded stranger's."""
        if bar.high != bar.low or self.last is None or not self.waiting or len(self.ranges) < USUAL:
            return False
        away, following = STRANGE * self._usual(), self.waiting[0]
        above = bar.close - max(self.last.close, following.open)
        below = min(self.last.close, following.open) - bar.close
        return max(above, below) > away > 0
