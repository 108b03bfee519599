"""What a dialect is: how a payload is recognised, which entries it holds, and what each field of an entry means."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from signals.dialects import values
from signals.dialects.jsontext import Spoilt
from signals.dialects.spellings import TABLE, Table
from signals.dialects.values import EVENT_TYPES, FaultError
from signals.facts import BarFacts, EventFacts, Heartbeat, Reading, UnreadableError
from signals.formats import quoted
from signals.learning import minutes_of
from signals.symbols import goes_below_zero
from signals.vocabulary import REPORTS, EventType

Payload = Mapping[str, Any]
Entry = tuple[EventType, Any]  # what kind of event, and the object that says it

MAX_ENTRIES = 5000
PRICES = ("open", "high", "low", "close")
LONGEST_INTERVAL = 12
_ADVICE = "Correct a copy of the body and replay it, or dismiss it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way of saying things, as data.

    `keys` must all be present, and where `kinds` is not empty the payload's event type must be one of them.
    `also` is asked besides; a dialect with `opens` reads texts, of which that makes a payload, or None; one with
    `within` is a relay's, and finds the message that it carries.
    `entries` lists the events in the payload and raises FaultError when the payload is not built as it should be;
    `bars` gives prices beside them; `pulse` a heartbeat. `format` is the key of the format in data that it was made of.
    """

    name: str
    keys: frozenset[str]
    kinds: frozenset[str] = frozenset()
    entries: Callable[[Payload], list[Entry]]
    table: Table = TABLE
    bars: Callable[[Payload, Sequence[EventFacts], bool], tuple[BarFacts, ...]] | None = None
    pulse: Callable[[Payload], Heartbeat] | None = None
    also: Callable[[Payload], bool] | None = None
    opens: Callable[[str], Payload | None] | None = None
    within: Callable[[Payload], Any] | None = None
    format: int | None = None

    def recognises(self, payload: Payload, kind: str) -> bool:
        known = payload.keys() >= self.keys and (not self.kinds or kind in self.kinds)
        return known and (self.also is None or self.also(payload))

    def read(self, payload: Payload, *, signed: bool = False) -> Reading:
        """All facts of the payload. Raises UnreadableError when nothing in it can be read.

        `signed`: its market has prices of zero and less. The symbols that it names itself are asked, too.
        """
        signed = signed or is_signed(payload)
        try:
            entries = self.entries(payload)
            if len(entries) > MAX_ENTRIES:
                raise FaultError(f"it holds {len(entries):,} entries; no alert has more than {MAX_ENTRIES:,}")
            heartbeat = self.pulse(payload) if self.pulse else None
        except FaultError as fault:
            raise UnreadableError(f"{self.name}: {fault}. {_ADVICE}") from None
        events, faults, notes = _events(self.table.signed if signed else self.table, entries, payload)
        bars: tuple[BarFacts, ...] = ()
        try:
            bars = self.bars(payload, events, signed) if self.bars else ()
        except FaultError as fault:
            faults.append(f"price bar: {fault}")
        if faults and not (events or bars):
            others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise UnreadableError(f"{self.name}: {faults[0]}{others}. {_ADVICE}")
        return Reading(
            self.name,
            tuple(events),
            bars,
            heartbeat=heartbeat,
            faults=(*faults, *notes),
            refused=len(faults),
            format=self.format,
            symbols=symbols_named(payload, entries),
            intervals=intervals_named(payload, entries),
        )


def _events(table: Table, entries: list[Entry], payload: Payload) -> tuple[list[EventFacts], list[str], list[str]]:
    """The entries that can be read, a line for each that cannot, and one for each value that counts as absent."""
    events, faults, notes = [], [], []
    for position, (kind, entry) in enumerate(entries):
        said = f"entry {position}, {kind.value}" if len(entries) > 1 else kind.value
        absent: list[str] = []
        try:
            if isinstance(entry, Spoilt):
                raise FaultError(entry.problem)
            if not isinstance(entry, dict):
                raise FaultError(f"{quoted(entry)} is not an object")
            prices = table.signed if is_signed(entry) else table
            facts = prices.read(kind, entry, absent)
            symbol = _stated_symbol(entry, payload, absent)
            events.append(EventFacts(kind.value, _trade_id(entry), position, facts, symbol))
            notes += [f"{said}: {note}" for note in absent]
        except FaultError as fault:
            faults.append(f"{said}: {fault}")
    return events, faults, notes


def objects_in(payload: Payload, entries: Sequence[Entry]) -> list[Payload]:
    return [payload, *(entry for _, entry in entries if isinstance(entry, dict))]


def symbols_named(payload: Payload, entries: Sequence[Entry]) -> tuple[str, ...]:
    """The symbols that the payload and its entries name, as they are spelled; what is none is passed over."""
    return tuple(dict.fromkeys(each["symbol"] for each in objects_in(payload, entries) if names_symbol(each)))


def names_symbol(named: Payload) -> bool:
    symbol = named.get("symbol")
    try:
        return isinstance(symbol, str) and bool(symbol_in(symbol))
    except FaultError:
        return False


def intervals_named(payload: Payload, entries: Sequence[Entry]) -> tuple[str, ...]:
    """The bar lengths that the payload and its entries name, where they are some."""
    named = (str(each.get("timeframe") or each.get("interval") or "") for each in objects_in(payload, entries))
    return tuple(dict.fromkeys(text for text in named if len(text) <= LONGEST_INTERVAL and minutes_of(text)))


def is_signed(named: Payload) -> bool:
    """Whether the symbol that is named there has prices of zero and less."""
    symbol = named.get("symbol")
    return isinstance(symbol, str) and goes_below_zero(symbol)


def _trade_id(entry: Payload) -> str:
    raw = entry.get("trade_id", entry.get("signal_id"))
    try:
        return values.trade_id(raw)
    except FaultError as fault:
        raise FaultError(f"trade_id {'' if raw is None else quoted(raw) + ' '}{fault}") from None


def _stated_symbol(entry: Payload, payload: Payload, absent: list[str]) -> str:
    """What the entry, else its payload, is about; "" with a note where that cannot be read."""
    named = payload.get("symbol") if values.is_absent(entry.get("symbol")) else entry["symbol"]
    try:
        return symbol_in(named)
    except FaultError as fault:
        absent.append(str(fault))
        return ""


def kind_of(payload: Payload) -> str:
    """The payload's event type in capitals, "" when it has none."""
    kind = payload.get("event_type") or payload.get("type")
    return kind.strip().upper() if isinstance(kind, str) else ""


def keys_of(payload: Payload) -> str:
    """The payload's keys, as a message may quote them."""
    return ", ".join(quoted(key) for key in sorted(payload)[:20]) or "none"


def one_event(payload: Payload) -> list[Entry]:
    """The payload is itself the one event."""
    kind = EVENT_TYPES.get(kind_of(payload))
    if kind is None or kind in REPORTS:
        known = ", ".join(name for name, each in EVENT_TYPES.items() if each not in REPORTS)
        sent = payload.get("event_type") or payload.get("type")
        if isinstance(sent, str) and (found := values.UNFILLED.search(sent)):
            raise FaultError(f"the event type {values.unfilled(found[0])}")
        raise FaultError(f"the event type {quoted(sent)} is not one of {known}; keys seen: {keys_of(payload)}")
    return [(kind, payload)]


def listed(payload: Payload, name: str, kind: EventType, *, optional: bool = False) -> list[Entry]:
    """One event of this kind per item of the list `name`."""
    items = payload.get(name)
    if items is None and optional:
        return []
    if not isinstance(items, list):
        raise FaultError(f"{name} {quoted(items)} is not a list of signals")
    return [(kind, item) for item in items]


def whole_bar(sent: Mapping[str, Any], signed: bool) -> BarFacts | None:
    """A bar with open, high, low and close, all there and in order, or None when no price is sent."""
    if all(values.is_absent(sent.get(name)) for name in PRICES):
        return None
    prices = {}
    for name in PRICES:
        value = sent.get(name)
        try:
            prices[name] = values.signed(value) if signed else values.positive(value)
        except FaultError as fault:
            raise FaultError(f"{name} {quoted(value)} {fault}") from None
    if not prices["low"] <= min(prices["open"], prices["close"]) <= max(prices.values()) <= prices["high"]:
        raise FaultError("open and close do not lie between low and high")
    return BarFacts(prices["close"], open=prices["open"], high=prices["high"], low=prices["low"])


def closes(payload: Payload, events: Sequence[EventFacts], _: bool = False) -> tuple[BarFacts, ...]:
    """One close per distinct price of the delivery: all its entries speak of the same bar."""
    found: dict[str, BarFacts] = {}
    for event in events:
        close = event.values.get("current_price")
        if close is not None and close not in found:
            found[close] = BarFacts(Decimal(close), symbol=symbol_of(payload, event.position), position=event.position)
    return tuple(found.values())


def symbol_of(payload: Payload, position: int | None = None) -> str:
    """The symbol that the payload, or the entry of its `signals` at this position, names; "" when none is."""
    named = payload.get("symbol")
    signals = payload.get("signals")
    if position is not None and isinstance(signals, list) and isinstance(signals[position], dict):
        named = signals[position].get("symbol") or named
    return symbol_in(named)


def symbol_in(named: Any) -> str:
    """A symbol in its one spelling, "" where none is named. Raises FaultError with what was sent."""
    if values.is_absent(named):
        return ""
    try:
        return values.symbol(named)
    except FaultError as fault:
        raise FaultError(f"symbol {quoted(named)} {fault}") from None
