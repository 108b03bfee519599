"""What queries are given: few timespans instead of one a signal, and lists in batches that a database takes."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

Timespan = tuple[datetime, datetime]
T = TypeVar("T")

# Timespans closer together than this are read in one.
APART = timedelta(hours=6)


def merged(timespans: Iterable[Timespan], apart: timedelta = APART) -> Iterator[Timespan]:
    """The timespans in order, those that overlap, or are no further apart, made one."""
    held: Timespan | None = None
    for start, end in sorted(timespans):
        if held is None:
            held = start, end
        elif start <= held[1] + apart:
            held = held[0], max(held[1], end)
        else:
            yield held
            held = start, end
    if held is not None:
        yield held


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
