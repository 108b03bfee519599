"""Prices that can be one symbol's, and such that cannot. Pure.

Prices move, so how far apart two of them may be grows with the time between them, as the square root of it. Two lie
*far* apart when they do so by both measures: their ratio, which says little of a coin that doubles in a day, and the
trade's own risk, which is as wide as its market moves. Limits are for what a symbol cannot do, not for what it seldom
does: 10 % and 20 R within a minute, 23 % and 87 R within an hour, 84 % and 390 R within a day.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import inf, sqrt

SHARE, SHARE_GROWTH = 0.08, 0.02  # of the lesser price; the growth is for each square root of a minute
MULTIPLES, MULTIPLES_GROWTH = 10, 10  # of the risk, likewise
UNKNOWN_RISK = 0.01  # of the price, where a trade's risk is not known
SISTER_TICKS = 2  # that two contracts of one price, as a future and its micro, may be apart in a minute
FARTHEST_STOP = 2.0  # share of the lesser price between entry and stop: one is thrice the other


@dataclass(frozen=True, slots=True)
class Seen:
    """A price at a moment."""

    price: float
    at: datetime


def apart(one: Seen, other: Seen, risk: float) -> float:
    """How far two prices of a trade are apart, in multiples of what is possible in the time between them."""
    difference = abs(one.price - other.price)
    if not difference:
        return 0.0
    root = sqrt(abs((one.at - other.at).total_seconds()) / 60)
    multiples = difference / (risk or UNKNOWN_RISK * abs(other.price) or inf)
    return min(
        share_between(one.price, other.price) / (SHARE + SHARE_GROWTH * root),
        multiples / (MULTIPLES + MULTIPLES_GROWTH * root),
    )


def share_between(one: float, other: float) -> float:
    """Their difference as a share of the lesser; beyond all where zero lies between them."""
    lesser = min(abs(one), abs(other))
    return abs(one - other) / lesser if lesser and one * other > 0 else inf


def is_stop_far(entry: Decimal, stop: Decimal) -> bool:
    """Whether they cannot be entry and stop of one symbol. Where prices pass zero nothing can be said."""
    return entry * stop > 0 and share_between(float(entry), float(stop)) > FARTHEST_STOP
