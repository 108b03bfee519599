"""Regrouping: the signals of an id whose events must be told apart anew, derived from all of them, in memory.

`identity` decides which events are one signal's. A row keeps the events that most of its own stay with, so that its
fills, gaps and history stay with what they are about; fills that no longer follow are for the next cycle to withdraw.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from django.db.models import F
from django.dispatch import Signal

from signals.models import AutomatedSignal, Fill, SignalEvent, Source, Thinned
from signals.signal.joining import absorb, blank, join_fill
from signals.storage import bulk

from .identity import Place, Standing, grouping, is_unclear, lives_of, new_symbols, standings
from .positions import of_positions

Part = TypeVar("Part", SignalEvent, Fill)
# What is about the row itself and not about the signal: never compared, and kept when a row is restored.
KEPT = frozenset(
    {
        "id",
        "created_at",
        "updated_at",
        "needs_sync",
        "check_at",
        "health_score",
        "reconciliation_timestamp",
        "bars_far",
        "repainted",
        "flips",
    }
)
# Which signal the row is: of its id's events together, never of its own alone.
IDENTITY = ("symbol", "life", "standing", "symbol_unclear")

# `emptied` is a row whose events are all other signals' now. It is deleted next: what refers to it must end, or refer
# to `into`.
row_emptied = Signal()


@dataclass(slots=True)
class Seat:
    """A signal and the events that join it."""

    signal: AutomatedSignal
    events: Sequence[SignalEvent]


@dataclass(slots=True)
class Regrouped:
    """What grouping anew made: the signals with their new events, and what must be written once they are stored."""

    seats: list[Seat] = field(default_factory=list)
    moved: list[tuple[SignalEvent, AutomatedSignal]] = field(default_factory=list)
    emptied: list[tuple[AutomatedSignal, AutomatedSignal]] = field(default_factory=list)

    def move(self) -> None:
        """Write stored events that are another signal's now, and delete rows that nothing is left of."""
        for event, signal in self.moved:
            event.signal_id = signal.pk
        bulk.update(SignalEvent, [event for event, _ in self.moved], ["signal", "sequence_number"])
        for row, into in self.emptied:
            row_emptied.send(AutomatedSignal, emptied=row, into=into)
            row.delete()


def shared_out(places: Iterable[Place], events: Sequence[SignalEvent]) -> Iterator[tuple[Place, list[SignalEvent]]]:
    """Events by their places, in the order of these."""
    shares: dict[Place, list[SignalEvent]] = defaultdict(list)
    for place, event in zip(places, events, strict=True):
        shares[place].append(event)
    yield from sorted(shares.items())


def newborn(source: Source, trade_id: str, found: Sequence[Place]) -> dict[Place, AutomatedSignal]:
    """The signals that an id's first events make, in memory."""
    made = {}
    for place, standing in standings(found).items():
        signal = made[place] = blank(source.pk, trade_id, *place)
        signal.standing, signal.symbol_unclear = standing, is_unclear(place, found, source.symbol)
    return made


def regroup(source: Source, fresh: Mapping[str, Sequence[SignalEvent]]) -> Regrouped:
    """Group the events of these ids anew, with new ones of each, in memory. Locks their rows.

    The caller holds the source's clock, saves the seats' signals and calls `move` then.
    """
    made = Regrouped()
    if not fresh:
        return made
    rows: dict[str, list[AutomatedSignal]] = defaultdict(list)
    locked = AutomatedSignal.objects.select_for_update(of=("self",)).filter(source=source, trade_id__in=list(fresh))
    for row in locked.order_by("pk"):
        rows[row.trade_id].append(row)
    for trade_id, events in fresh.items():
        own = rows[trade_id]
        tail = tail_of(own, events, source.symbol)
        if tail is None:
            regroup_id(made, source, trade_id, own, events, first=1, alone=True)
        else:
            regroup_id(made, source, trade_id, [tail], events, first=tail.life, alone=tail.life == 1 == len(own))
    return made


def tail_of(rows: Sequence[AutomatedSignal], events: Sequence[SignalEvent], home: str) -> AutomatedSignal | None:
    """The row whose life alone the events can change: the last, where all of them are of one known symbol and later."""
    symbols = {row.symbol for row in rows}
    latest = [row for row in rows if row.standing != Standing.EARLIER]
    if len(symbols) > 1 or len(latest) != 1 or not events:
        return None
    stated = new_symbols(latest, [event.symbol for event in events], home)
    began, since = min(event.fire_minute for event in events), latest[0].first_event_at
    # What comes in the minute in which a position was turned round may be of the one before.
    later = began > since if of_positions(events) else began >= since
    return latest[0] if stated and set(stated) == symbols and later else None


def regroup_id(
    made: Regrouped,
    source: Source,
    trade_id: str,
    rows: Sequence[AutomatedSignal],
    fresh: Sequence[SignalEvent],
    *,
    first: int,
    alone: bool,
) -> None:
    """Group the events of one id anew: those of these rows, and new ones. `first` is the life that the rows begin with,
    `alone` says that they are all rows of the id."""
    stored = list(SignalEvent.objects.filter(signal__in=rows).order_by("pk"))
    events = [*stored, *fresh]
    if not events:
        return
    found = grouping(trade_id, events, source.symbol)
    if first > 1:
        found = [Place(rows[0].symbol, life) for life in lives_of(events, first)]
    kept, standing = matched(found, stored, rows), standings(found, alone=alone)
    fills = by_signal(Fill.objects.filter(signal__in=rows, state=Fill.State.ACTIVE).order_by("signal_id", "pk"))
    gone = dict(Thinned.objects.filter(signal__in=rows).values_list("signal", "updates"))
    stays = {row.pk: place for place, row in kept.items()}
    make_room(row.pk for row in rows if stays.get(row.pk) != (row.symbol, row.life))
    for place, own in shared_out(found, events):
        row = kept.get(place)
        before = {event.pk: (event.signal_id, event.sequence_number) for event in own if event.pk}
        signal = blank(source.pk, trade_id, *place)
        absorb(signal, own)
        if row is not None:
            keep(signal, row, fills.get(row.pk, ()))
            signal.event_count += gone.get(row.pk, 0)
        signal.standing, signal.symbol_unclear = standing[place], is_unclear(place, found, source.symbol)
        made.seats.append(Seat(signal, [event for event in own if not event.pk]))
        key = row.pk if row else None
        made.moved += [
            (event, signal) for event in own if event.pk in before and before[event.pk] != (key, event.sequence_number)
        ]
    into = made.seats[-1].signal
    for row in rows:
        if row.pk not in stays:
            into.event_count += gone.get(row.pk, 0)
            made.emptied.append((row, into))


def keep(signal: AutomatedSignal, row: AutomatedSignal, fills: Iterable[Fill]) -> None:
    """Let a signal of a row's events, in memory, be the row that is stored, with its fills."""
    for fill in fills:
        join_fill(signal, fill)
    for name in KEPT:
        setattr(signal, name, getattr(row, name))
    signal._state.adding = False


def by_signal(rows: Iterable[Part]) -> dict[int, list[Part]]:
    """Events or fills by the key of their signal, in whose order they come."""
    return {key: list(own) for key, own in groupby(rows, attrgetter("signal_id"))}


def matched(
    found: Sequence[Place], stored: Sequence[SignalEvent], rows: Sequence[AutomatedSignal]
) -> dict[Place, AutomatedSignal]:
    """The row that each place keeps: of those left the one that most of its events are stored under."""
    shared = Counter((place, event.signal_id) for place, event in zip(found, stored, strict=False))
    left, kept = {row.pk: row for row in rows}, dict[Place, AutomatedSignal]()
    for (place, key), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if place not in kept and key in left:
            kept[place] = left.pop(key)
    return kept


def make_room(keys: Iterable[int]) -> None:
    """Rows that become another symbol's or life, or nothing, make way first: two may change places."""
    AutomatedSignal.objects.filter(pk__in=list(keys)).update(life=-F("life"))
