"""Bytes to JSON objects, strictly: exact decimals, no repeated names, nothing that cannot be stored.

A body holds one object, several (one behind the other, as JSON lines are), or a list of them. What makes one object
unreadable spoils that object and those around it, up to the list that it is an item of.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from json import JSONDecodeError
from typing import Any

from signals.facts import UnreadableError
from signals.formats import quoted

_BETWEEN = re.compile(r"\s*,?\s*")  # what may stand between two objects


class BrokenError(ValueError):
    """The text is not JSON. `problem` says where."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Spoilt:
    """What stands for an object that cannot be read. `problem` says why."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def __repr__(self) -> str:
        return "an object that cannot be read"


def decoded(body: bytes) -> str:
    """The body's text. Raises UnreadableError for what no repair can help."""
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"The body is not UTF-8 (byte {error.start}). Send it as UTF-8, or correct a copy and replay it."
        ) from None
    if not text:
        raise UnreadableError("The body is empty. Write the indicator's message into the alert's message field.")
    if "\x00" in text or "\\u0000" in text:
        raise UnreadableError("The body holds NUL characters, which cannot be stored. Remove them and replay it.")
    return text


def parsed(text: str) -> list[dict[str, Any] | Spoilt]:
    """The objects that the text holds, in order; at least one.

    Raises BrokenError when it is not JSON, UnreadableError when it holds something else than objects.
    """
    try:
        payloads = list(_items(text))
    except JSONDecodeError as error:
        raise BrokenError(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise UnreadableError("The body is nested too deeply to be an alert. Dismiss it.") from None
    if not any(isinstance(payload, dict | Spoilt) for payload in payloads):
        raise UnreadableError(f"The body is not a JSON object but {quoted(payloads[0])}. Send an object in braces.")
    return [each if isinstance(each, dict | Spoilt) else Spoilt(f"{quoted(each)} is no object") for each in payloads]


def _items(text: str) -> Iterator[Any]:
    """The values of a text: what one list holds, or what stands one behind the other."""
    value, end = _DECODER.raw_decode(text)
    yield from value if isinstance(value, list) and value else [value]
    while end < len(text):
        start = end + len(_BETWEEN.match(text, end)[0])  # type: ignore[index]  # it matches the empty text, too
        if isinstance(value, list) or text[start : start + 1] != "{":
            raise JSONDecodeError("Extra data", text, end)
        value, end = _DECODER.raw_decode(text, start)
        yield value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Spoilt:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        return Spoilt(f"it names {quoted(twice)} twice")
    run = "".join(made)
    if ":" in run or "," in run:  # two lost quotes make `"mae":0,"mfe":1` one valid name and number
        wrong = next(name for name in made if ":" in name or "," in name)
        problem = f"the name {quoted(wrong)} has lost its quotes"
        if "{" in wrong or "}" in wrong:  # it has swallowed other objects
            raise UnreadableError(f"The body cannot be read: {problem}. Put them back and replay it.")
        return Spoilt(problem)
    if Spoilt in map(type, made.values()):
        return next(value for value in made.values() if isinstance(value, Spoilt))
    return made


def _decimal(text: str) -> Decimal | Spoilt:
    try:
        return Decimal(text)
    except InvalidOperation:
        return _TOO_LONG


def _integer(text: str) -> int | Spoilt:
    try:
        return int(text)
    except ValueError:
        return _TOO_LONG


_TOO_LONG = Spoilt("it holds a number too long to be read")
# NaN and Infinity, which Pine prints for na, are read as the texts that they are in other alerts (values.is_absent).
_DECODER = json.JSONDecoder(parse_float=_decimal, parse_int=_integer, parse_constant=str, object_pairs_hook=_object)
