"""Lateness: how old a bar must be, on a market and in bars of a length, for what is owed of it to be late. Pure."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Self

from signals.calendars import EPOCH
from signals.clock import MINUTE, floor_minute
from signals.market import Market
from signals.timeframe import Timeframe

WAITING_MINUTES = 2
ACTIONABLE_MINUTES = 15
# A measurement of longer bars is actionable so long after the next one was due, as one of one-minute bars is.
GRACE_MINUTES = ACTIONABLE_MINUTES - WAITING_MINUTES
# A trade that ends at E has its last bar at E - 1 minute, which the indicator leaves out of its excursions.
LAST_COVERED = 2 * MINUTE
HOUR = timedelta(hours=1)
CLOSED_DAYS = timedelta(days=4)


class Old(NamedTuple):
    """What is too old: a bar that opened then, an ENTRY that fired then; and what lies between last bar and end."""

    bar: datetime
    fired: datetime
    last_covered: timedelta = LAST_COVERED


class Due(NamedTuple):
    """For one market at one moment: a bar that opened then or earlier is 2, or 15, minutes of open market old."""

    waiting: datetime
    actionable: datetime

    @classmethod
    def at(cls, now: datetime, hours: Market) -> Self:
        return cls(*(open_minutes_ago(hours, now, n) for n in (WAITING_MINUTES, ACTIONABLE_MINUTES)))


def open_minutes_ago(hours: Market, now: datetime, minutes: int) -> datetime:
    """The latest minute t for which `open_minutes(t, now)` is at least `minutes` (1 or more)."""
    t = floor_minute(now)
    for _ in range(minutes):
        t = hours.last_open(t - MINUTE)
    return t


def levels(now: datetime, frame: Timeframe) -> tuple[Old, Old]:
    """What waits and what is actionable at a moment, in these bars.

    A measurement is due when the next bar has closed, and actionable 13 minutes of open market later. Where bars are
    not known, it waits: nobody can tell whether it is late.
    """
    waiting, actionable = Due.at(now, frame.market)
    if not frame.known:
        never = timedelta(days=36500)
        return Old(waiting, waiting + MINUTE, never), Old(EPOCH, EPOCH, never)
    if frame.by_minute:
        return Old(waiting, waiting + MINUTE), Old(actionable, actionable + MINUTE)
    old = []
    for moment in (floor_minute(now), open_minutes_ago(frame.market, now, GRACE_MINUTES)):
        closed = frame.bar_of(moment)
        covered = 2 * frame.length + (CLOSED_DAYS if frame.length > HOUR / 2 else timedelta())
        old.append(Old(frame.before(closed), frame.close_of(closed) - MINUTE, covered))
    return old[0], old[1]


@lru_cache(maxsize=1024)  # trades that run were mostly told of the same bar
def actionable_from(bar: datetime, frame: Timeframe) -> datetime | None:
    """When a measurement as of this bar turns actionable; None where bars are not known."""
    if not frame.known:
        return None
    if frame.by_minute:
        return frame.market.add_open_minutes(bar, ACTIONABLE_MINUTES)
    following = frame.after(frame.around(bar))
    return frame.market.add_open_minutes(frame.close_of(following), GRACE_MINUTES)
