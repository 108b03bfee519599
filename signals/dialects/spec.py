"""Formats: dialects as data, which people teach without writing code. A spec is checked and compiled into a `Dialect`.

docs/formats.md is the reference of what a spec may hold. Reading is translation: the values are found by their paths,
their words translated, and what comes out is an entry in our own words, which the table of all dialects reads.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from signals.clock import is_zone
from signals.dialects import values
from signals.dialects.base import Dialect, Entry, Payload, is_signed, whole_bar
from signals.dialects.jsontext import Spoilt
from signals.dialects.numbers import Numbers, numbers
from signals.dialects.paths import Found, PathError, path
from signals.dialects.spellings import SHARED, STATED, Table
from signals.dialects.texts import NAME, TextError, opener
from signals.dialects.values import FaultError, is_absent
from signals.facts import FACTS, BarFacts, EventFacts
from signals.formats import canonical, quoted
from signals.vocabulary import Direction, EventType

MAX_SPEC = 20_000  # characters of JSON
MAX_NAMES, MAX_RULES, MAX_WORDS = 60, 40, 60
PARTS = frozenset(
    {"name", "title", "about", "text", "within", "recognise", "values", "words", "events", "trade_id", "sides", "times",
     "numbers", "bar", "gaps_off"}
)  # fmt: skip
# What a step does: opens a position, closes one, or says nothing about any.
OPENS = {"open long": Direction.BULLISH, "open short": Direction.BEARISH}
CLOSES = {"close long": Direction.BULLISH, "close short": Direction.BEARISH, "close": None}
NOTHING = "nothing"
TYPES = {kind.value: kind for kind in EventType}
STEPS = (*OPENS, *CLOSES, NOTHING, *TYPES)
SIDES = {"together": "", "apart": "apart"}
SIDE_NAMES = {Direction.BULLISH: "LONG", Direction.BEARISH: "SHORT"}
# Names that mean something beside the facts: a symbol, and the price at which a step opens or closes.
SYMBOL, PRICE = "symbol", "price"
# Told by no message itself: the position before an order, by the one after it and what the order moved.
BEFORE, POSITION, CONTRACTS, ACTION = "before", "position", "contracts", "action"
NOISE = Decimal("1e-9")  # less of a position is the rounding of sums
BAR = frozenset({"time", "interval", SYMBOL, "open", "high", "low", "close"})
ONE_MINUTE = frozenset({"1", "1m", "1min"})
# Stated about a trade that begins; an order that ends one has them for other reasons.
OF_OPENING = frozenset({"entry_price", "stop_loss", "tp1", "tp2", "tp3"})
NUMERIC = frozenset({"price", "r", "count"})

# The table of all dialects, with every fact under its own name.
OWN_SPELLINGS = Table(
    replace(each, fields=(each.fact,)) if each.fields != ("",) else each
    for each in (*SHARED, *STATED)
    if each.fact != "htf_conflict"
)

Condition = Callable[[Mapping[str, Any]], bool]


class SpecError(ValueError):
    """A spec that cannot be used. `where` is the part of it that is wrong, `says` a sentence about it."""

    def __init__(self, where: str, says: str) -> None:
        super().__init__(f"{where}: {says}" if where else says)
        self.where, self.says = where, says


class Rule(NamedTuple):
    applies: Condition
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
                return [self.step(step, said) for step in rule.steps if step != NOTHING]
        shown = ", ".join(f"{name} {quoted(value)}" for name, value in sent.items() if name in self.asked)
        raise FaultError(f"no rule says what {shown or 'it'} means; teach the format this case")

    @property
    def asked(self) -> frozenset[str]:
        """The names that rules decide by."""
        return frozenset(name for rule in self.rules for name in getattr(rule.applies, "names", ()))

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

    def step(self, step: str, said: Mapping[str, Any]) -> Entry:
        """One step of a rule, as an event's type and its entry."""
        entry = {name: value for name, value in said.items() if name != PRICE}
        side = OPENS.get(step) or CLOSES.get(step)
        if step in OPENS:
            kind, priced = EventType.ENTRY, "entry_price"
        elif step in CLOSES:
            kind, priced = EventType.EXIT, "exit_price"
            entry = {name: value for name, value in entry.items() if name not in OF_OPENING}
        else:
            kind, priced = TYPES[step], "entry_price" if step == EventType.ENTRY else "current_price"
        if PRICE in said and priced not in entry and (step in OPENS or step in CLOSES):
            entry[priced] = said[PRICE]
        if side:
            entry["direction"] = side.value
        entry["trade_id"] = self.named(entry, side)
        return kind, entry

    def named(self, entry: Mapping[str, Any], side: Direction | None) -> str:
        parts = []
        for name in self.trade_id:
            value = entry.get(name)
            if is_absent(value):
                raise FaultError(f"{name}, of which the trade id is made, is missing")
            parts.append(values.symbol(value) if name == SYMBOL else text_of(value))
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
    """A time as epoch milliseconds. A wall clock is read in the format's zone, and refused where it has none."""
    try:
        if isinstance(value, int | Decimal) or value.strip().isdecimal():
            number = Decimal(value)
            return int(number if number >= values.EARLIEST_MS else number * 1000)
        stated = datetime.fromisoformat(value.strip())
    except (AttributeError, ValueError, ArithmeticError):
        raise FaultError(f"{name} {quoted(value)} is not a time") from None
    if stated.tzinfo is None:
        if not zone:
            raise FaultError(f"{name} {quoted(value)} has no zone; say in the format which it is in")
        stated = stated.replace(tzinfo=ZoneInfo(zone))
    try:
        return int(stated.astimezone(UTC).timestamp()) * 1000
    except (OverflowError, ValueError):
        raise FaultError(f"{name} {quoted(value)} is not a time") from None


def compiled(spec: Any, key: int | None = None) -> Dialect:
    """The dialect that a spec describes; `key` is that of its stored format. Raises SpecError."""
    checked(spec)
    opens = part(spec, "text", opener) if "text" in spec else None
    also = recognition(spec.get("recognise", {}))
    name = spec["name"]
    if "within" in spec:
        inner = part(spec, "within", one_path)
        return Dialect(
            name=name, keys=frozenset(), entries=no_entries, also=also, opens=opens, within=inner, format=key
        )
    bars = bar_reader(spec["bar"], spec) if "bar" in spec else None
    entries = translation(spec).entries if "events" in spec else no_entries
    return Dialect(
        name=name, keys=frozenset(), entries=entries, table=OWN_SPELLINGS, bars=bars, also=also, opens=opens, format=key
    )


def checked(spec: Any) -> None:
    """Raises SpecError for what is wrong with a spec as a whole."""
    if not isinstance(spec, dict):
        raise SpecError("", "A format is a JSON object.")
    try:
        size = len(json.dumps(spec))
    except (TypeError, ValueError, RecursionError):
        raise SpecError("", "A format is a JSON object that can be written as text.") from None
    if size > MAX_SPEC:
        raise SpecError("", f"A format has at most {MAX_SPEC:,} characters; this has {size:,}.")
    if unknown := sorted(spec.keys() - PARTS):
        raise SpecError(str(unknown[0]), f"There is no such part. There are {', '.join(sorted(PARTS))}.")
    name = spec.get("name")
    if not isinstance(name, str) or not name.isascii() or not 0 < len(name) <= 16:
        raise SpecError("name", "Give a name of 1 to 16 letters, digits, - and _.")
    if not all(letter.isalnum() or letter in "-_" for letter in name):
        raise SpecError("name", "Give a name of letters, digits, - and _.")
    for told in ("title", "about"):
        if not isinstance(spec.get(told, ""), str) or len(spec.get(told, "")) > 400:
            raise SpecError(told, "Give a text of at most 400 characters.")
    off = spec.get("gaps_off", [])
    if not isinstance(off, list) or not all(isinstance(gap, str) for gap in off):
        raise SpecError("gaps_off", "Give a list of gaps, as [].")
    if "within" not in spec and not {"events", "bar"} & spec.keys():
        raise SpecError("events", "Say what the message means: events, a bar, or where another message is within it.")
    if "within" in spec and {"events", "bar"} & spec.keys():
        raise SpecError("within", "What only carries another message has no events and no bar of its own.")


def part(spec: Mapping[str, Any], name: str, read: Callable[[Any], Any]) -> Any:
    try:
        return read(spec[name])
    except (PathError, TextError, FaultError) as error:
        raise SpecError(name, f"It {error}." if not str(error).startswith(name) else f"{error}.") from None


def one_path(text: Any) -> Found:
    if not isinstance(text, str) or not text.strip():
        raise PathError("is no path; write it as price or bar.close")
    return path(text)


def no_entries(_: Payload) -> list[Entry]:
    return []


def paths(spec: Any, where: str) -> dict[str, Found]:
    """Names and the paths behind them. Raises SpecError."""
    if not isinstance(spec, dict) or len(spec) > MAX_NAMES:
        raise SpecError(where, f"Give an object of at most {MAX_NAMES} names and their paths.")
    found = {}
    for name, text in spec.items():
        if not NAME.fullmatch(name):
            raise SpecError(f"{where}.{name[:40]}", "A name has at most 40 letters, digits and _.")
        try:
            found[name] = one_path(text)
        except PathError as error:
            raise SpecError(f"{where}.{name}", f"The path {quoted(text)} {error}.") from None
    return found


def words(spec: Any, where: str) -> dict[str, frozenset[str]]:
    """Names, or paths, and the words that they must say one of. Raises SpecError."""
    if not isinstance(spec, dict) or len(spec) > MAX_NAMES:
        raise SpecError(where, "Give an object of names and lists of words.")
    for name, said in spec.items():
        if not isinstance(said, list) or not 0 < len(said) <= MAX_WORDS:
            raise SpecError(f"{where}.{name}", f"Give a list of 1 to {MAX_WORDS} words.")
        if not all(isinstance(word, str | int) for word in said):
            raise SpecError(f"{where}.{name}", "Words are texts, as buy, or whole numbers.")
    return {name: frozenset(word_of(word) for word in said) for name, said in spec.items()}


def recognition(spec: Any) -> Condition:
    """Whether a payload is of a format. Raises SpecError."""
    if not isinstance(spec, dict) or not spec.keys() <= {"has", "lacks", "words"}:
        raise SpecError("recognise", 'Give {"has": [paths], "lacks": [paths], "words": {path: [words]}}.')
    listed = {}
    for name in ("has", "lacks"):
        texts = spec.get(name, [])
        if not isinstance(texts, list) or len(texts) > MAX_NAMES:
            raise SpecError(f"recognise.{name}", "Give a list of paths.")
        listed[name] = [paths({"path": text}, f"recognise.{name}")["path"] for text in texts]
    said = words(spec.get("words", {}), "recognise.words")
    spoken = [(paths({"path": text}, "recognise.words")["path"], known) for text, known in said.items()]

    def recognises(payload: Payload) -> bool:
        return (
            all(find(payload) is not None for find in listed["has"])
            and all(find(payload) is None for find in listed["lacks"])
            and all(fits(find(payload), known) for find, known in spoken)
        )

    return recognises


def fits(value: Any, known: frozenset[str]) -> bool:
    """Whether a value says one of the words. "" stands for none, "*" for any, >0 and <0 for a number's sign."""
    word = word_of(value)
    if word in known or ("*" in known and word):
        return True
    if not known.isdisjoint({">0", "<0", "=0"}):
        try:
            number = Decimal(word.replace(",", "")) if word else None
        except ArithmeticError:
            return False
        return number is not None and (">0" if number > 0 else "<0" if number < 0 else "=0") in known
    return False


def translation(spec: Mapping[str, Any]) -> Translation:
    found = paths(spec.get("values", {}), "values")
    rules = tuple(rule(each, found, f"events[{number}]") for number, each in enumerate(listed_rules(spec["events"])))
    apart = spec.get("sides", "together")
    if apart not in SIDES:
        raise SpecError("sides", "Say together (one position at a time) or apart (long and short beside each other).")
    steps = {step for each in rules for step in each.steps}
    if apart == "apart" and "close" in steps:
        raise SpecError("events", "Where sides are apart, say close long or close short.")
    return Translation(
        found,
        translated(spec.get("words", {}), found),
        rules,
        trade_id(spec, found, steps),
        apart == "apart",
        zone(spec.get("times", {})),
        part({"numbers": spec.get("numbers", {})}, "numbers", numbers),
    )


def listed_rules(spec: Any) -> Sequence[Any]:
    if not isinstance(spec, list) or not 0 < len(spec) <= MAX_RULES:
        raise SpecError("events", f"Give a list of 1 to {MAX_RULES} rules.")
    return spec


def rule(spec: Any, found: Mapping[str, Found], where: str) -> Rule:
    if not isinstance(spec, dict) or not spec.keys() <= {"if", "then"} or not isinstance(spec.get("then"), list):
        raise SpecError(where, 'Give {"if": {name: [words]}, "then": [steps]}.')
    steps = tuple(spec["then"])
    if not steps or len(steps) > 4 or any(step not in STEPS for step in steps):
        raise SpecError(f"{where}.then", f"Say up to four of {', '.join(STEPS)}.")
    asked = words(spec.get("if", {}), f"{where}.if")
    told = {*found, BEFORE} if found.keys() >= {POSITION, CONTRACTS, ACTION} else {*found}
    if unknown := sorted(asked.keys() - told):
        raise SpecError(f"{where}.if.{unknown[0]}", "No value has this name: give its path under values.")
    return Rule(Asked(asked), steps)


class Asked(NamedTuple):
    """The condition of a rule: what each of these names must say."""

    names: Mapping[str, frozenset[str]]

    def __call__(self, sent: Mapping[str, Any]) -> bool:
        return all(fits(sent[name], known) for name, known in self.names.items())


def translated(spec: Any, found: Mapping[str, Found]) -> dict[str, dict[str, str]]:
    if not isinstance(spec, dict):
        raise SpecError("words", "Give an object of names, and for each what its words mean.")
    for name, meanings in spec.items():
        if name not in found:
            raise SpecError(f"words.{name}", "No value has this name: give its path under values.")
        if not isinstance(meanings, dict) or not 0 < len(meanings) <= MAX_WORDS:
            raise SpecError(f"words.{name}", 'Give what each word means, as {"buy": "Bullish"}.')
        if not all(isinstance(meaning, str) for meaning in meanings.values()):
            raise SpecError(f"words.{name}", "What a word means is a text.")
    return {name: {word_of(word): meaning for word, meaning in said.items()} for name, said in spec.items()}


def trade_id(spec: Mapping[str, Any], found: Mapping[str, Found], steps: set[str]) -> tuple[str, ...]:
    names = spec.get("trade_id", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) > 6:
        raise SpecError("trade_id", "Give a list of up to six names of values.")
    if unknown := [name for name in names if name not in found]:
        raise SpecError("trade_id", f"No value is called {quoted(unknown[0])}: give its path under values.")
    if not names and steps != {NOTHING}:
        raise SpecError("trade_id", "Say of which values a signal's id is made, as symbol.")
    return tuple(names)


def zone(spec: Any) -> str:
    if not isinstance(spec, dict) or not spec.keys() <= {"zone"}:
        raise SpecError("times", 'Give {"zone": "America/New_York"}.')
    named = spec.get("zone", "")
    if named and not is_zone(named):
        raise SpecError("times.zone", "There is no such time zone. Give one as America/New_York.")
    return str(named)


def bar_reader(
    spec: Any, whole: Mapping[str, Any]
) -> Callable[[Payload, Sequence[EventFacts], bool], tuple[BarFacts, ...]]:
    """What reads the price bar that a message carries. Raises SpecError."""
    found = paths(spec, "bar")
    if unknown := sorted(found.keys() - BAR):
        raise SpecError(f"bar.{unknown[0]}", f"A bar has {', '.join(sorted(BAR))}.")
    if missing := [name for name in ("open", "high", "low", "close", "time") if name not in found]:
        raise SpecError(f"bar.{missing[0]}", "Give the path of the bar's time (its open) and of all four prices.")
    named_zone = zone(whole.get("times", {}))
    written = part({"numbers": whole.get("numbers", {})}, "numbers", numbers)

    def read(payload: Payload, _: Sequence[EventFacts], signed: bool) -> tuple[BarFacts, ...]:
        sent = {name: values.filled(find(payload)) for name, find in found.items()}
        if not is_absent(sent.get("interval")) and word_of(sent["interval"]) not in ONE_MINUTE:
            raise FaultError(f"its interval {quoted(sent['interval'])} is not one minute, which bars have here")
        symbol = "" if is_absent(sent.get(SYMBOL)) else values.symbol(sent[SYMBOL])
        prices = {
            name: value if is_absent(value) else written.read(name, value)
            for name, value in sent.items()
            if name in ("open", "high", "low", "close")
        }
        made = whole_bar(prices, signed or is_signed({SYMBOL: symbol}))
        if made is None:
            return ()
        opened = datetime.fromtimestamp(moment("time", sent["time"], named_zone) // 1000, UTC)
        if opened.second:
            raise FaultError(f"its time {quoted(sent['time'])} is not a whole minute, as a bar's open is")
        return (BarFacts(time=opened, symbol=symbol, **made),)

    return read
