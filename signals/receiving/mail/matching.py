"""Which mails are the same alerts as other deliveries of the same words, one to one. Pure.

As many go together as can, for an alert should not count twice; among the ways to do so those of the same minute go
first, then the nearest. It is a function of the two sets of times, whatever came first.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from signals.clock import floor_minute

WITHIN = timedelta(minutes=2)


class Cost(NamedTuple):
    """What a way to pair leaves: how many alone, how many across minutes, seconds apart. The least is best."""

    alone: int
    crossed: int
    seconds: float

    def plus(self, other: "Cost") -> "Cost":
        return Cost(self.alone + other.alone, self.crossed + other.crossed, self.seconds + other.seconds)


NONE, ALONE = Cost(0, 0, 0.0), Cost(1, 0, 0.0)


class Band(NamedTuple):
    """The receipts that a mail may go with, from `start` to before `end`.

    `costs` are the least of pairing it and all mails after it with the receipts from each of these on, `end` included.
    """

    start: int
    end: int
    costs: list[Cost]

    def least(self, receipt: int) -> Cost:
        """From any receipt on up to `end`: those before `start` are too early for this mail, and for all after it."""
        return self.costs[max(receipt, self.start) - self.start]


def paired(mails: Sequence[datetime], receipts: Sequence[datetime]) -> dict[int, int]:
    """The place of the receipt that each mail goes with, by the place of the mail; both in order of time."""
    bands = best(mails, receipts)
    pairs: dict[int, int] = {}
    receipt = 0
    for mail, (band, after) in enumerate(pairwise(bands)):
        receipt = max(receipt, band.start)
        while receipt < band.end and band.least(receipt) != ALONE.plus(after.least(receipt)):
            both = together(mails[mail], receipts[receipt]).plus(after.least(receipt + 1))
            receipt += 1
            if band.least(receipt - 1) == both:
                pairs[mail] = receipt - 1
                break
    return pairs


def best(mails: Sequence[datetime], receipts: Sequence[datetime]) -> list[Band]:
    """A band for each mail, and one behind the last."""
    bands = [Band(len(receipts), len(receipts), [NONE])]
    for mail in reversed(mails):
        after = bands[-1]
        start, end = bisect_left(receipts, mail - WITHIN), bisect_right(receipts, mail + WITHIN)
        costs = [ALONE.plus(after.least(end))]
        for receipt in reversed(range(start, end)):
            both = together(mail, receipts[receipt]).plus(after.least(receipt + 1))
            costs.append(min(both, costs[-1], ALONE.plus(after.least(receipt))))
        bands.append(Band(start, end, costs[::-1]))
    return bands[::-1]


def together(mail: datetime, receipt: datetime) -> Cost:
    """What it costs to call them the same."""
    return Cost(0, floor_minute(mail) != floor_minute(receipt), abs(mail - receipt).total_seconds())
