"""What is fuzzed without a database: each target takes bytes, and raises for what it must never do.

Beside "no exception but the declared rejection", what is accepted goes as far as it goes without a database: it must
fit its columns, join a signal and derive it as a rebuild does, and be text that both databases can store.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from io import BufferedReader, BytesIO
from typing import Any

from django.db import models
from django.db.backends.utils import format_number

from signals import dialects
from signals.bars.judging import Judge
from signals.bars.reading import FileBar, NotBarsError, read_bars
from signals.dialects.spec import SpecError, compiled
from signals.facts import FACTS, Reading, UnreadableError
from signals.market import market
from signals.models import PriceBar, SignalEvent, Source
from signals.parcels import (
    Incoming,
    Parcel,
    bar_rows,
    births_of,
    delivery_row,
    describe,
    event_rows,
    quarantine_row,
    told_by,
)
from signals.receiving.alertlog import read_log
from signals.receiving.logfile import NotAnAlertLogError, opened
from signals.signal.deriving import Venue, settle
from signals.signal.identity import grouping
from signals.signal.joining import blank, count_in, in_turn, join
from signals.vocabulary import EventType

from . import seeds

NOW = datetime(2025, 12, 11, 15, 0, 30, tzinfo=UTC)


class WrongError(AssertionError):
    """What was accepted cannot be stored, shown or derived."""


@dataclass(frozen=True)
class Target:
    """`once` takes an input and says whether it was accepted; `share` is its part of all inputs."""

    name: str
    once: Callable[[bytes], bool]
    seeds: Callable[[], list[bytes]]
    share: float


def refuse(problem: str) -> None:
    raise WrongError(problem)


# -- dialects and formats


@cache
def a_source() -> Source:
    return Source(pk=1, name="fuzzed", symbol="MNQ1!", bar_minutes=1, calendar="CME_Equity")


@cache
def its_venue() -> Venue:
    return Venue.of(a_source())


def read_body(body: bytes, formats: Callable[[], Sequence[Any]] = lambda: ()) -> bool:
    """A body as the webhook takes it in, but for the database."""
    source = a_source()
    incoming = Incoming(body=body, received_at=NOW)
    parcel = Parcel(incoming, delivery_row(source, incoming))
    try:
        parcel.reading = dialects.read(body, signed=bool(body[:1] == b" "), formats=formats)
    except UnreadableError as error:
        parcel.delivery.reason, parcel.proposal = error.reason, error.proposal
    describe(parcel)
    fits(parcel.delivery)
    if parcel.reading is None:
        fits(quarantine_row(parcel))
        return False
    check_reading(parcel.reading)
    for event in (events := event_rows(source, parcel)):
        fits(event)
    for bar in bar_rows(source, parcel):
        fits(PriceBar(**{name: value for name, value in bar._asdict().items() if name != "teller"}))
    storable(told_by(parcel).symbols, "a symbol")
    list(births_of(parcel))
    check_signals(source, events)
    return True


def check_reading(reading: Reading) -> None:
    positions = [event.position for event in reading.events]
    if len(set(positions)) < len(positions):
        refuse(f"positions {positions}")
    for event in reading.events:
        if event.type not in EventType.values or not event.trade_id or event.values.keys() - FACTS.keys():
            refuse(f"the event {event}")


def check_signals(source: Source, events: Sequence[SignalEvent]) -> None:
    """Join and derive them by id, as a rebuild does."""
    by_id: dict[str, list[SignalEvent]] = {}
    for event in events:
        by_id.setdefault(event.trade_id, []).append(event)
    for trade_id, own in by_id.items():
        grouping(trade_id, own, source.symbol)
        signal = blank(1, trade_id)
        for event in own:
            count_in(signal, event)
        for event in in_turn(own):
            join(signal, event)
        signal.clock_zone = source.clock_zone
        settle(signal, its_venue())
        signal.created_at = signal.updated_at = NOW
        fits(signal)


def read_format(body: bytes) -> bool:
    """A format and a message, as people teach them. What is no such pair is a message for those that come along."""
    try:
        given = json.loads(body)
        spec, message = given["spec"], given["message"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return read_body(body, all_builtin)
    try:
        dialect = compiled(spec)
    except SpecError as error:
        storable(str(error), "a reason")
        return False
    storable(spec, "a format")
    text = message if isinstance(message, str) else json.dumps(message)
    return read_body(text.encode("utf-8", "surrogatepass"), lambda: (dialect,))


@cache
def all_builtin() -> Sequence[Any]:
    return [compiled(each.spec) for each in seeds.BUILTIN.values()]


# -- files


def read_a_log(content: bytes) -> bool:
    """A file that should be an alert log; each row of one must be an incoming body, whatever is in it."""
    accepted = False
    try:
        for incoming in read_log(opened(BufferedReader(BytesIO(content))), now=NOW, keep=bytes):
            row = delivery_row(a_source(), incoming)
            row.reason = incoming.problem
            fits(row)
            accepted = accepted or not incoming.problem
    except NotAnAlertLogError as error:
        storable(str(error).encode("utf-8", "replace").decode(), "a reason")
    return accepted


def read_price_bars(content: bytes) -> bool:
    """A file that should be price bars: each row is a bar, believed or not, or has a reason."""
    judge, accepted = Judge(market("")), False
    try:
        for found in read_bars(opened(BufferedReader(BytesIO(content)))):
            if isinstance(found, FileBar):
                accepted = True
                fits(PriceBar(kind=PriceBar.Kind.BAR, **found._asdict()))
                list(judge.add(found))
            else:
                storable(str(found), "a reason")
        list(judge.finish())
    except (NotBarsError, NotAnAlertLogError) as error:
        storable(str(error), "a reason")
    return accepted


# -- what fits


@cache
def columns(model: type[models.Model]) -> list[tuple[str, Any]]:
    return [(field.attname, field) for field in model._meta.concrete_fields if not field.primary_key]


def fits(row: models.Model) -> None:
    """Whether both databases take the row's values."""
    for name, field in columns(type(row)):
        value = getattr(row, name)
        if value is None:
            continue
        if isinstance(field, models.DecimalField):
            format_number(Decimal(value), field.max_digits, field.decimal_places)
        elif isinstance(field, models.CharField | models.TextField):
            storable(value, name)
            if field.max_length and len(value) > field.max_length:
                refuse(f"{name} is {len(value)} long")
        elif isinstance(field, models.JSONField):
            storable(json.loads(json.dumps(value, allow_nan=False)), name)
        elif isinstance(field, models.IntegerField):
            low, high = RANGES.get(field.get_internal_type(), (-(2**31), 2**31 - 1))
            if not low <= value <= high:
                refuse(f"{name} is {value}")


RANGES = {"PositiveSmallIntegerField": (0, 2**15 - 1), "PositiveIntegerField": (0, 2**31 - 1)}
RANGES |= {"BigIntegerField": (-(2**63), 2**63 - 1), "SmallIntegerField": (-(2**15), 2**15 - 1)}


def storable(value: Any, where: str) -> None:
    """Raises for text that PostgreSQL refuses: NUL, or half a character; in keys, too."""
    if isinstance(value, str):
        if "\x00" in value:
            refuse(f"NUL in {where}: {value!r}")
        value.encode()
    elif isinstance(value, dict):
        for key, each in value.items():
            storable(key, where)
            storable(each, where)
    elif isinstance(value, list | tuple):
        for each in value:
            storable(each, where)


TARGETS = {
    each.name: each
    for each in (
        Target("dialects", read_body, seeds.bodies, 0.45),
        Target("formats", read_format, seeds.formats, 0.25),
        Target("logs", read_a_log, seeds.logs, 0.15),
        Target("bars", read_price_bars, seeds.bars, 0.15),
    )
}
