"""Rhythm: the bar length that a source's births show where nobody states it. Pure.

A bar's open is a multiple of its length, and a SIGNAL_CREATED fires when its bar closes. What is kept of the births is
enough to judge and only grows by joins (see learning.py):

    grid      the greatest number of minutes that the clocks of all ids, and an hour, are multiples of
    soonest   the shortest time that lay between an id's bar and its birth, in the zone that makes it shortest, up to 16
    first     the earliest signals, by the fire minute of their first SIGNAL_CREATED
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import gcd
from typing import Any, NamedTuple

from .clock import LONGEST_LAG, MINUTE, TradeId, instant
from .formats import iso
from .learning import DAY, Learned
from .vocabulary import EventType

LENGTHS = (3, 5, 10, 15, 30, 45, 60, 120, 180, 240)
SAMPLE = 24
HOUR, HALF_HOUR = 60, 30
# A first SIGNAL_CREATED that came late by chance (10 of 117 recorded ones), and by just so much, looks like one of
# longer bars; so does every third id or fewer. Below one in a hundred it is no chance.
LATE, CHANCE = 0.1, 0.01
SHORTEST_DAY = 5 * HOUR  # no market's whole session is shorter, and no other bar so long


ONE_MINUTE = {"grid": 1, "soonest": 1}  # whatever else comes


class Birth(NamedTuple):
    """A SIGNAL_CREATED or ENTRY: the id of its signal and the minute in which it fired."""

    kind: str
    trade_id: str
    minute: datetime


class Sample(NamedTuple):
    """One of the earliest signals: the hour of its id, and how long after its bar it was told of, by zone."""

    hour: int
    lags: frozenset[int]


def heard(learned: Mapping[str, Any], births: Iterable[Birth], zones: Sequence[str]) -> Learned:
    """What is known after these births, too; equal to `learned` when they show nothing new."""
    known = dict(learned.get("rhythm", {}))
    if known == ONE_MINUTE:
        return dict(learned)
    for birth in births:
        named = TradeId.parse(birth.trade_id)
        if named is None or named.second:
            continue  # no bar's open
        known["grid"] = gcd(known.get("grid", HOUR), named.naive.minute)
        lag = min((each for each in lags(named.naive, birth.minute, zones) if each >= 1), default=DAY)
        if lag <= LONGEST_LAG:
            known["soonest"] = min(lag, known.get("soonest", lag))
        if birth.kind == EventType.SIGNAL_CREATED:
            known["first"] = earliest(known.get("first", {}), birth)
    if known.get("grid") == 1:
        known.pop("first", None)  # no longer bars, whatever else comes
    return {**learned, "rhythm": known} if known else dict(learned)


def earliest(first: Mapping[str, str], birth: Birth) -> dict[str, str]:
    """The earliest signals with this one, each with its first SIGNAL_CREATED."""
    minute = iso(birth.minute)
    joined = {**first, birth.trade_id: min(minute, first.get(birth.trade_id, minute))}
    return dict(sorted(joined.items(), key=lambda item: (item[1], item[0]))[:SAMPLE])


def lags(naive: datetime, fired: datetime, zones: Sequence[str]) -> list[int]:
    """Minutes from the id's bar to the fire minute, by zone."""
    return [(fired - instant(naive, zone, near=fired)) // MINUTE for zone in zones]


def shown(learned: Mapping[str, Any], zones: Sequence[str]) -> int | None:
    """The bar length in minutes that the births show; None while chance could have made them so."""
    known = learned.get("rhythm", {})
    grid, soonest = known.get("grid", 0), known.get("soonest")
    if grid == 1:
        return 1 if soonest else None
    sample = [
        Sample(named.naive.hour, frozenset(lags(named.naive, datetime.fromisoformat(minute), zones)))
        for trade_id, minute in known.get("first", {}).items()
        if (named := TradeId.parse(trade_id))
    ]
    longer = [minutes for minutes in LENGTHS if fits(grid, minutes) and keeps_time(sample, minutes)]
    if longer:
        # One hour's bars by one clock look like two hours' by another, but that half of their hours never comes.
        *shorter, longest = longer
        certain = not shorter or (shorter[-1] / longest) ** (len(sample) - 1) < CHANCE
        return longest if certain else None
    if soonest == 1:
        return 1
    return DAY if grid % HALF_HOUR == 0 and keeps_time(sample, DAY) else None


def fits(grid: int, minutes: int) -> bool:
    """Whether the ids can name bars of this length: a session opens on a half hour, whatever its bars are."""
    return grid % (minutes if HALF_HOUR % minutes == 0 else HALF_HOUR if minutes % HALF_HOUR == 0 else 15) == 0


def keeps_time(sample: Sequence[Sample], minutes: int) -> bool:
    """Whether most signals, and more than by chance, were told of when a bar of this length closed.

    Bars of several hours begin every so many hours.
    """
    if minutes == DAY:
        on_time = sum(any(SHORTEST_DAY <= lag <= DAY for lag in each.lags) for each in sample)
    else:
        on_time = sum(minutes in each.lags for each in sample)
        if minutes % HOUR == 0 and len({each.hour % (minutes // HOUR) for each in sample}) > 1:
            return False
    chance = LATE / 3 if minutes <= HALF_HOUR else LATE
    return 2 * on_time > len(sample) and chance**on_time < CHANCE
