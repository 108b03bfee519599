"""Rebuilding: a signal derived anew from its stored events and active fills, to prove or to restore its row."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from signals.models import AutomatedSignal, Fill, SignalEvent, Source, Thinned
from signals.signal.joining import blank, count_in, in_turn, join, join_fill, text_of

from .deriving import Venue
from .identity import Place, grouping, is_unclear, standings
from .registers import Event
from .regrouping import IDENTITY, KEPT, by_signal
from .saving import UPDATED, overwrite, regroup_ids, settle_or_mark
from .zones import decide_zones

log = logging.getLogger(__name__)
SIGNALS_AT_ONCE = 200
MISPLACED = "Its events are not those of one signal: they must be grouped anew."
COMPARED = [name for name in UPDATED if name not in KEPT]


class Difference(NamedTuple):
    """One field of one signal in which the stored row is not what its events and fills add up to."""

    trade_id: str
    field: str
    stored: Any
    derived: Any


def derive(
    signal: AutomatedSignal, events: Sequence[Event], fills: Sequence[Fill], *, let_go: int = 0
) -> AutomatedSignal:
    """What the signal should be, except for its zone and what follows from it. `signal` is left as it is.

    `let_go` updates are not among the events any more (thinning.py); they still count.
    """
    fresh = blank(signal.source_id, signal.trade_id)
    for event in events:
        count_in(fresh, event)
    for event in in_turn(events):
        join(fresh, event)
    for fill in fills:
        join_fill(fresh, fill)
    fresh.event_count += let_go
    for name in (*KEPT, *IDENTITY):
        setattr(fresh, name, getattr(signal, name))
    return fresh


def rederive(signals: Sequence[AutomatedSignal]) -> Iterator[tuple[AutomatedSignal, AutomatedSignal]]:
    """Pairs of stored and derived, for signals of one source. Reads all their events: callers chunk."""
    keys = [signal.pk for signal in signals]
    events = SignalEvent.objects.filter(signal__in=keys).order_by("signal_id", "fire_minute", "pk")
    heard = by_signal(events.iterator())
    active = Fill.objects.filter(signal__in=keys, state=Fill.State.ACTIVE).order_by("signal_id", "pk")
    fills = by_signal(active)
    gone = dict(Thinned.objects.filter(signal__in=keys).values_list("signal", "updates"))
    source = Source.objects.get(pk=signals[0].source_id)
    pairs = [
        (signal, derived(signal, heard[signal.pk], fills.get(signal.pk, []), gone.get(signal.pk, 0)))
        for signal in signals
        if signal.pk in heard
    ]
    decide_zones([fresh for _, fresh in pairs if not fresh.rebuild_error], source)
    venue, wrong = Venue.of(source), misplaced(source, signals, heard)
    for signal, fresh in pairs:
        if not fresh.rebuild_error:
            settle_or_mark(fresh, venue)
        if signal.trade_id in wrong:
            fresh.rebuild_error = MISPLACED
        yield signal, fresh


def misplaced(
    source: Source, signals: Sequence[AutomatedSignal], events: Mapping[int, Sequence[SignalEvent]]
) -> set[str]:
    """The ids among these of which an event is another signal's than it is stored under, or a row another than it says.

    `events` are those of the signals. Of ids that have other signals the others' events are read.
    """
    shared = {signal.trade_id for signal in signals if signal.standing != AutomatedSignal.Standing.ALONE}
    others = AutomatedSignal.objects.filter(source=source, trade_id__in=shared).exclude(pk__in=list(events))
    theirs = SignalEvent.objects.filter(signal__in=others).order_by("signal_id")
    every = {**events, **by_signal(theirs)}
    rows: dict[str, list[AutomatedSignal]] = defaultdict(list)
    for signal in (*signals, *others):
        rows[signal.trade_id].append(signal)
    return {trade_id for trade_id, own in rows.items() if not is_grouped(trade_id, own, every, source.symbol)}


def is_grouped(
    trade_id: str, rows: Sequence[AutomatedSignal], events: Mapping[int, Sequence[SignalEvent]], home: str
) -> bool:
    """Whether the rows of an id are the signals that its events are of."""
    if len(rows) > 1 and not all(events.get(row.pk) for row in rows):
        return False
    own = [(row, event) for row in rows for event in events.get(row.pk, ())]
    found = grouping(trade_id, [event for _, event in own], home)
    standing = standings(found)
    return all(
        (place, standing[place], is_unclear(place, found, home))
        == (Place(row.symbol, row.life), row.standing, row.symbol_unclear)
        for place, (row, _) in zip(found, own, strict=True)
    )


def derived(
    signal: AutomatedSignal, events: Sequence[SignalEvent], fills: Sequence[Fill], let_go: int = 0
) -> AutomatedSignal:
    """The derived signal, or the stored one marked with why it cannot be derived: one must not stop the others."""
    try:
        return derive(signal, events, fills, let_go=let_go)
    except Exception as error:
        log.exception("%s cannot be derived", signal.trade_id)
        return marked(signal, error)


def marked(signal: AutomatedSignal, error: Exception) -> AutomatedSignal:
    same = copy(signal)
    same.rebuild_error = text_of(error)
    return same


def differences(signal: AutomatedSignal, fresh: AutomatedSignal) -> list[Difference]:
    """Field by field, as the columns store them (a Decimal keeps its column's places, and no more)."""
    found = []
    for name in COMPARED:
        field: Any = AutomatedSignal._meta.get_field(name)
        stored, derived = getattr(signal, field.attname), field.to_python(getattr(fresh, field.attname))
        if same(stored, derived, getattr(field, "decimal_places", None)):
            continue
        found.append(Difference(signal.trade_id, name, stored, derived))
    return found


def same(stored: Any, derived: Any, places: int | None) -> bool:
    if places is not None and stored is not None and derived is not None:
        return bool(round(stored, places) == round(derived, places))
    return bool(stored == derived)


def chunks(source: Source | None = None) -> Iterator[list[AutomatedSignal]]:
    """All signals (of a source) in chunks of one source each, by key; each chunk is read when it is asked for."""
    sources = [source] if source else Source.objects.order_by("pk")
    for each in sources:
        last = 0
        while chunk := list(AutomatedSignal.objects.filter(source=each, pk__gt=last).order_by("pk")[:SIGNALS_AT_ONCE]):
            last = chunk[-1].pk
            yield chunk


def restore(signals: Sequence[AutomatedSignal], *, now: datetime) -> list[Difference]:
    """Write the derived values over rows that differ, in one transaction; returns what differed.

    Ids whose events are not where they belong are grouped anew, with signals of theirs that are not among these.
    """
    found: list[Difference] = []
    with transaction.atomic():
        keys = [signal.pk for signal in signals]
        found += regroup_misplaced(keys, now)
        locked = list(AutomatedSignal.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk"))
        changed = []
        for signal, fresh in rederive(locked):
            wrong = differences(signal, fresh)
            if wrong:
                found += wrong
                fresh.needs_sync, fresh.updated_at = True, now
                changed.append(fresh)
        overwrite(changed)
    return found


def regroup_misplaced(keys: Sequence[int], now: datetime) -> list[Difference]:
    """Group ids anew where that is needed; what was wrong, as the differences that it made."""
    signals = list(AutomatedSignal.objects.filter(pk__in=keys).select_related("source"))
    if not signals:
        return []
    source, events = signals[0].source, SignalEvent.objects.filter(signal__in=keys).order_by("signal_id")
    wrong = sorted(misplaced(source, signals, by_signal(events.iterator())))
    regroup_ids(source, wrong, now=now)
    return [Difference(trade_id, "rebuild_error", "", MISPLACED) for trade_id in wrong]
