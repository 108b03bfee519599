"""Translation: a payload of another alert becomes entries in our own words, which the table of all dialects reads.

`spec` checks what a format says and makes these of it; here is what they do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from signals.clock import MINUTE
from signals.dialects import values
from signals.dialects.base import PRICES, Entry, Payload, is_signed, symbol_in, whole_bar
from signals.dialects.jsontext import Spoilt
from signals.dialects.numbers import Numbers
from signals.dialects.paths import Found
from signals.dialects.spellings import SHARED, STATED, Row, Table, row
from signals.dialects.values import FaultError, is_absent
from signals.facts import FACTS, BarFacts, EventFacts
from signals.formats import canonical, quoted
from signals.learning import minutes_of
from signals.vocabulary import Direction, EventType

# What a step does: opens a position, opens one and closes what is open of the other side, closes one, or nothing.
OPENS = {"open long": Direction.BULLISH, "open short": Direction.BEARISH}
TURNS = {"turn long": "open long", "turn short": "open short"}
TURNED = {Direction.BULLISH: Direction.BEARISH, Direction.BEARISH: Direction.BULLISH}
CLOSES = {"close long": Direction.BULLISH, "close short": Direction.BEARISH, "close": None}
NOTHING = "nothing"
TYPES = {kind.value: kind for kind in EventType}
OF_ONE_POSITION = frozenset({*TURNS, "close"})  # which need to know that nothing else is open
MOVES = (*OPENS, *TURNS, *CLOSES)
STEPS = (*MOVES, NOTHING, *TYPES)
SIDE_NAMES = {Direction.BULLISH: "LONG", Direction.BEARISH: "SHORT"}
# Names that mean something beside the facts: a symbol, and the price at which a step opens or closes.
SYMBOL, PRICE = "symbol", "price"
# Told by no message itself: the position before an order, by the one after it and what the order moved.
BEFORE, POSITION, CONTRACTS, ACTION = "before", "position", "contracts", "action"
NOISE = Decimal("1e-9")  # less of a position is the rounding of sums
LONGEST_BAR = 30  # minutes; the last one of a session is as long as the others in every market
# Stated about a trade that begins; an order that ends one has them for other reasons.
OF_OPENING = frozenset({"entry_price", "stop_loss", "tp1", "tp2", "tp3"})
PRICED = {EventType.ENTRY: "entry_price", EventType.EXIT: "exit_price"}
NUMERIC = frozenset({"price", "r", "count"})


def own_row(fact: str) -> Row:
    return row(fact, fact)


# The table of all dialects, with every fact under its own name.
OWN_SPELLINGS = Table(
    replace(each, fields=(each.fact,)) if each.fields != ("",) else each
    for each in (*SHARED, *STATED, *map(own_row, ("single_leg", "one_position", "if_open")))
    if each.fact != "htf_conflict"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The condition of a rule: what each of these names must say."""

    names: Mapping[str, frozenset[str]]

    def __call__(self, sent: Mapping[str, Any]) -> bool:
        return all(fits(sent[name], known) for name, known in self.names.items())


class Rule(NamedTuple):
    applies: Asked
    steps: tuple[str, ...]


class Translation(NamedTuple):
    """A spec, ready to be used: how a payload becomes entries in our own words."""

    found: Mapping[str, Found]
    words: Mapping[str, Mapping[str, str]]
    rules: tuple[Rule, ...]
    trade_id: tuple[str, ...]
    apart: bool
    zone: str
    numbers: Numbers

    def entries(self, payload: Payload) -> list[Entry]:
        sent = {name: find(payload) for name, find in self.found.items()}
        sent.setdefault(BEFORE, position_before(sent, self.numbers))
        said = {name: self.meant(name, value) for name, value in sent.items() if not is_absent(value)}
        for rule in self.rules:
            if rule.applies(sent):
                return [entry for step in rule.steps for entry in self.taken(step, said)]
        shown = ", ".join(f"{name} {quoted(value)}" for name, value in sent.items() if name in self.asked)
        raise FaultError(f"no rule says what {shown or 'it'} means; teach the format this case")

    @property
    def asked(self) -> frozenset[str]:
        """The names that rules decide by."""
        return frozenset(name for rule in self.rules for name in rule.applies.names)

    def meant(self, name: str, value: Any) -> Any:
        """What a sent value means: its word translated, its number or time in our spelling."""
        if isinstance(value, Spoilt):
            raise FaultError(f"{name} cannot be read: {value.problem}")
        try:
            values.filled(value)
        except FaultError as fault:
            raise FaultError(f"{name} {fault}") from None
        if name in self.words:
            known = self.words[name].get(word_of(value))
            if known is None:
                raise FaultError(f"{name} {quoted(value)} is none of {', '.join(self.words[name])}")
            return known
        kind = FACTS.get(name, "price" if name == PRICE else "")
        if kind in NUMERIC:
            return self.numbers.read(name, value)
        return moment(name, value, self.zone) if kind == "moment" else value

    def taken(self, step: str, said: Mapping[str, Any]) -> list[Entry]:
        """The entries of one step of a rule."""
        if step == NOTHING:
            return []
        if step in TURNS:
            opened = TURNS[step]
            return [self.closed(TURNED[OPENS[opened]], said, if_open=True), *self.taken(opened, said)]
        if step in CLOSES:
            return [self.closed(CLOSES[step], said)]
        side = OPENS.get(step)
        kind = EventType.ENTRY if side else TYPES[step]
        return [(kind, self.entry(kind, side, said, at_move=step in OPENS))]

    def closed(self, side: Direction | None, said: Mapping[str, Any], *, if_open: bool = False) -> Entry:
        """The end of a position of this side, None: of whichever is open."""
        kept = {name: value for name, value in said.items() if name not in OF_OPENING}
        entry = self.entry(EventType.EXIT, side, kept, at_move=True)
        return EventType.EXIT, {**entry, "if_open": True} if if_open else entry

    def entry(
        self, kind: EventType, side: Direction | None, said: Mapping[str, Any], *, at_move: bool
    ) -> dict[str, Any]:
        entry = {name: value for name, value in said.items() if name != PRICE}
        if PRICE in said and kind in PRICED:
            entry.setdefault(PRICED[kind], said[PRICE])
        if side:
            entry["direction"] = side.value
        if at_move and not self.apart:
            entry["one_position"] = True
        entry["trade_id"] = self.named(entry, side)
        return entry

    def named(self, entry: Mapping[str, Any], side: Direction | None) -> str:
        parts = []
        for name in self.trade_id:
            value = entry.get(name)
            if is_absent(value):
                raise FaultError(f"{name}, of which the trade id is made, is missing")
            parts.append(symbol_in(value) if name == SYMBOL else text_of(value))
        if self.apart and side:
            parts.append(SIDE_NAMES[side])
        return " ".join(parts)


def position_before(sent: Mapping[str, Any], written: Numbers) -> Decimal | None:
    """The position before an order was filled; None where the message does not tell enough."""
    sign = {"buy": -1, "sell": 1}.get(word_of(sent.get(ACTION)))
    if sign is None or is_absent(sent.get(POSITION)) or is_absent(sent.get(CONTRACTS)):
        return None
    after, moved = (
        values.number(written.read(name, sent[name]), values.PRICE_LIMIT, values.PRICE_PLACES)
        for name in (POSITION, CONTRACTS)
    )
    before = after + sign * abs(moved)
    return before if abs(before) > NOISE else Decimal(0)


def text_of(value: Any) -> str:
    """A value as a part of a trade id."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise FaultError(f"{quoted(value)} cannot be part of a trade id")
    return canonical(value) if isinstance(value, Decimal) else str(value).strip()


def word_of(value: Any) -> str:
    """A value as it is compared with words: without case, a number in its one spelling, "" for none."""
    if is_absent(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return canonical(value)
    return str(value).strip().lower() if isinstance(value, str | int) else "\0"  # lists and objects are no words


def moment(name: str, value: Any, zone: str) -> int:
    """A time as epoch milliseconds. A wall clock is read in the format's zone, and refused where it has none.

    A date alone is no time.
    """
    try:
        if isinstance(value, int | Decimal) or value.strip().isdecimal():
            number = Decimal(value)
            return int(number if number >= values.EARLIEST_MS else number * 1000)
        stated = datetime.fromisoformat(value.strip() if len(value.strip()) > len("2026-03-02") else "")
    except (AttributeError, ValueError, ArithmeticError):
        raise FaultError(f"{name} {quoted(value)} is not a time") from None
    if stated.tzinfo is None:
        if not zone:
            raise FaultError(f"{name} {quoted(value)} has no zone; say in the format which it is in")
        stated = stated.replace(tzinfo=ZoneInfo(zone))
        if stated.utcoffset() != stated.replace(fold=1).utcoffset():
            raise FaultError(f"{name} {quoted(value)} is in an hour that clocks in {zone} show twice, or skip")
    try:
        return int(stated.astimezone(UTC).timestamp()) * 1000
    except (OverflowError, ValueError):
        raise FaultError(f"{name} {quoted(value)} is not a time") from None


def fits(value: Any, known: frozenset[str]) -> bool:
    """Whether a value says one of the words. "" stands for none, "*" for any, >0 and <0 for a number's sign."""
    word = word_of(value)
    if word in known or ("*" in known and word):
        return True
    if not known.isdisjoint({">0", "<0", "=0"}):
        try:
            number = values.number(word.replace(",", ""), values.PRICE_LIMIT, values.PRICE_PLACES)
        except FaultError:
            return False
        return (">0" if number > NOISE else "<0" if number < -NOISE else "=0") in known
    return False


@dataclass(frozen=True, slots=True)
class BarReader:
    """How the price bar of a payload is read. Its time is its open; of a longer bar only the close is one minute's."""

    found: Mapping[str, Found]
    zone: str
    numbers: Numbers

    def __call__(self, payload: Payload, _: Sequence[EventFacts], signed: bool) -> tuple[BarFacts, ...]:
        sent = {name: values.filled(find(payload)) for name, find in self.found.items()}
        minutes = minutes_of(str(sent.get("interval") or ""))
        if minutes is None or minutes > LONGEST_BAR:
            said = f"its interval {quoted(sent.get('interval'))} is not one of 1 to {LONGEST_BAR} minutes"
            raise FaultError(f"{said}, which a bar's close is a minute's of")
        symbol = symbol_in(sent.get(SYMBOL))
        prices = {name: sent[name] if is_absent(sent[name]) else self.numbers.read(name, sent[name]) for name in PRICES}
        bar = whole_bar(prices, signed or is_signed({SYMBOL: symbol}))
        if bar is None:
            return ()
        opened = datetime.fromtimestamp(moment("time", sent["time"], self.zone) // 1000, UTC)
        if opened.second:
            raise FaultError(f"its time {quoted(sent['time'])} is not a whole minute, as a bar's open is")
        if minutes == 1:
            return (replace(bar, time=opened, symbol=symbol, of_minute=True),)
        return (BarFacts(bar.close, opened + (minutes - 1) * MINUTE, symbol=symbol),)
