"""Formats: dialects as data, which people teach without writing code. A spec is checked and compiled into a `Dialect`.

docs/formats.md is the reference of what a spec may hold; `translation` is what its parts do when a message is read.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from signals.clock import is_zone
from signals.dialects.base import PRICES, Dialect, Entry, Payload
from signals.dialects.numbers import numbers
from signals.dialects.paths import Found, PathError, path
from signals.dialects.texts import NAME, TextError, opener
from signals.dialects.translation import (
    ACTION,
    BEFORE,
    CONTRACTS,
    NOTHING,
    OF_ONE_POSITION,
    OWN_SPELLINGS,
    POSITION,
    STEPS,
    SYMBOL,
    Asked,
    BarReader,
    Rule,
    Translation,
    fits,
    word_of,
)
from signals.dialects.values import FaultError
from signals.formats import quoted

MAX_SPEC = 20_000  # characters of JSON
MAX_NAME = 16  # its own, in characters
MAX_NAMES, MAX_RULES, MAX_WORDS = 60, 40, 60
PARTS = frozenset(
    {"name", "title", "about", "text", "within", "recognise", "values", "words", "events", "trade_id", "sides", "times",
     "numbers", "bar", "gaps_off"}
)  # fmt: skip
SURROGATE = re.compile("[\ud800-\udfff]")
SIDES = ("together", "apart")
BAR = frozenset({"time", "interval", SYMBOL, *PRICES})


class SpecError(ValueError):
    """A spec that cannot be used. `where` is the part of it that is wrong, `says` a sentence about it."""

    def __init__(self, where: str, says: str) -> None:
        super().__init__(f"{where}: {says}" if where else says)
        self.where, self.says = where, says


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


def is_text(value: Any) -> bool:
    """Whether all of a spec can be stored and shown, its names included."""
    if isinstance(value, str):
        return "\x00" not in value and not SURROGATE.search(value)
    if isinstance(value, dict):
        return all(is_text(name) and is_text(each) for name, each in value.items())
    return all(map(is_text, value)) if isinstance(value, list) else True


def checked(spec: Any) -> None:
    """Raises SpecError for what is wrong with a spec as a whole."""
    if not isinstance(spec, dict):
        raise SpecError("", "A format is a JSON object.")
    try:
        size = len(json.dumps(spec))
    except (TypeError, ValueError, RecursionError):
        raise SpecError("", "A format is a JSON object that can be written as text.") from None
    if not is_text(spec):
        raise SpecError("", "It holds a zero character or half a character, which no text can hold.")
    if size > MAX_SPEC:
        raise SpecError("", f"A format has at most {MAX_SPEC:,} characters; this has {size:,}.")
    if unknown := sorted(spec.keys() - PARTS):
        raise SpecError(str(unknown[0]), f"There is no such part. There are {', '.join(sorted(PARTS))}.")
    name = spec.get("name")
    if not isinstance(name, str) or not name.isascii() or not 0 < len(name) <= MAX_NAME:
        raise SpecError("name", f"Give a name of 1 to {MAX_NAME} letters, digits, - and _.")
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
        raise SpecError(name, f"It {error}.") from None


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


def recognition(spec: Any) -> Callable[[Payload], bool]:
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


def translation(spec: Mapping[str, Any]) -> Translation:
    found = paths(spec.get("values", {}), "values")
    rules = tuple(rule(each, found, f"events[{number}]") for number, each in enumerate(listed_rules(spec["events"])))
    apart = spec.get("sides", "together")
    if apart not in SIDES:
        raise SpecError("sides", "Say together (one position at a time) or apart (long and short beside each other).")
    steps = {step for each in rules for step in each.steps}
    if apart == "apart" and not steps.isdisjoint(OF_ONE_POSITION):
        raise SpecError("events", "Where sides are apart, say open or close, and long or short.")
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


def bar_reader(spec: Any, whole: Mapping[str, Any]) -> BarReader:
    """What reads the price bar that a message carries. Raises SpecError."""
    found = paths(spec, "bar")
    if unknown := sorted(found.keys() - BAR):
        raise SpecError(f"bar.{unknown[0]}", f"A bar has {', '.join(sorted(BAR))}.")
    if missing := [name for name in (*PRICES, "time", "interval") if name not in found]:
        raise SpecError(f"bar.{missing[0]}", "Give paths of its time (its open), its interval and all four prices.")
    named_zone = zone(whole.get("times", {}))
    written = part({"numbers": whole.get("numbers", {})}, "numbers", numbers)

    return BarReader(found, named_zone, written)
