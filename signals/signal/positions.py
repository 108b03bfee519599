"""Positions: which trade each event is of, where an id names a market and not a trade, and holds one trade at a time.

An ordinary strategy names no trade. Its orders open a position, turn it round, or close it; so one id stands for all of
its trades in a symbol, and their order in time tells them apart. An order to buy closes what was sold before, if
anything was: such an end (`if_open`) is idle where the trade is of the other side. Pure, of the set of events.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby

from signals.vocabulary import EXITS

from .registers import BIRTH, Heard

MINUTE_BESIDE = timedelta(minutes=1)


def of_positions(events: Iterable[Heard]) -> bool:
    """Whether these are of an id that holds one position at a time."""
    return any(event.facts.get("one_position") for event in events)


def is_idle(event: Heard, direction: str | None) -> bool:
    """Whether the event ends a position of the other side than the signal's: it says nothing about the signal."""
    return bool(event.facts.get("if_open")) and event.facts.get("direction") != direction


def side_of(event: Heard) -> str:
    """Bullish or Bearish, "" where it does not say."""
    return str(event.facts.get("direction") or "")


def repeats(birth: Heard, earlier: Iterable[Heard]) -> bool:
    """Whether the birth is one of these again: the alert log can have an alert in the minute before its receipt."""
    return any(
        (birth.type, birth.facts) == (other.type, other.facts)
        and abs(birth.fire_minute - other.fire_minute) <= MINUTE_BESIDE
        for other in earlier
    )


@dataclass(slots=True)
class Trade:
    """The latest trade: its number, its side, whether it ended, and its births. `begun` is false before any event."""

    number: int
    side: str = ""
    begun: bool = False
    ended: bool = False
    births: list[Heard] = field(default_factory=list)

    def is_other(self, side: str) -> bool:
        return bool(side and self.side and side != self.side)

    def begin(self, side: str, *, anew: bool) -> None:
        """What begins the trade or, `anew`, the next one."""
        if self.begun and anew:
            self.number, self.side, self.ended, self.births = self.number + 1, "", False, []
        self.side, self.begun = self.side or side, True


def trades_of(events: Sequence[Heard], first: int = 1) -> list[int]:
    """The number of the trade that each event is of. `first` is the number of the first.

    Within a minute what ends the trade before comes first, then what begins another, then what ends that one.
    """
    order = sorted(range(len(events)), key=lambda index: events[index].fire_minute)
    found, trade = [first] * len(events), Trade(first)
    for _, group in groupby(order, key=lambda index: events[index].fire_minute):
        left = list(group)
        if trade.begun:
            ends = [i for i in left if events[i].type in EXITS and not trade.is_other(side_of(events[i]))]
            trade.ended = trade.ended or bool(ends)
            left = [index for index in left if index not in ends]
            for index in ends:
                found[index] = trade.number
        told = trade.births
        for index in sorted(left, key=lambda index: turn_of(events[index], told)):
            follow(trade, events[index])
            found[index] = trade.number
    return found


def turn_of(event: Heard, told: Sequence[Heard]) -> tuple[bool, bool, str]:
    """When an event's turn is within its minute, so that the order in which it came cannot matter."""
    is_birth = event.type in BIRTH
    first = repeats(event, told) if is_birth else bool(event.facts.get("if_open"))
    return not is_birth, not first, side_of(event)


def follow(trade: Trade, event: Heard) -> None:
    """Take the next event in, which may begin another trade."""
    side = side_of(event)
    if event.type in BIRTH:
        if not repeats(event, trade.births):
            trade.begin(side, anew=trade.ended or trade.is_other(side))
            trade.births.append(event)
    elif event.type in EXITS and not (event.facts.get("if_open") and side != trade.side):
        trade.begin(side, anew=trade.is_other(side))
        trade.ended = True
    else:
        trade.begun = True
