"""Saving: new events are stored, joined to their signals, and the signals' rows written.

`identity`, `joining` and `deriving` decide; this module locks, loads and saves. Locks are taken in one order
everywhere: the source's clock first (by writers that bring votes or new signals), then signals by key.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Q

from signals.clock import Vote
from signals.models import AutomatedSignal, SignalEvent, Source
from signals.signal.joining import absorb, blank, text_of
from signals.storage import bulk
from signals.storage.bulk import insert
from signals.storage.queries import batches

from .deriving import Venue, settle, settle_after
from .identity import Place, Standing, is_alone, places
from .regrouping import Seat, newborn, regroup, shared_out
from .zones import Hold, decide_zones, hold_clock, is_quiet, swayed_signals

log = logging.getLogger(__name__)
IDS_AT_ONCE = 200
COLUMNS = [field.name for field in AutomatedSignal._meta.concrete_fields if not field.primary_key]
# What a signal that could not be stored is stored with.
MARKED = (
    "standing", "symbol_unclear", "first_event_at", "last_event_at", "event_count", "created_at", "updated_at",
)  # fmt: skip
UPDATED = frozenset(COLUMNS) - {"source", "trade_id", "created_at"}


class ClockNeededError(Exception):
    """The events may change the source's clock, or a signal that depends on it: hold the clock, and begin again."""


def project(
    source: Source,
    events: Sequence[SignalEvent],
    *,
    now: datetime,
    hold: Hold,
    known: bool = True,
    careful: bool = False,
) -> tuple[frozenset[int], frozenset[int]]:
    """Store new events and join them to their signals. Returns the keys of the signals made and of those changed.

    Runs in the caller's transaction. `hold` is how it holds the source's clock, `known` whether any of the signals may
    be stored; `careful` says that a first attempt failed on the data: then signals are saved one by one, and one that
    cannot be is marked for rebuild instead.
    """
    if not events:
        return frozenset(), frozenset()
    by_trade: dict[str, list[SignalEvent]] = defaultdict(list)
    for event in events:
        by_trade[event.trade_id].append(event)
    stored = lock_signals(source, by_trade) if known else {}
    votes = votes_of(events)
    seats, crowded = seated(source, by_trade, stored)
    safe = hold == Hold.ALONE or (hold == Hold.SHARED and is_quiet(source, votes))
    if not safe and (votes or crowded or any(map(shakes_clock, seats))):
        raise ClockNeededError
    moved, changed = seat_events(seats)
    anew = regroup(source, {trade_id: by_trade[trade_id] for trade_id in crowded})
    seats += anew.seats
    decide_zones([*moved, *(seat.signal for seat in anew.seats)], source, votes)
    venue, before = Venue.of(source), frozenset(seat.signal.pk for seat in seats)
    save([seat.signal for seat in seats], venue, changed, now=now, careful=careful)
    for seat in seats:
        for event in seat.events:
            event.signal_id = seat.signal.pk
    insert(SignalEvent, events)
    anew.move()
    if votes:
        # Registers do not depend on the zone, so signals that the votes have swayed need only be settled again.
        save(decide_zones(swayed_signals(source, votes), source), venue, now=now, careful=False)
    return frozenset(seat.signal.pk for seat in seats) - before, before - {None}


def seat_events(seats: Iterable[Seat]) -> tuple[list[AutomatedSignal], dict[int, set[str]]]:
    """Join new events to their signals, in memory. Returns those that now have another first minute; and of the others
    by key the fields that changed since they were settled, where that went well."""
    moved, changed = [], {}
    for seat in seats:
        signal = seat.signal
        first = signal.first_event_at if signal.event_count else None
        fields = absorb(signal, seat.events)
        if signal.first_event_at != first:
            moved.append(signal)
        elif not signal.rebuild_error:
            changed[signal.pk] = fields
    return moved, changed


def regroup_ids(source: Source, trade_ids: Collection[str], *, now: datetime) -> None:
    """Group the stored events of these ids anew, and save their signals. In the caller's transaction."""
    if not trade_ids:
        return
    hold_clock(source, Hold.ALONE, trade_ids)
    anew = regroup(source, dict.fromkeys(trade_ids, ()))
    signals = [seat.signal for seat in anew.seats]
    decide_zones(signals, source)
    save(signals, Venue.of(source), now=now, careful=False)
    anew.move()


def regroup_shared(source: Source, *, now: datetime) -> None:
    """Group ids anew that have signals of several symbols: the source's own has become another."""
    shared = AutomatedSignal.objects.filter(~Q(standing=Standing.ALONE), source=source).order_by()
    named = shared.values("trade_id").annotate(symbols=Count("symbol", distinct=True)).filter(symbols__gt=1)
    for trade_ids in batches(named.values_list("trade_id", flat=True), IDS_AT_ONCE):
        with transaction.atomic():
            regroup_ids(source, trade_ids, now=now)


def restate(source: Source, events: Sequence[SignalEvent], *, now: datetime) -> None:
    """Have stored events state a symbol that was not known of them before: `symbol` holds it. For whoever holds the
    source's clock alone."""
    if not events:
        return
    by_trade: dict[str, list[SignalEvent]] = defaultdict(list)
    for event in events:
        by_trade[event.signal.trade_id].append(event)
    bulk.update(SignalEvent, events, ["symbol"])
    named, crowded = [], []
    for trade_id, rows in lock_signals(source, by_trade).items():
        own = by_trade[trade_id]
        found = places(trade_id, rows, own, source.symbol) if len(rows) == 1 and is_alone(rows[0]) else None
        if found is None:
            crowded.append(trade_id)
        elif rows[0].symbol != found[0].symbol:
            rows[0].symbol, rows[0].needs_sync, rows[0].updated_at = found[0].symbol, True, now
            named.append(rows[0])
    bulk.update(AutomatedSignal, named, ["symbol", "needs_sync", "updated_at"])
    regroup_ids(source, crowded, now=now)


def seated(
    source: Source, by_trade: Mapping[str, list[SignalEvent]], stored: Mapping[str, list[AutomatedSignal]]
) -> tuple[list[Seat], list[str]]:
    """New events by the signals that they join, in the order of ids; and the ids that must be grouped anew."""
    seats, crowded = [], []
    for trade_id in sorted(by_trade):
        rows, events = stored.get(trade_id, ()), by_trade[trade_id]
        found = places(trade_id, rows, events, source.symbol)
        if found is None:
            crowded.append(trade_id)
        elif len(rows) == 1 and is_alone(rows[0]):
            rows[0].symbol = found[0].symbol
            seats.append(Seat(rows[0], events))
        else:
            there = {Place(row.symbol, row.life): row for row in rows} or newborn(source, trade_id, found)
            seats += [Seat(there[place], each) for place, each in shared_out(found, events)]
    return seats, crowded


def votes_of(events: Iterable[SignalEvent]) -> list[Vote]:
    return [
        Vote(event.fire_minute, event.payload_checksum, event.position, event.clock_vote)
        for event in events
        if event.clock_vote
    ]


def lock_signals(source: Source, trade_ids: Collection[str]) -> dict[str, list[AutomatedSignal]]:
    """The signals of these ids, of each symbol the latest life."""
    marks = ", ".join(["%s"] * len(trade_ids))
    condition = f"source_id = %s AND trade_id IN ({marks}) AND standing < {Standing.EARLIER}"
    found = bulk.locked(AutomatedSignal, condition, [source.pk, *trade_ids])
    if any(row.standing for row in found):
        # Others may have been made while this waited for the lock: a second look sees them, and nobody else adds any.
        found = bulk.locked(AutomatedSignal, condition, [source.pk, *trade_ids])
    rows: dict[str, list[AutomatedSignal]] = defaultdict(list)
    for row in found:
        rows[row.trade_id].append(row)
    return rows


def shakes_clock(seat: Seat) -> bool:
    """Whether the events make a signal, or move the first minute of one: then its zone must be decided (again)."""
    signal = seat.signal
    if signal.pk is None or not signal.event_count:  # new, or only replay knew of it
        return True
    return min(event.fire_minute for event in seat.events) < signal.first_event_at


def settle_or_mark(signal: AutomatedSignal, venue: Venue, changed: Set[str] | None = None) -> None:
    """Settle a signal, or note on it why that failed: one must not stop the others."""
    try:
        if changed is None:
            settle(signal, venue)
        else:
            settle_after(signal, venue, changed)
    except Exception as error:
        log.exception("%s did not settle", signal.trade_id)
        signal.rebuild_error = text_of(error)


def finish(signal: AutomatedSignal, venue: Venue, now: datetime, changed: Set[str] | None = None) -> None:
    """Settle a signal and mark it for the next cycle, in memory. `changed`: what did since it was settled."""
    settle_or_mark(signal, venue, changed)
    signal.needs_sync = True
    signal.created_at = signal.created_at or now
    signal.updated_at = now


def save(
    signals: Iterable[AutomatedSignal],
    venue: Venue,
    changed: Mapping[int, Set[str]] | None = None,
    *,
    now: datetime,
    careful: bool,
) -> None:
    """Settle signals and write them. `changed`: by key the fields that did since a signal was settled, where known."""
    rows, known = list(signals), changed or {}
    for signal in rows:
        finish(signal, venue, now, known.get(signal.pk))
    if careful:
        for signal in rows:
            save_or_mark(signal, now)
        return
    stored = [signal for signal in rows if signal.pk is not None]
    insert(AutomatedSignal, [signal for signal in rows if signal.pk is None])
    overwrite(stored)


def overwrite(rows: Sequence[AutomatedSignal]) -> None:
    """Write what has changed of rows whose locks the caller holds."""
    bulk.update_changed(AutomatedSignal, rows, UPDATED)


def save_or_mark(signal: AutomatedSignal, now: datetime) -> None:
    """Save one signal behind a savepoint; if its values cannot be stored, keep the row and mark it for rebuild."""
    try:
        with transaction.atomic():
            signal.save()
    except Exception as error:
        log.exception("%s could not be stored", signal.trade_id)
        marked = blank(signal.source_id, signal.trade_id, signal.symbol, signal.life)
        marked.pk = signal.pk
        for name in MARKED:
            setattr(marked, name, getattr(signal, name))
        marked.rebuild_error = text_of(error)
        marked.save()
        signal.pk = marked.pk
