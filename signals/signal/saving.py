"""Saving: new events are stored, joined to their signals, and the signals' rows written.

`joining` and `deriving` decide; this module locks, loads and saves. Locks are taken in one order everywhere: the
source's clock first (by writers that bring votes or new signals), then signals by key.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db import transaction

from signals.clock import Vote
from signals.models import AutomatedSignal, SignalEvent, Source
from signals.signal.joining import blank, count_in, join
from signals.storage import bulk
from signals.storage.bulk import insert

from .deriving import Venue, settle
from .zones import Hold, decide_zones, is_quiet, swayed_signals

log = logging.getLogger(__name__)
COLUMNS = [field.name for field in AutomatedSignal._meta.concrete_fields if not field.primary_key]
UPDATED = [name for name in COLUMNS if name not in ("source", "trade_id", "created_at")]


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
    safe = hold == Hold.ALONE or (hold == Hold.SHARED and is_quiet(source, votes))
    if not safe and (votes or shakes_clock(stored, by_trade)):
        raise ClockNeededError
    signals = {trade_id: stored.get(trade_id) or blank(source.pk, trade_id) for trade_id in sorted(by_trade)}
    moved = []
    for trade_id, signal in signals.items():
        first = signal.first_event_at if signal.event_count else None
        absorb(signal, by_trade[trade_id])
        if signal.first_event_at != first:
            moved.append(signal)
    decide_zones(moved, source, votes)
    venue = Venue.of(source)
    save(signals.values(), venue, now=now, careful=careful)
    for event in events:
        event.signal_id = signals[event.trade_id].pk
    insert(SignalEvent, events)
    if votes:
        # Registers do not depend on the zone, so signals that the votes have swayed need only be settled again.
        save(decide_zones(swayed_signals(source, votes), source), venue, now=now, careful=False)
    updated = frozenset(signal.pk for signal in stored.values())
    return frozenset(signal.pk for signal in signals.values()) - updated, updated


def votes_of(events: Iterable[SignalEvent]) -> list[Vote]:
    return [
        Vote(event.fire_minute, event.payload_checksum, event.position, event.clock_vote)
        for event in events
        if event.clock_vote
    ]


def lock_signals(source: Source, trade_ids: Collection[str]) -> dict[str, AutomatedSignal]:
    marks = ", ".join(["%s"] * len(trade_ids))
    condition = f"source_id = %s AND trade_id IN ({marks})"
    return {row.trade_id: row for row in bulk.locked(AutomatedSignal, condition, [source.pk, *trade_ids])}


def shakes_clock(known: dict[str, AutomatedSignal], by_trade: dict[str, list[SignalEvent]]) -> bool:
    """Whether the events make a signal, or move the first minute of one: then its zone must be decided (again)."""
    return any(
        trade_id not in known
        or not known[trade_id].event_count  # only replay knew of it
        or min(event.fire_minute for event in events) < known[trade_id].first_event_at
        for trade_id, events in by_trade.items()
    )


def absorb(signal: AutomatedSignal, events: Iterable[SignalEvent]) -> None:
    """Join events to their signal and number them, in memory. An event that fails to join is kept all the same."""
    for event in events:
        count_in(signal, event)
        event.sequence_number = signal.event_count
        try:
            join(signal, event)
        except Exception as error:
            log.exception("an event of %s did not join", signal.trade_id)
            signal.rebuild_error = text_of(error)


def text_of(error: Exception) -> str:
    """An error as `rebuild_error` keeps it."""
    return f"{type(error).__name__}: {error}"


def settle_or_mark(signal: AutomatedSignal, venue: Venue) -> None:
    """Settle a signal, or note on it why that failed: one must not stop the others."""
    try:
        settle(signal, venue)
    except Exception as error:
        log.exception("%s did not settle", signal.trade_id)
        signal.rebuild_error = text_of(error)


def finish(signal: AutomatedSignal, venue: Venue, now: datetime) -> None:
    """Settle a signal and mark it for the next cycle, in memory."""
    settle_or_mark(signal, venue)
    signal.needs_sync = True
    signal.created_at = signal.created_at or now
    signal.updated_at = now


def save(signals: Iterable[AutomatedSignal], venue: Venue, *, now: datetime, careful: bool) -> None:
    rows = list(signals)
    for signal in rows:
        finish(signal, venue, now)
    if careful:
        for signal in rows:
            save_or_mark(signal, now)
        return
    stored = [signal for signal in rows if signal.pk is not None]
    insert(AutomatedSignal, [signal for signal in rows if signal.pk is None])
    overwrite(stored)


def overwrite(rows: Sequence[AutomatedSignal]) -> None:
    """Write whole rows whose locks the caller holds."""
    bulk.update(AutomatedSignal, rows, UPDATED)


def save_or_mark(signal: AutomatedSignal, now: datetime) -> None:
    """Save one signal behind a savepoint; if its values cannot be stored, keep the row and mark it for rebuild."""
    try:
        with transaction.atomic():
            signal.save()
    except Exception as error:
        log.exception("%s could not be stored", signal.trade_id)
        marked = blank(signal.source_id, signal.trade_id)
        marked.pk = signal.pk
        for name in ("first_event_at", "last_event_at", "event_count", "created_at", "updated_at"):
            setattr(marked, name, getattr(signal, name))
        marked.rebuild_error = text_of(error)
        marked.save()
        signal.pk = marked.pk
