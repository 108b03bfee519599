"""Messages that are no JSON: what a format calls their parts. Templates, and lists of `key=value` and bare words.

A template is the message as it is written in the alert, placeholders and all: "{{ticker}} crossed {{close:number}}".
Each placeholder ends where the text behind it begins for the first time, and that is final: there is nothing to try
again, so that reading takes time in proportion to the message, whatever template and message are.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from signals.formats import quoted

MAX_TEXT = 8_192  # characters; a longer text is no message of a format
MAX_PART = 300  # of what a placeholder stands for
MAX_TEMPLATE, MAX_TEMPLATES, MAX_PARTS = 1_000, 20, 30

Opens = Callable[[str], Mapping[str, str] | None]

_TOKEN = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*(?::\s*(\w+)\s*)?\}\}")
NAME = re.compile(r"[A-Za-z_]\w{0,39}", re.ASCII)
KINDS = {
    "word": rf"\S{{1,{MAX_PART}}}?",
    "number": r"[+-]?[0-9]{1,20}+(?:[.,'][0-9]{1,20}+)*+(?:e[+-]?[0-9]{1,3})?+%?",
    "text": rf".{{1,{MAX_PART}}}?",
}
END = r"\s*\Z"
BETWEEN = (",", ";", "|", "&", "\n", " ")  # the likeliest first
EQUALS = ("=", ":")


class TextError(ValueError):
    """It is no template, or no list, that can be used. The message says why."""


def named(placeholder: str) -> str:
    """How a format calls what TradingView calls strategy.order.action."""
    return placeholder.replace(".", "_")


def template(text: str) -> re.Pattern[str]:
    """What recognises the messages of one template. Raises TextError."""
    if not 0 < len(text.strip()) <= MAX_TEMPLATE:
        raise TextError(f"must have 1 to {MAX_TEMPLATE:,} characters")
    parts = _TOKEN.split(text.strip())
    names = [named(name) for name in parts[1::3]]
    if len(names) > MAX_PARTS:
        raise TextError(f"has more than {MAX_PARTS} placeholders")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise TextError(f"names {quoted(twice)} twice")
    if not any(literal.strip() for literal in parts[0::3]) and len(names) > 1:
        raise TextError("has no words of its own, by which its messages could be known")
    if "" in parts[3:-1:3]:
        raise TextError("has two placeholders with nothing between them")
    pattern = [fixed(parts[0])]
    for name, kind, literal in zip(names, parts[2::3], parts[3::3], strict=True):
        if (kind or "word") not in KINDS:
            raise TextError(f"calls {name} a {quoted(kind)}; there are {', '.join(KINDS)}")
        if not NAME.fullmatch(name):
            raise TextError(f"has a placeholder with the name {quoted(name)}; use letters, digits and _")
        pattern.append(f"(?>(?P<{name}>{KINDS[kind or 'word']}){fixed(literal) or END})")
    return re.compile("".join(pattern) + END, re.IGNORECASE | re.DOTALL)


def fixed(literal: str) -> str:
    """The words between placeholders, whatever the white space between them."""
    words = r"\s+".join(map(re.escape, literal.split()))
    before, after = (r"\s+" if literal[end : end + 1].isspace() else "" for end in (0, len(literal) - 1))
    return f"{before}{words}{after}" if words else before


def by_templates(texts: Sequence[str]) -> Opens:
    """The parts of a message by the first template that fits. Raises TextError."""
    patterns = [template(text) for text in texts]

    def opens(text: str) -> Mapping[str, str] | None:
        if len(text) > MAX_TEXT:
            return None
        found = next(filter(None, (pattern.match(text) for pattern in patterns)), None)
        return found.groupdict() if found else None

    return opens


def by_pairs(between: str, equals: str, first: Sequence[str]) -> Opens:
    """The parts of a list of `key=value`, with as many bare words before them as `first` names.

    Between two parts stands one of the marks in `between`.
    """
    mark = re.compile(f"[{re.escape(between)}]")

    def opens(text: str) -> Mapping[str, str] | None:
        if len(text) > MAX_TEXT:
            return None
        parts = [part.strip() for part in mark.split(text)]
        parts = [part for part in parts if part]
        bare = [part for part in parts if equals not in part]
        if bare != parts[: len(first)] or len(bare) != len(first) or len(parts) > MAX_PARTS + len(first):
            return None
        found: dict[str, str] = dict(zip(first, bare, strict=True))
        for name, value in pairs_in(parts[len(first) :], equals):
            if name in found:
                return None
            found[name] = value
        return found or None

    return opens


def pairs_in(parts: Sequence[str], equals: str) -> Iterator[tuple[str, str]]:
    for part in parts:
        name, _, value = part.partition(equals)
        yield name.strip(), value.strip().strip("\"'")


def opener(text: Any) -> Opens:
    """What a spec's `text` says. Raises TextError."""
    if not isinstance(text, dict) or text.keys() not in ({"templates"}, {"pairs"}):
        raise TextError('must be {"templates": [...]} or {"pairs": {...}}')
    if "templates" in text:
        templates = text["templates"]
        if not isinstance(templates, list) or not 0 < len(templates) <= MAX_TEMPLATES:
            raise TextError(f"must hold 1 to {MAX_TEMPLATES} templates in a list")
        if not all(isinstance(each, str) for each in templates):
            raise TextError("must hold templates that are texts")
        return by_templates(templates)
    pairs = text.get("pairs")
    if not isinstance(pairs, dict) or not pairs.keys() <= {"between", "equals", "first"}:
        raise TextError('must be {"pairs": {"between": ",", "equals": "=", "first": [...]}}')
    between, equals, first = pairs.get("between", ","), pairs.get("equals", "="), pairs.get("first", [])
    if not isinstance(between, str) or not between or not set(between) <= {*BETWEEN} or equals not in EQUALS:
        raise TextError("has pairs between which there must be , ; | & a space or a line break, and in which = or :")
    if not isinstance(first, list) or not all(isinstance(name, str) and NAME.fullmatch(name) for name in first):
        raise TextError("must give names for the first parts in a list")
    return by_pairs(between, equals, first)
