"""Whether what is stored is still what arrived: bytes against their checksums, events against the bytes.

It notices a hand in the database: changed bytes, changed, deleted and invented events. Who changes a checksum as well
remains unnoticed in a delivery without events. Pure but for reading; memory does not grow with the tables.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef

from . import dialects
from .dialects.base import Dialect
from .facts import Reading, UnreadableError
from .models import Delivery, DeliveryBody, LetGo, SignalEvent, Thinned
from .parcels import checksum_of
from .receiving.mail.reading import words_in
from .teaching.known import formats_of, made
from .vocabulary import DeliveryStatus, EventType

DELIVERIES_AT_ONCE = 200


class Fault(NamedTuple):
    """What is wrong with one delivery or its events."""

    delivery: UUID
    says: str


class Looked(NamedTuple):
    """At how many deliveries, the bodies of how many were let go, and what is wrong with them."""

    deliveries: int
    let_go: int
    faults: list[Fault]


def verify(since: UUID | None = None) -> Iterator[Looked]:
    """A chunk of deliveries after the other, in order of arrival."""
    last, months = since or UUID(int=0), list(LetGo.objects.all())
    rows = Delivery.objects.order_by("pk").select_related("source", "duplicate_of", "format", "mail")
    while chunk := list(rows.filter(pk__gt=last).prefetch_related("body")[:DELIVERIES_AT_ONCE]):
        gone = {row.pk for row in chunk if is_gone(row, months)}
        events = defaultdict(list)
        for event in SignalEvent.objects.filter(delivery__in=chunk).select_related("signal").order_by("position"):
            events[event.delivery_id].append(event)
        faults = [Fault(row.pk, says) for row in chunk for says in faults_of(row, events[row.pk], row.pk in gone)]
        yield Looked(len(chunk), len(gone), faults + strays(last, chunk[-1].pk))
        last = chunk[-1].pk


def is_gone(delivery: Delivery, months: Iterable[LetGo]) -> bool:
    """Whether its body was let go."""
    if delivery.duplicate_of_id or hasattr(delivery, "body"):
        return False
    return any(month.first <= delivery.pk < month.until for month in months)


def strays(after: UUID, upto: UUID) -> list[Fault]:
    """Bodies between two deliveries that are none's."""
    theirs = Delivery.objects.filter(pk=OuterRef("pk"))
    bodies = DeliveryBody.objects.filter(~Exists(theirs), pk__gt=after, pk__lte=upto)
    return [Fault(key, "There is a body of it, and no delivery.") for key in bodies.values_list("pk", flat=True)]


def faults_of(delivery: Delivery, events: list[SignalEvent], is_gone: bool) -> Iterator[str]:
    """In words, what of a delivery does not fit. `events` are those that refer to it, by position."""
    first = delivery.duplicate_of
    if first is not None:
        if hasattr(delivery, "body") or not is_same(delivery, first):
            yield "It is called a duplicate of a delivery with other bytes."
    elif not hasattr(delivery, "body"):
        if not is_gone:
            yield "Its bytes are gone, and were not let go."
    elif checksum_of(delivery.raw) != delivery.checksum:
        yield "Its bytes are not those of its checksum."
    elif len(delivery.raw) != delivery.size:
        yield "Its bytes are not as many as it says."
    reading, unreadable = None, ""
    if delivery.status == DeliveryStatus.ACCEPTED and not is_gone:
        try:
            reading = reading_of(delivery)
        except UnreadableError as error:
            unreadable = f"It was read when it came, and cannot be read now: {error.reason}"
    if len(events) != delivery.event_count - thinned(delivery, events, reading):
        yield f"It says that it brought {delivery.event_count} events; {len(events)} are stored."
    if reading:
        yield from event_faults(delivery, events, reading)
    elif unreadable:
        yield unreadable


def reading_of(delivery: Delivery) -> Reading:
    """What its bytes say, as they are read today."""
    return dialects.read(delivery.raw, signed=delivery.signed, formats=partial(formats_then, delivery))


def thinned(delivery: Delivery, events: Sequence[SignalEvent], reading: Reading | None) -> int:
    """How many of its updates are not stored any more because their signals were thinned.

    Whose its updates were only its bytes tell: where those were let go, all that lack may have been thinned.
    """
    lacking = delivery.event_count - len(events)
    if lacking <= 0:
        return 0
    of_source = Thinned.objects.filter(signal__source=delivery.source_id)
    if reading is None:
        return lacking if delivery.status == DeliveryStatus.ACCEPTED and of_source.exists() else 0
    there = {event.position for event in events}
    gone = [each for each in reading.events if each.position not in there and each.type == EventType.MFE_UPDATE]
    names = {each.trade_id for each in gone}
    known = set(of_source.filter(signal__trade_id__in=names).values_list("signal__trade_id", flat=True))
    return sum(each.trade_id in known for each in gone)


def is_same(delivery: Delivery, first: Delivery) -> bool:
    """Whether one repeats the other: by bytes, a mail by its words, while they can be known."""
    if delivery.checksum == first.checksum:
        return True
    return hasattr(delivery, "mail") and (first.let_go is not None or delivery.mail.folded == words_in(first.raw).key)


def event_faults(delivery: Delivery, events: Iterable[SignalEvent], reading: Reading) -> Iterator[str]:
    """Events that are not what its bytes say."""
    told, symbols = told_by(reading), {event.position: event.symbol for event in reading.events}
    for event in events:
        if told.get(event.position) != (event.type, event.signal.trade_id, plain(event.facts)):
            yield f"Its event {event.position} ({event.type} of {event.signal.trade_id}) is not what its bytes say."
        elif event.symbol not in ("", symbols.get(event.position) or delivery.symbol):
            yield f"Its event {event.position} names another symbol than its bytes and the alert log."
        elif (event.payload_checksum, event.source_id) != (delivery.checksum, delivery.source_id):
            yield f"Its event {event.position} names another delivery's bytes or source."


def formats_then(delivery: Delivery) -> list[Dialect]:
    """The formats that a delivery was read by, the version that read it first."""
    own = made(delivery.format.pk, json.dumps(delivery.format.spec)) if delivery.format else None
    return [*([own] if own else []), *formats_of(delivery.source_id)()]


def told_by(reading: Reading) -> dict[int, tuple[str, str, str]]:
    return {event.position: (event.type, event.trade_id, plain(event.values)) for event in reading.events}


def plain(facts: object) -> str:
    """The same for facts and for what JSON keeps of them."""
    return json.dumps(facts, sort_keys=True, default=str)
