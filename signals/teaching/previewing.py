"""What a spec would make of what is stored, before it is saved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from signals import dialects
from signals.dialects.base import Dialect
from signals.dialects.spec import SpecError, compiled
from signals.facts import BarFacts, EventFacts, Reading, UnreadableError
from signals.models import Delivery, Source
from signals.signal.identity import Place, grouping
from signals.signal.positions import is_idle, side_of
from signals.signal.registers import BIRTH

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


class Step(NamedTuple):
    """One event of a signal that would come."""

    type: str
    fire_minute: datetime
    facts: Mapping[str, Any]
    symbol: str


@dataclass(frozen=True, slots=True)
class SignalPreview:
    """A signal that would come of what is stored in the shape, and its events in order of time."""

    trade_id: str
    symbol: str
    direction: str
    steps: tuple[Step, ...]


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
    waiting = open_rows(shape, source).prefetch_related("delivery__body")
    found = tried(spec, (row.delivery for row in waiting[:limit]), source)
    return found if found.problem else replace(found, more=max(0, waiting.count() - len(found.rows)))


def tried(spec: Any, deliveries: Iterable[Delivery], source: Source | None = None) -> Preview:
    """Read these by this spec alone, whatever read them before, and store nothing."""
    try:
        dialect = compiled(spec)
    except SpecError as error:
        return Preview(error)
    rows = tuple(row_preview(delivery, dialect) for delivery in deliveries)
    return Preview(None, rows, signals_of(rows, source.symbol if source else ""))


def row_preview(delivery: Delivery, dialect: Dialect) -> RowPreview:
    body = delivery.raw
    try:
        reading = read_by(delivery, dialect)
    except UnreadableError as error:
        return RowPreview(delivery.pk, delivery.fire_minute, body, reason=error.reason)
    return RowPreview(delivery.pk, delivery.fire_minute, body, reading.events, reading.bars)


def read_by(delivery: Delivery, dialect: Dialect) -> Reading:
    return dialects.read(delivery.raw, signed=delivery.signed, formats=partial(tuple, [dialect]))


def signals_of(rows: Iterable[RowPreview], home: str) -> tuple[SignalPreview, ...]:
    """The signals that the events would make by themselves, the latest first. `home`: their source's own symbol."""
    told: dict[str, list[Step]] = {}
    for row in rows:
        for event in row.events:
            told.setdefault(event.trade_id, []).append(Step(event.type, row.fire_minute, event.values, event.symbol))
    found = [
        signal_of(trade_id, place.symbol, own)
        for trade_id, steps in told.items()
        for place, own in apart(trade_id, steps, home)
    ]
    return tuple(sorted(found, key=lambda signal: signal.steps[-1].fire_minute, reverse=True))


def apart(trade_id: str, steps: Sequence[Step], home: str) -> Iterator[tuple[Place, list[Step]]]:
    """The events of each signal of an id."""
    shares: dict[Place, list[Step]] = {}
    for place, step in zip(grouping(trade_id, steps, home), steps, strict=True):
        shares.setdefault(place, []).append(step)
    yield from shares.items()


def signal_of(trade_id: str, symbol: str, steps: Sequence[Step]) -> SignalPreview:
    sides = [side_of(step) for step in steps if step.type in BIRTH] or [side_of(step) for step in steps]
    direction = next(filter(None, sides), "")
    own = [step for step in steps if not is_idle(step, direction)]
    return SignalPreview(trade_id, symbol, direction, tuple(sorted(own, key=lambda step: step.fire_minute)))
