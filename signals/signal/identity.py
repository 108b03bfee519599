"""Identity: which signal an event is of. Pure.

A source, a trade id, a symbol and a life are one signal. Senders use one id for several: two charts in one source name
the bars of two symbols alike, and a strategy's order id ("Long") comes again with every trade. So an id's events are
told apart by the symbol that they state, and an id that names no bar by its births: one that comes after the end of
the life before it begins another life.

`grouping` decides it from the set of an id's events, so that their order cannot matter. `places` decides the same for
new events by the rows that are stored, where these show that nothing else can change; else it says so.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from signals.clock import TradeId
from signals.models import AutomatedSignal
from signals.symbols import spellings
from signals.vocabulary import EXITS, REPORTS, EventType

from .positions import of_positions, trades_of
from .registers import BIRTH, Heard

ENDS = frozenset({*EXITS, EventType.CANCELLED})
ENDED = ("be_exit_at", "stop_exit_at", "cancelled_at", "seen_cancelled_at", "seen_completed_at")
# A birth that comes again so soon, word for word, is the same: a retry, or the log's minute beside the receipt's.
REPEATED = timedelta(minutes=2)
Standing = AutomatedSignal.Standing


class Event(Heard, Protocol):
    """What identity needs of an event besides: the symbol that it states, "" for none."""

    @property
    def symbol(self) -> str: ...


class Place(NamedTuple):
    """Which of its id's signals something is of: the symbol that is stated ("" when none is), and the life from 1."""

    symbol: str
    life: int


def grouping(trade_id: str, events: Sequence[Event], home: str) -> list[Place]:
    """The place of each event of one source and trade id. `home` is the source's own symbol, "" when unknown.

    An event that states no symbol is of the only one that the id's others state, else of the source's own, else of a
    signal without a symbol.
    """
    symbols = symbols_of(events, home)
    if TradeId.parse(trade_id) is not None:
        return [Place(symbol, 1) for symbol in symbols]
    found: list[Place] = [Place("", 1)] * len(events)
    for symbol in set(symbols):
        members = [index for index, named in enumerate(symbols) if named == symbol]
        for index, life in zip(members, lives_of([events[index] for index in members]), strict=True):
            found[index] = Place(symbol, life)
    return found


def symbols_of(events: Sequence[Event], home: str) -> list[str]:
    stated = {event.symbol for event in events} - {""}
    named = spellings(stated)
    known = set(named.values())
    rest = unstated(known, home) if len(known) > 1 else next(iter(known), "")
    return [named[event.symbol] if event.symbol else rest for event in events]


def unstated(known: Iterable[str], home: str) -> str:
    """Where events without a symbol belong that several are known beside: to the source's own, however spelled."""
    named = spellings({*known, home})
    return next((symbol for symbol in known if named[symbol] == named[home]), "")


def lives_of(events: Sequence[Event], first: int = 1) -> list[int]:
    """The life that each event is of, in an id of one symbol that names no bar. `first` is the number of the first.

    A birth in a later minute than an end begins another life, unless it repeats one of the life before. An id that
    stands for positions has its own rule.
    """
    if of_positions(events):
        return trades_of(events, first)
    order = sorted(range(len(events)), key=lambda index: events[index].fire_minute)
    found, life, ended = [first] * len(events), first, None
    births: list[Event] = []
    for minute, group in groupby(order, key=lambda index: events[index].fire_minute):
        members = list(group)
        born = [events[index] for index in members if events[index].type in BIRTH]
        if ended is not None and ended < minute and not all(repeats(birth, births) for birth in born):
            life, ended, births = life + 1, None, []
        births += born
        if ended is None and any(is_end(events[index]) for index in members):
            ended = minute
        for index in members:
            found[index] = life
    return found


def is_end(event: Event) -> bool:
    return event.type in ENDS or (event.type not in REPORTS and bool(event.facts.get("completed")))


def repeats(birth: Event, earlier: Iterable[Event]) -> bool:
    """Whether the birth tells one of these again: at no other price, and of the same time where both state one, else
    word for word at once."""
    return any(is_same_birth(birth, other) for other in earlier)


def is_same_birth(one: Event, other: Event) -> bool:
    if len({event.facts["entry_price"] for event in (one, other) if "entry_price" in event.facts}) > 1:
        return False
    stated, before = stated_time(one), stated_time(other)
    if stated and before:
        return bool(stated == before)
    near = abs(one.fire_minute - other.fire_minute) <= REPEATED
    return near and (one.type, one.facts) == (other.type, other.facts)


def stated_time(event: Event) -> Any:
    facts = event.facts
    if "triangle_time" in facts:
        return facts["triangle_time"]
    return (facts["signal_date"], facts["signal_clock"]) if facts.keys() >= {"signal_date", "signal_clock"} else None


def places(trade_id: str, rows: Sequence[AutomatedSignal], events: Sequence[Event], home: str) -> list[Place] | None:
    """The place of each new event by the rows of its id, of each symbol the latest life. None: ask stored events."""
    if not rows:
        return grouping(trade_id, events, home)
    symbols = new_symbols(rows, [event.symbol for event in events], home)
    if symbols is None:
        return None
    # An only row takes the symbol that its events turn out to be of.
    latest = {symbols[0] if is_alone(row) else row.symbol: row for row in rows}
    if not latest.keys() >= set(symbols):
        return None
    if TradeId.parse(trade_id) is None:
        for symbol in set(symbols):
            its = [event for event, named in zip(events, symbols, strict=True) if named == symbol]
            if not goes_on(latest[symbol], its):
                return None
    return [Place(symbol, latest[symbol].life) for symbol in symbols]


def new_symbols(rows: Sequence[AutomatedSignal], stated: Sequence[str], home: str) -> list[str] | None:
    """The symbols of new events where those of stored ones stay the same; None where they may not."""
    before = {row.symbol for row in rows} - {""}
    named = spellings({*before, *stated} - {""})
    known = set(named.values())
    if known != before and (len(known) > 1 or not is_alone(rows[0])):
        return None
    rest = unstated(known, home) if len(known) > 1 else next(iter(known), "")
    return [named[symbol] if symbol else rest for symbol in stated]


def is_alone(row: AutomatedSignal) -> bool:
    return row.standing == Standing.ALONE


def goes_on(row: AutomatedSignal, events: Sequence[Event]) -> bool:
    """Whether the latest life of an id that names no bar takes these events without becoming two."""
    if of_positions(events):
        return False
    if row.life > 1 and min(event.fire_minute for event in events) < row.first_event_at:
        return False
    ends = [event.fire_minute for event in events if is_end(event)]
    ended = min((at for at in (*ends, *(getattr(row, name) for name in ENDED)) if at), default=None)
    if ended is None:
        return True
    if any(event.type in BIRTH and event.fire_minute > ended for event in events):
        return False
    return all(end >= row.last_event_at for end in ends)


def standings(places: Iterable[Place], *, alone: bool = True) -> dict[Place, Standing]:
    """How each signal stands among those of its id. `alone`: these are all of them."""
    every, last = set(places), dict[str, int]()
    for place in every:
        last[place.symbol] = max(place.life, last.get(place.symbol, 0))
    if alone and len(every) == 1:
        return dict.fromkeys(every, Standing.ALONE)
    return {place: Standing.LATEST if place.life == last[place.symbol] else Standing.EARLIER for place in every}


def is_unclear(place: Place, places: Iterable[Place], home: str) -> bool:
    """Whether other signals of the id have a symbol, and nothing tells which one this is of."""
    return not place.symbol and not home and any(each.symbol for each in places)
