"""What a spec would make of what is stored, before it is saved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from signals import dialects
from signals.dialects.base import Dialect
from signals.dialects.spec import SpecError, compiled
from signals.facts import BarFacts, EventFacts, Reading, UnreadableError
from signals.models import Delivery, Source
from signals.symbols import goes_below_zero

from .shapes import open_rows

MOST = 200


@dataclass(frozen=True, slots=True)
class RowPreview:
    """What would be read out of one delivery, or why nothing could be."""

    delivery: UUID
    fire_minute: datetime
    body: bytes
    events: tuple[EventFacts, ...] = ()
    bars: tuple[BarFacts, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SignalPreview:
    """One trade id with all that would be told of it, in order of time: event type, fire minute, facts."""

    trade_id: str
    steps: tuple[tuple[str, datetime, Mapping[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """`problem` says why the spec itself cannot be used; `more` how much of the shape was not looked at."""

    problem: SpecError | None = None
    rows: tuple[RowPreview, ...] = ()
    signals: tuple[SignalPreview, ...] = ()
    more: int = 0

    @property
    def read(self) -> int:
        return sum(not row.reason for row in self.rows)

    @property
    def unread(self) -> int:
        return len(self.rows) - self.read


def preview(spec: Any, shape: str, *, source: Source | None = None, limit: int = MOST) -> Preview:
    """Read what is stored of a shape by this spec alone, and store nothing."""
    try:
        dialect = compiled(spec)
    except SpecError as error:
        return Preview(error)
    waiting = open_rows(shape, source)
    rows = tuple(row_preview(row.delivery, dialect) for row in waiting[:limit])
    return Preview(None, rows, signals_of(rows), max(0, waiting.count() - len(rows)))


def tried(spec: Any, deliveries: Iterable[Delivery]) -> Preview:
    """Read these by this spec alone, whatever read them before, and store nothing."""
    try:
        dialect = compiled(spec)
    except SpecError as error:
        return Preview(error)
    rows = tuple(row_preview(delivery, dialect) for delivery in deliveries)
    return Preview(None, rows, signals_of(rows))


def row_preview(delivery: Delivery, dialect: Dialect) -> RowPreview:
    body = bytes(delivery.raw)
    try:
        reading = read_by(delivery, dialect)
    except UnreadableError as error:
        return RowPreview(delivery.pk, delivery.fire_minute, body, reason=error.reason)
    return RowPreview(delivery.pk, delivery.fire_minute, body, reading.events, reading.bars)


def read_by(delivery: Delivery, dialect: Dialect) -> Reading:
    signed = goes_below_zero(delivery.symbol or delivery.source.symbol)
    return dialects.read(bytes(delivery.raw), signed=signed, formats=partial(tuple, [dialect]))


def signals_of(rows: Iterable[RowPreview]) -> tuple[SignalPreview, ...]:
    """The events by the trade ids that they name, the latest signal first."""
    told: dict[str, list[tuple[str, datetime, Mapping[str, Any]]]] = {}
    for row in rows:
        for event in row.events:
            told.setdefault(event.trade_id, []).append((event.type, row.fire_minute, event.values))
    found = [SignalPreview(name, tuple(sorted(steps, key=lambda step: step[1]))) for name, steps in told.items()]
    return tuple(sorted(found, key=lambda signal: signal.steps[-1][1], reverse=True))
