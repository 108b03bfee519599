"""How far a growing table has been read, though its rows are committed out of order. Pure.

A key is given to a row before the row is committed. So one may appear below others that were read already; and one
whose transaction was undone never appears. What is missing below the mark is noted and looked for again, for longer
than any transaction lasts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PATIENCE = 6 * 3600.0
"""Seconds for which a missing key is looked for."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Keys that were not there, both ends included, and when they were missed (seconds since 1970)."""

    first: int
    last: int
    since: float


@dataclass(frozen=True, slots=True)
class Mark:
    upto: int
    missing: tuple[Missing, ...] = ()


def advanced(mark: Mark, found: Iterable[int], now: float) -> Mark:
    """The mark after these keys were read: all that are there of the missing ones, and the next ones above it."""
    keys = sorted(set(found))
    late = [key for key in keys if key <= mark.upto]
    news = [key for key in keys if key > mark.upto]
    left = [hole for hole in mark.missing if now - hole.since < PATIENCE]
    still = [part for hole in left for part in without(hole, late)]
    return Mark(news[-1] if news else mark.upto, (*still, *between(mark.upto, news, now)))


def without(hole: Missing, keys: Iterable[int]) -> Iterator[Missing]:
    """What is left of the hole; the keys ascend."""
    first = hole.first
    for key in keys:
        if first <= key <= hole.last:
            if first < key:
                yield Missing(first, key - 1, hole.since)
            first = key + 1
    if first <= hole.last:
        yield Missing(first, hole.last, hole.since)


def between(upto: int, keys: Iterable[int], now: float) -> Iterator[Missing]:
    """What was skipped on the way from the mark to the last of the keys, which ascend."""
    for key in keys:
        if key > upto + 1:
            yield Missing(upto + 1, key - 1, now)
        upto = key
