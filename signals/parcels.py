"""Parcels: an incoming body, what was read from it, and the rows that it makes. Nothing is stored here."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from django.db import DatabaseError

from . import dialects
from .bars.storing import Bar
from .clock import MINUTE, floor_minute
from .dialects.shapes import shape_of
from .facts import BarFacts, EventFacts, Reading, UnreadableError
from .learning import MAX_TICKER, Told
from .models import Delivery, DeliveryBody, PriceBar, Quarantine, SignalEvent, Source
from .models.deliveries import BY_MAIL, NO_TIME
from .receiving.masking import hide_secrets
from .receiving.senders import stored_address
from .rhythm import Birth
from .signal.registers import BIRTH
from .signal.zones import vote_of
from .storage.bulk import fresh
from .symbols import goes_below_zero
from .teaching.known import formats_of
from .vocabulary import Channel, DeliveryStatus

log = logging.getLogger(__name__)
OTHER_BYTES = "The same alert by another way: the same words within two minutes, line ends and HTML aside."
MAX_BODY = 192 * 1024  # bytes; messages have at most 40,960 characters, of up to 4 bytes each


def checksum_of(body: bytes) -> str:
    """Identity of a payload: BLAKE2b, 128 bits, hex."""
    return blake2b(body, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Incoming:
    """One body to take in. `fired_at` is the alert log's time where there is one; the body's secrets are masked."""

    body: bytes
    received_at: datetime
    channel: Channel = Channel.WEBHOOK
    fired_at: datetime | None = None
    content_type: str = ""
    remote_addr: str = ""
    alert_id: str = ""
    log_status: str = ""
    symbol: str = ""  # whose prices it tells where the body does not say; empty: the source's
    ticker: str = ""  # the same as the alert log spells it, with the bar length behind it
    replay_of: Delivery | None = None
    repeats: Delivery | None = None  # what it is the same as in other bytes, or of another minute
    problem: str = ""  # why it must be quarantined whatever the body says

    @property
    def fire_minute(self) -> datetime:
        """The minute that sameness goes by; a log row whose time cannot be read has the same one at every import."""
        return floor_minute(self.fired_at or (NO_TIME if self.problem else self.received_at))


@dataclass(slots=True)
class Parcel:
    """An incoming body on its way: its delivery row, and the reading or what is wrong with it."""

    incoming: Incoming
    delivery: Delivery
    reading: Reading | None = None
    proposal: str = ""

    @property
    def events(self) -> Sequence[EventFacts]:
        return self.reading.events if self.reading else ()

    @property
    def bars(self) -> Sequence[BarFacts]:
        return self.reading.bars if self.reading else ()


def open_parcel(source: Source, incoming: Incoming) -> Parcel:
    """Read a body, before any transaction."""
    parcel = Parcel(incoming, delivery_row(source, incoming))
    if incoming.repeats:
        return parcel
    if incoming.problem:
        parcel.delivery.reason = incoming.problem
        return parcel
    try:
        signed = goes_below_zero(incoming.symbol or source.symbol)
        parcel.reading = dialects.read(incoming.body, signed=signed, formats=formats_of(source.pk))
    except UnreadableError as error:
        parcel.delivery.reason, parcel.proposal = hide_secrets(error.reason), error.proposal
    except DatabaseError:
        raise  # the formats could not be asked for
    except Exception as error:
        log.exception("a dialect failed on a body")
        parcel.delivery.reason = f"Reading failed with {type(error).__name__}: {error}. Please report the body."
    describe(parcel)
    return parcel


def delivery_row(source: Source, incoming: Incoming) -> Delivery:
    own = {
        "source_id": source.pk,
        "channel": incoming.channel,
        "received_at": incoming.received_at,
        "fire_minute": incoming.fire_minute,
        "fired_at": incoming.fired_at,
        "checksum": checksum_of(incoming.body),
        "size": len(incoming.body),
        "content_type": incoming.content_type[:80],
        "remote_addr": stored_address(incoming.remote_addr),
        "alert_id": incoming.alert_id[:32],
        "log_status": incoming.log_status[:40],
        "symbol": incoming.symbol,
        "ticker": incoming.ticker[:MAX_TICKER],
        "replay_of_id": incoming.replay_of.pk if incoming.replay_of else None,
        "apart": BY_MAIL if incoming.channel == Channel.MAIL else "",
        "status": DeliveryStatus.QUARANTINED,
    }
    row = fresh(Delivery, own)
    if incoming.repeats:
        repeat(row, incoming.repeats, OTHER_BYTES)
    return row


def repeat(row: Delivery, original: Delivery, why: str) -> None:
    """Let the row be a duplicate, in memory. It has no body of its own."""
    row.status, row.duplicate_of, row.reason = DeliveryStatus.DUPLICATE, original, why
    row.event_count, row.faults = 0, []


def describe(parcel: Parcel) -> None:
    """Write on the delivery what was read from it."""
    delivery, reading = parcel.delivery, parcel.reading
    if parcel.incoming.repeats:
        return
    if reading is None:
        delivery.status = DeliveryStatus.QUARANTINED
        return
    delivery.status = DeliveryStatus.ACCEPTED
    delivery.dialect, delivery.format_id = reading.dialect, reading.format
    delivery.faults = [hide_secrets(fault) for fault in reading.faults]
    delivery.event_count = len(reading.events)
    if reading.repair:
        delivery.repair = hide_secrets(reading.repair.summary)[:200]


def body_row(parcel: Parcel) -> DeliveryBody:
    repair = parcel.reading.repair if parcel.reading else None
    own = {
        "delivery_id": parcel.delivery.pk,
        "raw": parcel.incoming.body,
        "repaired_text": repair.text if repair else "",
    }
    return fresh(DeliveryBody, own)


def event_rows(source: Source, parcel: Parcel) -> list[SignalEvent]:
    minute = parcel.incoming.fire_minute
    of_all = {
        "source_id": source.pk,
        "delivery_id": parcel.delivery.pk,
        "fire_minute": minute,
        "payload_checksum": parcel.delivery.checksum,
    }
    rows = []
    for event in parcel.events:
        own = {
            "position": event.position,
            "type": event.type,
            "symbol": event.symbol or parcel.delivery.symbol,
            "facts": event.values,
            "clock_vote": vote_of(event.type, event.trade_id, minute, source),
            "trade_id": event.trade_id,
        }
        rows.append(fresh(SignalEvent, {**of_all, **own}))
    return rows


def bar_rows(source: Source, parcel: Parcel) -> list[Bar]:
    """Its prices by the minute. Of a bar that is longer, or of unknown length, only the close is one minute's."""
    return [bar_row(source, parcel, bar) for bar in parcel.bars if not is_early(bar, parcel.incoming)]


def bars_told(source: Source, delivery: Delivery) -> list[Bar]:
    """The prices that a stored delivery told, read from its bytes anew; none where those were let go."""
    again = Incoming(
        body=delivery.raw,
        received_at=delivery.received_at,
        fired_at=delivery.fire_minute,
        symbol=delivery.symbol,
    )
    return bar_rows(source, open_parcel(source, again))


def is_early(bar: BarFacts, incoming: Incoming) -> bool:
    """Whether an alert that states its bar's open fired before that bar was over: its prices are not yet the bar's."""
    return bar.of_minute and bar.time is not None and bar.time + MINUTE > incoming.fire_minute


def bar_row(source: Source, parcel: Parcel, bar: BarFacts) -> Bar:
    whole = bar.of_minute or source.bar_minutes == 1
    return Bar(
        symbol=bar.symbol or parcel.incoming.symbol or source.price_key,
        time=floor_minute(bar.time) if bar.time else parcel.incoming.fire_minute - MINUTE,
        kind=PriceBar.Kind.BAR if whole and bar.high is not None else PriceBar.Kind.CLOSE,
        open=bar.open if whole else None,
        high=bar.high if whole else None,
        low=bar.low if whole else None,
        close=bar.close,
        evidence=f"{parcel.delivery.checksum}:{bar.position}",
        teller=None if bar.symbol or parcel.incoming.symbol else source.pk,
    )


def told_by(parcel: Parcel) -> Told:
    """What a delivery, be it a repeated one, tells of its source's chart."""
    item, reading = parcel.incoming, parcel.reading
    if item.problem:
        return Told(item.fire_minute, parcel.delivery.checksum)  # nobody knows when, or what
    symbols, intervals = (reading.symbols, reading.intervals) if reading else ((), ())
    return Told(item.fire_minute, parcel.delivery.checksum, item.symbol, item.ticker, symbols, intervals)


def births_of(parcel: Parcel) -> Iterator[Birth]:
    minute = parcel.incoming.fire_minute
    return (Birth(event.type, event.trade_id, minute) for event in parcel.events if event.type in BIRTH)


def quarantine_row(parcel: Parcel) -> Quarantine:
    shape = shape_of(parcel.incoming.body)
    return Quarantine(
        delivery=parcel.delivery,
        proposal=parcel.proposal,
        shape=shape.key,
        shape_label=shape.label,
        foreign=shape.foreign,
    )
