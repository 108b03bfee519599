"""Whether the times of a log go against all that its source is known by: then none of its rows is taken for data.

A log says what was fired when, so a log in the wrong zone moves every trade by hours, in silence. Three things show it:
bodies that are stored with other times, ids that are stored with other times, and ids that fire in no zone of the
source's where its others do. One row proves nothing: repeated alerts, late ones and edited ones are usual.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low

from signals import dialects
from signals.clock import TradeId, instant
from signals.facts import UnreadableError
from signals.models import AutomatedSignal, Delivery, Source
from signals.models.deliveries import ORIGINAL
from signals.parcels import Incoming, checksum_of
from signals.signal.registers import BIRTH
from signals.signal.zones import voting
from signals.storage.queries import batches
from signals.vocabulary import DeliveryStatus, EventType

LEAST = 3  # of fewer nothing follows
SAME = timedelta(minutes=2)  # that two clocks and a slow delivery explain
LATE = timedelta(minutes=16)  # that an id's alert may come after its bar closed
STEP, LEAST_STEPS = timedelta(minutes=15), 2  # by which zones differ, and no less than half an hour
NEAR = timedelta(minutes=1)
USUAL = 50  # of the stored births, the newest, are asked
READ = 400  # births that are read, at most
LOOKED_UP = 500


@dataclass(frozen=True, slots=True)
class Birth:
    """The first alert of an id in a log that says what a signal is."""

    trade_id: str
    named: datetime  # by the wall clock of a zone that is not said
    minute: datetime
    type: EventType


def against_the_source(rows: Sequence[Incoming], source: Source) -> str:
    """What to say of rows whose times go against the source's others; "" where nothing shows it."""
    timed = [row for row in rows if row.fired_at and not row.problem]
    births = list(births_of(timed))
    known = [*body_offsets(timed, source), *id_offsets(births, source)]
    if (offset := agreed(known, SAME)) is not None:
        return says(offset, "what is stored of the same alerts") if is_of_zones(offset) else ""
    offset = agreed(id_lags(births, source), LATE)
    return says(offset, "the bars that its ids name, by the clock of its other alerts") if offset is not None else ""


def says(offset: timedelta, known_by: str) -> str:
    minutes = round(abs(offset) / STEP) * (STEP // timedelta(minutes=1))
    much = f"{minutes // 60} h {minutes % 60:02} min" if minutes % 60 else f"{minutes // 60} h"
    return (
        f"The times of this log are about {much} {'before' if offset < timedelta(0) else 'after'} {known_by}: it is"
        " probably in another zone than UTC, and no time is guessed. Export it again from TradingView; if they are"
        " right all the same, the source's zones or this machine's clock are wrong."
    )


def agreed(offsets: Sequence[timedelta], within: timedelta) -> timedelta | None:
    """The offset that at least four in five of them share; None where they do not, or are too few. Pure."""
    if len(offsets) < LEAST:
        return None
    middle = median_low(offsets)
    close = sum(abs(offset - middle) <= within for offset in offsets)
    return middle if 5 * close >= 4 * len(offsets) else None


def is_of_zones(offset: timedelta) -> bool:
    """Whether zones can differ by so much. A clock that is off is so by anything."""
    steps = round(offset / STEP)
    return abs(steps) >= LEAST_STEPS and abs(offset - steps * STEP) <= NEAR


def body_offsets(rows: Sequence[Incoming], source: Source) -> Iterator[timedelta]:
    """From stored deliveries to rows of the same bytes, where there is one of each: others are fresh news."""
    bodies: dict[str, list[Incoming]] = defaultdict(list)
    for row in rows:
        bodies[checksum_of(row.body)].append(row)
    once = {key: alike[0] for key, alike in bodies.items() if len(alike) == 1}
    for asked in batches(sorted(once), LOOKED_UP):
        stored = Delivery.objects.filter(ORIGINAL, source=source, checksum__in=asked, status=DeliveryStatus.ACCEPTED)
        found = list(stored.values_list("checksum", "fired_at", "received_at"))
        times = Counter(checksum for checksum, _, _ in found)
        for checksum, fired, received in found:
            row = once[checksum]
            if times[checksum] == 1 and row.fired_at:
                yield row.fired_at - (fired or received)


def births_of(rows: Sequence[Incoming]) -> Iterator[Birth]:
    """The first birth of each id that names a bar. Only bodies that may hold one are read."""
    seen: set[str] = set()
    likely = (row for row in sorted(rows, key=lambda row: row.fire_minute) if may_be_birth(row.body))
    for number, row in enumerate(likely):
        if number >= READ:
            return
        try:
            events = dialects.read(row.body).events
        except UnreadableError:
            continue
        for event in events:
            trade_id = TradeId.parse(event.trade_id) if event.type in BIRTH else None
            if trade_id and event.trade_id not in seen:
                seen.add(event.trade_id)
                yield Birth(event.trade_id, trade_id.naive, row.fire_minute, EventType(event.type))


def may_be_birth(body: bytes) -> bool:
    upper = body.upper()
    return b"SIGNAL_CREATED" in upper or b"ENTRY" in upper


def id_offsets(births: Iterable[Birth], source: Source) -> Iterator[timedelta]:
    """From the births that are stored to those of the log."""
    by_id = {birth.trade_id: birth for birth in births}
    stored = AutomatedSignal.objects.filter(source=source, trade_id__in=by_id)
    for trade_id, created, entered in stored.values_list("trade_id", "created_fired_at", "entry_fired_at"):
        birth = by_id[trade_id]
        known = created if birth.type == EventType.SIGNAL_CREATED else entered
        if known:
            yield birth.minute - known


def id_lags(births: Sequence[Birth], source: Source) -> list[timedelta]:
    """How much later after its bar each birth fired than the source's others usually do, by their clock.

    Nothing where the source has too few others, or where a fifth of these fired when its alerts do, in any zone.
    """
    usual = usual_lags(source)
    if len(births) < LEAST or len(usual) < LEAST:
        return []
    middle = median_low(usual)
    by_zone = [
        {zone: birth.minute - instant(birth.named, zone, near=birth.minute) - middle for zone in source.zones}
        for birth in births
    ]
    usual_ones = sum(min(map(abs, offsets.values())) <= LATE for offsets in by_zone)
    if 5 * usual_ones > len(births):
        return []
    seen = [zone for zone in source.zones if zone in source.zones_seen] or source.zones
    zone = source.clock_zone if source.clock_zone in seen else seen[0]
    return [offsets[zone] for offsets in by_zone]


def usual_lags(source: Source) -> list[timedelta]:
    """After their bars opened, the stored births that voted for a zone: as long as the source's bars are, mostly."""
    votes = voting(source).order_by("-fire_minute")
    return [
        minute - instant(named.naive, zone, near=minute)
        for trade_id, minute, zone in votes.values_list("signal__trade_id", "fire_minute", "clock_vote")[:USUAL]
        if (named := TradeId.parse(trade_id))
    ]
