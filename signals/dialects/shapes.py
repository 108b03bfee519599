"""Shapes: which bodies are of one make, so that what nobody could read is looked at once and not row by row.

Two JSON bodies have one shape when they have the same key paths (not the same types: a price can be a number, a text,
and null where there is none); two texts, when they have the same words once numbers, symbols and what else may differ
are masked. What a relay wraps is looked at as if it had come by itself. Pure, and never fails.
"""

import json
import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

MAX_LABEL = 200
MAX_DEPTH = 8
# What only the indicator's messages name. A body with one of them is a damaged message of it, not another alert's.
OURS = ("event_type", "trade_id", "signal_id", "schema_version")
_OURS = re.compile(r"\b(?:" + "|".join(OURS) + r")\b")
_NO_SYMBOLS = r"(?:SL|TP\d?|ATR|EMA|SMA|RSI|MACD|VWAP|ENTRY|STOP|TARGET|ALERT)"
# What differs from alert to alert of one make, each with what stands for it.
_MASKS = (
    (re.compile(r"=\s*(?:\"[^\"]*\"|[^,;|&\s]+)"), "=<value>"),
    (re.compile(r"\"[^\"]*\""), "<text>"),
    (re.compile(r"(?i)\b(?:buy|sell|long|short|flat|exit|close|closelong|closeshort|bullish|bearish)\b"), "<move>"),
    (re.compile(r"(?<![\w.])[+-]?\d+(?:,\d{3}(?!\d))*(?:[.:T+-]\d+)*Z?%?(?!\w)"), "<number>"),
    # In capitals, or with an exchange before it; what else has digits is a name or a key.
    (
        re.compile(rf"\b(?!{_NO_SYMBOLS}\b)(?:[A-Z0-9_]+:[\w.!]*[\w!]|[A-Z]+[A-Z0-9](?:[A-Z0-9.!]*[A-Z0-9!])?)(?!\w)"),
        "<symbol>",
    ),
    (re.compile(r"\b[A-Za-z_]*\d\w*"), "<text>"),
)
_FIRST_WORDS = 24
_MASKED_FROM = 4000  # characters of a text
# Where relays put the message: the whole of what they say, or nearly.
RELAYED = ("content", "text", "message")
MOST_BESIDE = 4


class Shape(NamedTuple):
    """`key` is equal for bodies of one shape; `foreign` says that the body is no message of the indicator."""

    key: str
    label: str
    foreign: bool


def is_ours(text: str) -> bool:
    """Whether a text names what only the indicator's messages do."""
    return bool(_OURS.search(text))


def shape_of(body: bytes) -> Shape:
    return shape_of_text(body.decode("utf-8-sig", "replace").strip())


def shape_of_text(text: str, relay: str = "") -> Shape:
    payload = object_in(text)
    if payload is not None:
        name = "" if relay else relayed_in(payload)
        if name:
            inner = shape_of_text(payload[name].strip(), name)
            return shape("relay", f"{name}\n{inner.key}", f"{name}: {inner.label}", foreign=inner.foreign)
        paths = sorted(set(paths_in(payload)))
        return shape("json", "\n".join(paths), ", ".join(paths) or "{}", foreign=payload.keys().isdisjoint(OURS))
    masked = masked_text(text)
    foreign = bool(text) and "\x00" not in text and "\N{REPLACEMENT CHARACTER}" not in text and not is_ours(text)
    return shape("text", masked, masked or "nothing", foreign=foreign)


def object_in(text: str) -> dict[str, Any] | None:
    """The object that the text is as JSON, of a list its first; None where it is none."""
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(payload, list) and payload:
        payload = payload[0]
    return payload if isinstance(payload, dict) else None


def relayed_in(payload: dict[str, Any]) -> str:
    """The name under which a relay's payload has the message; "" where it is no relay's."""
    name = next((name for name in RELAYED if isinstance(payload.get(name), str)), "")
    return name if len(payload) <= MOST_BESIDE else ""


def shape(kind: str, told: str, label: str, *, foreign: bool) -> Shape:
    key = blake2b(f"{kind}\n{told}".encode("utf-8", "replace"), digest_size=16).hexdigest()
    short = label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 3] + "..."
    return Shape(key, short.encode("utf-8", "replace").decode().replace("\x00", ""), foreign)


def paths_in(value: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    """The paths of the values that hold no others. All items of a list are taken for one."""
    if isinstance(value, dict) and value and depth < MAX_DEPTH:
        for name, each in value.items():
            yield from paths_in(each, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list) and value and depth < MAX_DEPTH:
        yield from paths_in(value[0], f"{path}[]", depth + 1)
    else:
        yield path


def masked_text(text: str) -> str:
    """The words that stay the same from alert to alert of one make, up to the first few dozen."""
    return " ".join(masks(text).split()[:_FIRST_WORDS])


def masks(text: str) -> str:
    """A text with what differs from alert to alert masked: <move>, <symbol>, <number>, <text>, <value>."""
    masked = text[:_MASKED_FROM]
    for pattern, stands in _MASKS:
        masked = pattern.sub(stands, masked)
    return masked
