"""Exports: put together from their batches, and whom a whole one leaves out.

An export counts its signals. One that came whole covers the time from its oldest to its newest signal: what fired in
between and is not in it was left out. Of one with a batch missing, an entry that could not be read, several symbols,
or an entry without its bar, nothing is concluded. Neither is it from one that tells of no finished trade, for whoever
is not in it may have finished unheard; nor, of a signal that was never confirmed, from one that tells of none such.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q

from reconciliation.models import IndicatorExport
from reconciliation.tiers.base import clock_proven
from signals.dialects.export import EXPORT as DIALECT
from signals.dialects.wrapped import unwrapped
from signals.formats import iso
from signals.models import AutomatedSignal, Delivery, SignalEvent, Source
from signals.storage.queries import batches
from signals.vocabulary import DeliveryStatus, EventType, Origin, Status

from .fired import EXPORT, Contradiction, bars_of, born_at

AT_ONCE = 500  # batches that a cycle takes in; the rest waits for the next one that something changed in
KEYS = 5000  # in an update
TOGETHER = timedelta(minutes=5)  # the batches of one export
BESIDE = timedelta(minutes=3)  # an entry of this direction so near is the same signal by another id
LATE = timedelta(days=1)  # a signal may be heard of first so long after its bar
KINDS = frozenset({EventType.INDICATOR_EXPORT_V2, EventType.ALL_SIGNALS_EXPORT})


def take_in() -> dict[int, set[int]]:
    """Put new batches to their exports; the keys of the signals that an export is about that is whole now, by source.

    These are in the queue for good. Writes in a transaction of its own.
    """
    new = Delivery.objects.filter(dialect=DIALECT.name, status=DeliveryStatus.ACCEPTED, exports__isnull=True)
    work: dict[int, set[int]] = defaultdict(set)
    with transaction.atomic():
        whole: dict[int, IndicatorExport] = {}
        for batch in new.order_by("fire_minute", "pk")[:AT_ONCE]:
            export = put_together(batch)
            if export.end:
                whole[export.pk] = export
        for export in whole.values():
            work[export.source_id] |= about(export)
        for some in batches(sorted(key for keys in work.values() for key in keys), KEYS):
            AutomatedSignal.objects.filter(pk__in=some, needs_sync=False).update(needs_sync=True)
    return work


def put_together(delivery: Delivery) -> IndicatorExport:
    """Add a batch to its export, or begin one with it."""
    number, total = counted(delivery)
    events = list(SignalEvent.objects.filter(delivery=delivery).select_related("signal__source").order_by("position"))
    kind = events[0].type if events else ""
    export = begun(delivery, kind, number, total) or IndicatorExport(
        source_id=delivery.source_id, kind=kind, at=delivery.fire_minute, total=total
    )
    if number not in export.batches:  # else it came twice
        export.batches[number] = [delivery.checksum, iso(delivery.fire_minute)]
        export.entries += [told(event) for event in events]
        export.lists = sorted({*export.lists, *(status_in(event.facts) for event in events)})
        export.unreadable = export.unreadable or bool(delivery.faults) or not number
        symbols = {event.signal.price_key(event.signal.source) for event in events} | {export.symbol or ""} - {""}
        export.symbol, several = min(symbols, default=""), len(symbols) > 1
        export.unreadable = export.unreadable or several
        export.start, export.end = covered(export)
    export.save()
    export.deliveries.add(delivery)
    return export


def counted(delivery: Delivery) -> tuple[str, int]:
    """The batch's number, as JSON names it, and how many signals its export counts; "" and 0 where it does not say."""
    try:
        payload = json.loads(delivery.repaired_text or delivery.raw)
    except ValueError:
        return "", 0
    payload = (unwrapped(payload) or payload) if isinstance(payload, dict) else {}
    number, total = payload.get("batch_number"), payload.get("total_signals")
    if not isinstance(number, int) or not isinstance(total, int) or not 0 < total < 10**6:
        return "", 0
    return str(number), total


def begun(delivery: Delivery, kind: str, number: str, total: int) -> IndicatorExport | None:
    """The export that the batch goes on with: it has none of this number, or the very same."""
    near = (delivery.fire_minute - TOGETHER, delivery.fire_minute + TOGETHER)
    rows = IndicatorExport.objects.filter(source=delivery.source_id, kind=kind, total=total, at__range=near)
    for export in rows.order_by("at", "pk") if total else ():
        if number not in export.batches or export.batches[number][0] == delivery.checksum:
            return export
    return None


def told(event: SignalEvent) -> list[str | None]:
    bar = event.facts.get("triangle_time")
    return [event.signal.trade_id, bar, event.facts.get("direction") or event.signal.direction]


def status_in(facts: Mapping[str, Any]) -> str:
    """The status that an entry states, or shows; what was never confirmed is pending, be it cancelled since."""
    if facts.get("completed") or facts.get("state") == Status.COMPLETED:
        return Status.COMPLETED
    confirmed = facts.get("state") == Status.CONFIRMED or "confirmation_time" in facts or "entry_price" in facts
    return Status.CONFIRMED if confirmed else Status.PENDING


def covered(export: IndicatorExport) -> tuple[datetime | None, datetime | None]:
    """From the oldest to the newest bar of an export that is whole."""
    ids, bars = {trade_id for trade_id, _, _ in export.entries}, [bar for _, bar, _ in export.entries]
    if export.unreadable or len(ids) != export.total or not all(bars) or not follow_each_other(export):
        return None, None
    return datetime.fromisoformat(min(bars)), datetime.fromisoformat(max(bars))


def follow_each_other(export: IndicatorExport) -> bool:
    """Whether its batches are numbered without a gap and fired in that order: else they are of two exports."""
    numbers = sorted(map(int, export.batches))
    fired = [export.batches[str(number)][1] for number in numbers]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers))) and fired == sorted(fired)


def about(export: IndicatorExport) -> set[int]:
    """The signals that are in it, or may have to be."""
    named = Q(trade_id__in={trade_id for trade_id, _, _ in export.entries})
    meant = Q(first_event_at__gte=export.start, first_event_at__lte=export.end + LATE) if export.end else Q()
    rows = AutomatedSignal.objects.filter(named | meant, source=export.source_id, origin=Origin.ALERTS)
    return set(rows.order_by().values_list("pk", flat=True))


class Whole(NamedTuple):
    """A whole export, without its entries."""

    pk: int
    kind: str
    at: datetime
    start: datetime
    end: datetime
    symbol: str
    batches: Mapping[str, Sequence[str]]
    lists: Sequence[str]

    @property
    def checksums(self) -> frozenset[str]:
        return frozenset(checksum for checksum, _ in self.batches.values())


class Exports:
    """The whole exports that may concern a chunk's signals, in order of time; their entries as they are asked for."""

    def __init__(self, bases: Iterable[AutomatedSignal], source: Source) -> None:
        self.source = source
        bars = [bar for base in bases if (bar := next(bars_of(base), None))]
        rows = IndicatorExport.objects.filter(source=source, end__gt=min(bars), start__lt=max(bars)) if bars else None
        found = rows.order_by("at", "pk").values_list(*Whole._fields) if rows is not None else ()
        self.whole = [Whole(*row) for row in found]
        self.read: dict[int, list[list[str | None]]] = {}

    def leaving_out(self, base: AutomatedSignal, checksums: Iterable[str]) -> Iterator[Contradiction]:
        """The first whole export that should tell of the signal and does not. `checksums` are its events'."""
        if not self.whole or not clock_proven(base) or base.before_its_bar:
            return
        born, bar = born_at(base), next(bars_of(base), None)
        if born is None or bar is None:
            return
        heard, symbol = set(checksums), base.price_key(self.source)
        for each in self.whole:
            covers = each.start < bar < each.end and born < each.at and each.symbol == symbol
            if not covers or not is_told_of(base, each) or not each.checksums.isdisjoint(heard):
                continue
            if not any(is_it(base, entry) for entry in self.entries(each.pk)):
                yield {"by": EXPORT, "field": "", "fired": base.trade_id, "says": None, "at": iso(each.at),
                       "evidence": f"{each.kind} of {len(self.entries(each.pk))}"}  # fmt: skip
                return

    def entries(self, export: int) -> list[list[str | None]]:
        if export not in self.read:
            self.read[export] = IndicatorExport.objects.values_list("entries", flat=True).get(pk=export)
        return self.read[export]


def is_told_of(signal: AutomatedSignal, export: Whole) -> bool:
    """Whether the export tells of signals such as this was then."""
    proofs = (signal.entry_fired_at, signal.seen_confirmed_at)
    confirmed = any(proof and proof < export.at for proof in proofs)
    return Status.COMPLETED in export.lists and (confirmed or Status.PENDING in export.lists)


def is_it(signal: AutomatedSignal, entry: Sequence[str | None]) -> bool:
    """Whether an entry is of the signal, by its id or by its bar and direction."""
    trade_id, bar, direction = entry
    if trade_id == signal.trade_id:
        return True
    if bar is None or direction not in (None, signal.direction):
        return False
    moment = datetime.fromisoformat(bar)
    return any(abs(each - moment) <= BESIDE for each in bars_of(signal))
