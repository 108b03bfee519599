"""Bytes to one JSON object, strictly: exact decimals, no NaN, no repeated names, nothing that cannot be stored."""

import json
from decimal import Decimal, InvalidOperation
from json import JSONDecodeError
from typing import Any, NoReturn

from signals.facts import UnreadableError
from signals.formats import quoted


class BrokenError(ValueError):
    """The text is not JSON. `problem` says where."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


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


def parsed(text: str) -> dict[str, Any]:
    """The object that the text is. Raises BrokenError when it is not JSON, UnreadableError when it is no object."""
    try:
        payload = _DECODER.decode(text)
    except JSONDecodeError as error:
        raise BrokenError(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise UnreadableError("The body is nested too deeply to be an alert. Dismiss it.") from None
    except (InvalidOperation, ValueError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError("The body holds a number too long to be read. Correct it and replay it.") from None
    if not isinstance(payload, dict):
        raise UnreadableError(f"The body is not a JSON object but {quoted(payload)}. Send an object in braces.")
    return payload


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UnreadableError(f"The body names {quoted(twice)} twice. Remove the wrong one and replay it.")
    run = "".join(made)
    if ":" in run or "," in run:  # two lost quotes make `"mae":0,"mfe":1` one valid name and number
        wrong = next(name for name in made if ":" in name or "," in name)
        raise UnreadableError(f"The name {quoted(wrong)} has lost its quotes. Put them back and replay it.")
    return made


def _no_constant(name: str) -> NoReturn:
    raise UnreadableError(f"The body holds {name}, which is no number in JSON. Correct it and replay it.")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object)
