"""The way in, and the only one: bytes become a delivery, its events, and a projection, in one transaction.

Webhook, alert-log import, spool drain and replay from quarantine all call `take_in`. Nothing received is lost:
what cannot be read is quarantined, what was here before is a duplicate, and a projection that fails marks its signal
for rebuild, behind stored delivery and events.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from time import monotonic
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connection
from django.db.models import Q

from .bars.storing import store_bars
from .learning import Learned
from .models import Delivery, DeliveryBody, Quarantine, SignalEvent, Source
from .models.deliveries import BY_MAIL, ORIGINAL
from .parcels import (
    Incoming,
    Parcel,
    bar_rows,
    births_of,
    body_row,
    delivery_row,
    describe,
    event_rows,
    open_parcel,
    quarantine_row,
    repeat,
    told_by,
)
from .signal.charts import known_after, learn
from .signal.first_alert import FirstAlert, store_births
from .signal.registers import BIRTH
from .signal.saving import ClockNeededError, project, regroup_shared, restate
from .signal.zones import Hold, hold_clock
from .storage.bulk import append, insert, insert_new, update
from .storage.deadlines import answered_within, transaction_within
from .vocabulary import DeliveryStatus, EventType

log = logging.getLogger(__name__)
DEADLOCK_TRIES = 3
announced: set[int] = set()
"""Sources whose last ENTRY here had a signal already, as after SIGNAL_CREATED: the short way would be tried in vain."""
SAME_BYTES = "Same source, bytes and minute as an earlier delivery."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one incoming body."""

    delivery_id: UUID
    status: DeliveryStatus
    events: int
    reason: str = ""
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: an outcome each, in order, and the keys of the signals made and changed."""

    outcomes: tuple[Outcome, ...]
    created: frozenset[int] = frozenset()
    updated: frozenset[int] = frozenset()


def take_in(source: Source, incoming: Sequence[Incoming], *, now: datetime, wait_ms: int = 0) -> Taken:
    """Take in bodies of one source in one transaction. Raises DatabaseError when storing failed: nothing is kept.

    A failing projection is not a failing store: the transaction is made again, careful to keep delivery and events.
    `wait_ms` is how long the database may make us wait (see transaction_within; 0: as the settings say).
    """
    with answered_within(wait_ms):
        parcels = [open_parcel(source, item) for item in incoming]
    hold, careful = first_hold(source, parcels), False
    deadline = monotonic() + wait_ms / 1000
    if hold == Hold.SHARED and (born := take_in_births(source, parcels, now=now, wait_ms=wait_ms)):
        return born
    for attempt in range(DEADLOCK_TRIES + 2):
        try:
            with transaction_within(wait_ms, deadline):
                return store(source, parcels, now, hold=hold, careful=careful)
        except ClockNeededError:
            hold = Hold.ALONE
        except (DataError, IntegrityError) as error:
            if careful:
                raise
            if hold == Hold.SHARED:  # most likely somebody made the same new signal beside us
                hold = Hold.ALONE
                reset(source, parcels)
                continue
            log.warning("storing %d deliveries again, carefully: %s", len(parcels), error)
            careful = True
        except OperationalError as error:
            if attempt >= DEADLOCK_TRIES or "deadlock" not in str(error):
                raise
        reset(source, parcels)
    raise DatabaseError("storing was tried too often")


def take_in_births(source: Source, parcels: Sequence[Parcel], *, now: datetime, wait_ms: int) -> Taken | None:
    """The short way in, for bodies that do nothing but make one signal each. None: nothing is stored."""
    if not all(map(is_birth, parcels)) or (source.pk in announced and any(map(is_entry, parcels))):
        return None
    births = [FirstAlert(each.delivery, body_row(each), event_rows(source, each)[0]) for each in in_order(parcels)]
    with answered_within(wait_ms):
        keys = store_births(source, births, now=now, wait_ms=wait_ms)
    if not keys:
        announced.add(source.pk)
        return None
    return Taken(tuple(map(outcome_of, parcels)), keys)


def is_birth(parcel: Parcel) -> bool:
    """Whether there is one event to it that can make a signal, and nothing else."""
    reading = parcel.reading
    if reading is None or len(reading.events) != 1 or reading.bars or reading.heartbeat:
        return False
    return reading.events[0].type in BIRTH


def is_entry(parcel: Parcel) -> bool:
    return parcel.events[0].type == EventType.ENTRY


def reset(source: Source, parcels: Sequence[Parcel]) -> None:
    """Undo in memory what a rolled-back transaction had settled about the deliveries."""
    for parcel in parcels:
        if parcel.delivery.status == DeliveryStatus.DUPLICATE:
            parcel.delivery = delivery_row(source, parcel.incoming)
            describe(parcel)


def first_hold(source: Source, parcels: Sequence[Parcel]) -> Hold:
    """How to hold the source's clock at the first attempt: updates hardly ever touch it, births seldom change it.

    Who tells something new about the source holds it alone; who needs its symbol must know what others learned.
    """
    if known_by(source, parcels) != source.learned:
        return Hold.ALONE
    if not any(event.type in BIRTH for parcel in parcels for event in parcel.events):
        nameless = not source.symbol and any(parcel.bars for parcel in parcels)
        return Hold.SHARED if nameless else Hold.NONE
    return Hold.SHARED if connection.vendor == "postgresql" and len(source.zones_seen) == 1 else Hold.ALONE


def store(source: Source, parcels: Sequence[Parcel], now: datetime, *, hold: Hold, careful: bool) -> Taken:
    """The transaction: deliveries, quarantine, events, projection, bars, heartbeat."""
    known = not hold or hold_clock(source, hold, trade_ids_of(parcels))
    if not known:
        announced.discard(source.pk)
    if hold == Hold.ALONE:
        symbol = source.symbol
        learn(source, known_by(source, parcels))
        if source.symbol != symbol:
            regroup_shared(source, now=now)
    new, named = insert_deliveries(source, parcels)
    quarantine(new)
    accepted = [parcel for parcel in new if parcel.reading is not None]
    events = [event for parcel in accepted for event in event_rows(source, parcel)]
    created, updated = project(source, events, now=now, hold=hold, known=known, careful=careful)
    tell_symbols(source, named, now=now, hold=hold)
    store_bars(bar for parcel in accepted for bar in bar_rows(source, parcel))
    note_heartbeats(source, accepted)
    return Taken(tuple(outcome_of(parcel) for parcel in parcels), created, updated)


def known_by(source: Source, parcels: Sequence[Parcel]) -> Learned:
    """What is known of the source's chart after these."""
    return known_after(source, map(told_by, parcels), chain.from_iterable(map(births_of, parcels)))


def trade_ids_of(parcels: Sequence[Parcel]) -> set[str]:
    return {event.trade_id for parcel in parcels for event in parcel.events}


def in_order(parcels: Iterable[Parcel]) -> list[Parcel]:
    """As everybody inserts deliveries, so that two imports of one log do not wait for each other in a circle."""
    return sorted(parcels, key=lambda parcel: (parcel.delivery.fire_minute, parcel.delivery.checksum))


def insert_deliveries(source: Source, parcels: Sequence[Parcel]) -> tuple[list[Parcel], list[Delivery]]:
    """Insert the deliveries with their bodies; those that the unique constraint turns away become duplicates, without.
    Returns the new ones, and those stored before of which a log's Ticker now tells the symbol."""
    insert(Delivery, [parcel.delivery for parcel in parcels if parcel.incoming.repeats])
    parcels = [parcel for parcel in parcels if not parcel.incoming.repeats]
    inserted = in_order(parcels)
    there = insert_new(Delivery, [parcel.delivery for parcel in inserted], DeliveryBody, list(map(body_row, inserted)))
    repeated = [parcel for parcel in parcels if parcel.delivery.pk not in there]
    apart, learned = insert_duplicates(source, repeated) if repeated else (set(), [])
    append(DeliveryBody, [body_row(parcel) for parcel in parcels if parcel.delivery.pk in apart])
    new = there | apart
    return [parcel for parcel in parcels if parcel.delivery.pk in new], learned


def insert_duplicates(source: Source, parcels: Sequence[Parcel]) -> tuple[set[UUID], list[Delivery]]:
    """Store repetitions as rows that point to the delivery that was first. A log's exact time is noted on that one, and
    its Ticker's symbol; a row of another symbol than that is no repetition.

    Returns the keys of these, and the deliveries whose symbol was told.
    """
    same = Delivery.objects.filter(
        ORIGINAL,
        source=source,
        checksum__in={parcel.delivery.checksum for parcel in parcels},
        fire_minute__in={parcel.delivery.fire_minute for parcel in parcels},
    ).only("pk", "checksum", "fire_minute", "fired_at", "event_count", "symbol", "apart")
    stored: dict[tuple[str, datetime, bool], list[Delivery]] = defaultdict(list)
    for row in same.order_by("apart"):
        stored[sameness(row)].append(row)
    timed, learned, apart, repeated = [], [], [], []
    for parcel in parcels:
        row = parcel.delivery
        alike = stored[sameness(row)]
        original = original_of(row, alike)
        if original is None:
            row.apart = row.symbol
            apart.append(row)
            alike.append(row)
            continue
        if row.fired_at and original.fired_at is None:
            original.fired_at = row.fired_at
            timed.append(original)
        if row.symbol and not original.symbol:
            original.symbol = row.symbol
            learned.append(original)
        repeat(row, original, SAME_BYTES)
        repeated.append(row)
    update(Delivery, [*{row.pk: row for row in (*timed, *learned)}.values()], ["fired_at", "symbol"])
    insert(Delivery, [*apart, *repeated])
    return {row.pk for row in apart}, learned


def sameness(row: Delivery) -> tuple[str, datetime, bool]:
    """What deliveries of one source have in common that are one. Mails are among themselves."""
    return row.checksum, row.fire_minute, row.apart == BY_MAIL


def original_of(row: Delivery, alike: Sequence[Delivery]) -> Delivery | None:
    """Which of the stored deliveries with its bytes of its minute it repeats: one of its symbol, else one of none."""
    if not row.symbol:
        return alike[0]
    fitting = [each for each in alike if each.symbol in (row.symbol, "")]
    return max(fitting, key=lambda each: each.symbol, default=None)


def tell_symbols(source: Source, deliveries: Sequence[Delivery], *, now: datetime, hold: Hold) -> None:
    """Have the events of deliveries whose symbol is known only now state it, where their bytes name none."""
    if not deliveries:
        return
    if hold != Hold.ALONE:
        raise ClockNeededError
    told = {delivery.pk: delivery.symbol for delivery in deliveries}
    events = list(SignalEvent.objects.select_related("signal").filter(delivery__in=deliveries, symbol=""))
    for event in events:
        event.symbol = told[event.delivery_id]
    restate(source, events, now=now)


def quarantine(parcels: Sequence[Parcel]) -> None:
    unread = [parcel for parcel in parcels if parcel.reading is None]
    append(Quarantine, [quarantine_row(each) for each in unread])


def counted(parcel: Parcel) -> int:
    """How many signals a heartbeat tells of; -1 when it does not say."""
    count = parcel.reading.heartbeat.signal_count if parcel.reading and parcel.reading.heartbeat else None
    return -1 if count is None else count


def note_heartbeats(source: Source, parcels: Sequence[Parcel]) -> None:
    """The latest heartbeat's signal count goes to the source; an older one that arrives later changes nothing."""
    beats = [parcel for parcel in parcels if parcel.reading and parcel.reading.heartbeat]
    if not beats:
        return
    latest = max(beats, key=lambda parcel: (parcel.incoming.fire_minute, counted(parcel)))
    assert latest.reading is not None
    assert latest.reading.heartbeat is not None
    minute, count = latest.incoming.fire_minute, latest.reading.heartbeat.signal_count
    # Of two in one minute the greater count stays, whichever came first.
    newer = Q(last_heartbeat_at__isnull=True) | Q(last_heartbeat_at__lt=minute)
    if count is not None:
        newer |= Q(last_heartbeat_at=minute) & (Q(signal_count__isnull=True) | Q(signal_count__lt=count))
    Source.objects.filter(newer, pk=source.pk).update(last_heartbeat_at=minute, signal_count=count)


def outcome_of(parcel: Parcel) -> Outcome:
    row = parcel.delivery
    return Outcome(row.pk, DeliveryStatus(row.status), row.event_count, row.reason, bool(row.repair))
