"""Sessions: the parts of a trading day, by a wall clock. Each source has a table of them; New York's is the usual one.

A row is `{"name", "from", "to"}`, with `"days"` where it is meant for some days only: from its first minute up to, not
including, `to` ("24:00" is the day's end; past midnight it takes two rows). The first row that fits counts, and every
minute of the week must fit one. Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from .clock import NEW_YORK, local
from .vocabulary import Session

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY = 24 * 60
MAX_NAME = 12
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


class Span(NamedTuple):
    """A row of the table: minutes of the day, and the weekdays that it is meant for (0 is Monday)."""

    name: str
    start: int
    end: int
    days: frozenset[int]

    def holds(self, day: int, minute: int) -> bool:
        return day in self.days and self.start <= minute < self.end


def new_york_sessions() -> list[dict[str, Any]]:
    """The sessions of the recorded indicator, by New York's clock."""
    starts = [
        ("00:00", Session.LONDON), ("06:00", Session.NY_PRE), ("08:30", Session.NY_AM), ("12:00", Session.NY_LUNCH),
        ("13:00", Session.NY_PM), ("16:00", Session.AFTER_HOURS), ("20:00", Session.ASIA),
    ]  # fmt: skip
    ends = [*(start for start, _ in starts[1:]), "24:00"]
    return [{"name": name.value, "from": start, "to": end} for (start, name), end in zip(starts, ends, strict=True)]


def minute_of(clock: Any) -> int:
    """Minutes since midnight. Raises ValueError for what is no time of day."""
    match = _CLOCK.fullmatch(clock) if isinstance(clock, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else DAY + 1
    if minutes > DAY:
        raise ValueError(f"{clock!r} is no time of day: give one as 09:30, the day's end as 24:00")
    return minutes


def span_of(row: Any) -> Span:
    """A row as it is stored. Raises ValueError, saying why, for one that is none."""
    if not isinstance(row, Mapping) or not row.keys() <= {"name", "from", "to", "days"}:
        raise ValueError('give rows as {"name": "RTH", "from": "09:30", "to": "16:00"}, with "days" where it is meant')
    name, days = row.get("name"), row.get("days", list(DAYS))
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME or not name.isprintable():
        raise ValueError(f"a session needs a name of at most {MAX_NAME} characters")
    if not isinstance(days, list) or not days or not all(day in DAYS for day in days):
        raise ValueError(f"the days of {name} are none: give some of {', '.join(DAYS)}")
    start, end = minute_of(row.get("from")), minute_of(row.get("to"))
    if start >= end:
        raise ValueError(f"{name} ends before it begins: past midnight it takes two rows")
    return Span(name.strip().upper(), start, end, frozenset(map(DAYS.index, days)))


_NEW_YORK = new_york_sessions()
USUAL = tuple(span_of(row) for row in _NEW_YORK)


def problem_of(rows: Any) -> str:
    """What is wrong with a table, "" when nothing is."""
    if not isinstance(rows, list):
        return "Give a list of sessions."
    try:
        spans = [span_of(row) for row in rows]
    except ValueError as error:
        return f"{str(error)[0].upper()}{str(error)[1:]}."
    edges = sorted({0, *(edge for span in spans for edge in (span.start, span.end) if edge < DAY)})
    for day in range(len(DAYS)):
        for minute in edges:
            if not any(span.holds(day, minute) for span in spans):
                when = f"{DAYS[day]} {minute // 60:02}:{minute % 60:02}"
                return f"No session holds {when}: give one to the rest of the week."
    return ""


class Sessions:
    """A source's sessions: a table that is whole, and the zone of its clock."""

    def __init__(self, spans: Iterable[Span], zone: str) -> None:
        self.spans, self.zone = tuple(spans), zone

    def of(self, bar_open: datetime) -> str:
        """The session that a bar belongs to, by the wall clock of its open."""
        there = local(bar_open, self.zone)
        day, minute = there.weekday(), there.hour * 60 + there.minute
        return next(span.name for span in self.spans if span.holds(day, minute))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(span.name for span in self.spans)


def sessions_of(rows: Sequence[Mapping[str, Any]], zone: str) -> Sessions:
    """The sessions of a source. Raises ValueError for a table that `clean` would have refused."""
    return made(USUAL if rows == _NEW_YORK else tuple(span_of(row) for row in rows), zone)


def session_of(bar_open: datetime, zone: str = NEW_YORK) -> Session:
    """The session of the usual table that a bar belongs to."""
    return Session(made(USUAL, zone).of(bar_open))


@lru_cache(maxsize=64)
def made(spans: tuple[Span, ...], zone: str) -> Sessions:
    return Sessions(spans, zone)
