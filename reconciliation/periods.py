"""Periods of time: few ranges for a query instead of one a signal."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

Period = tuple[datetime, datetime]

# Periods closer together than this are read in one.
APART = timedelta(hours=6)


def merged(periods: Iterable[Period]) -> Iterator[Period]:
    """The periods in order, those that overlap or nearly touch made one."""
    held: Period | None = None
    for start, end in sorted(periods):
        if held is None:
            held = start, end
        elif start <= held[1] + APART:
            held = held[0], max(held[1], end)
        else:
            yield held
            held = start, end
    if held is not None:
        yield held
