"""Which times are to be asked about: what is wanted, without what was asked before. Pure.

Times are [start, end) of bars' opens. Whole hours are asked for around what is wanted, so that a bar has neighbours to
be judged by and few requests serve many holes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import starmap
from typing import NamedTuple

from signals.clock import MINUTE, floor_minute
from signals.storage.queries import merged

from .base import About

HOUR = timedelta(hours=1)
LONGEST = timedelta(days=1)
# At the edge of now: less is not worth a request, the next turn asks for more at once.
LEAST = 5 * MINUTE
FIRST_PAUSE = timedelta(minutes=15)  # until what was not there yet, or could not be asked, is asked again; then doubled
LAST_PAUSE = timedelta(days=1)
MAX_TRIES = 12  # about a week


class Span(NamedTuple):
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """A window that was asked: complete up to `upto`, the rest to be asked again at `again_at`."""

    key: int
    start: datetime
    end: datetime
    upto: datetime
    again_at: datetime | None


class Asking(NamedTuple):
    """Times to ask about; `known` is the window that they are the rest of, None for a new one."""

    span: Span
    known: Known | None


def available(about: About, now: datetime) -> Span:
    """The times of which the feed can have final bars."""
    earliest = floor_minute(now - about.reach) + MINUTE if about.reach else datetime.min.replace(tzinfo=now.tzinfo)
    return Span(earliest, floor_minute(now - about.final_after))


def to_ask(holes: Iterable[Span], known: Sequence[Known], about: About, now: datetime) -> list[Asking]:
    """What to ask for these holes now, latest first: never again what an answer is complete for."""
    can = available(about, now)
    wanted = list(starmap(Span, merged(clipped(map(rounded, holes), can), timedelta())))
    new = [
        Asking(piece, None)
        for free in without(wanted, [Span(window.start, window.end) for window in known])
        if free.end - free.start >= LEAST or free.end != can.end
        for piece in pieces(free)
    ]
    rest = [
        Asking(Span(window.upto, min(window.end, can.end)), window)
        for window in known
        if window.upto < window.end
        and window.again_at is not None
        and window.again_at <= now
        and any(window.upto < span.end and span.start < window.end for span in wanted)
    ]
    asked = [asking for asking in (*new, *rest) if asking.span.start < asking.span.end]
    return sorted(asked, key=lambda asking: asking.span, reverse=True)


def rounded(span: Span) -> Span:
    start = span.start.replace(minute=0, second=0, microsecond=0)
    end = span.end.replace(minute=0, second=0, microsecond=0)
    return Span(start, end if end == span.end else end + HOUR)


def clipped(spans: Iterable[Span], limits: Span) -> Iterator[Span]:
    for span in spans:
        cut = Span(max(span.start, limits.start), min(span.end, limits.end))
        if cut.start < cut.end:
            yield cut


def without(spans: Iterable[Span], gone: Iterable[Span]) -> Iterator[Span]:
    """What is left of the spans, which do not overlap."""
    ordered = sorted(gone)
    for span in spans:
        start = span.start
        for taken in ordered:
            if taken.end <= start or taken.start >= span.end:
                continue
            if start < taken.start:
                yield Span(start, taken.start)
            start = max(start, taken.end)
        if start < span.end:
            yield Span(start, span.end)


def pieces(span: Span) -> Iterator[Span]:
    """Parts of at most LONGEST: each is judged and stored in one transaction."""
    start = span.start
    while start < span.end:
        end = min(start + LONGEST, span.end)
        yield Span(start, end)
        start = end


def complete_to(span: Span, told: datetime, last: datetime | None, about: About, now: datetime) -> datetime:
    """How far an answer is complete: `told` is how far its pages went, `last` its last bar.

    Of times that the feed may still fill in, only what lies before its last bar is known to be all there is.
    """
    if span.end <= now - about.settled_after:
        return min(told, span.end)
    return min(told, last + MINUTE if last else span.start, span.end)


def again(tries: int, now: datetime) -> datetime | None:
    """When to ask for the rest once more; None: no more."""
    return now + min(FIRST_PAUSE * (1 << tries - 1), LAST_PAUSE) if tries < MAX_TRIES else None
