"""What a body may mean: formats of others that fit it, and a draft of one of its own. Pure; people check what it says.

A draft names what it finds by the names that senders give such things. What an amount is (a price, pips, a percent) no
name tells for certain, so that the draft's preview stands beside it before anything is saved.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import product
from typing import Any

from signals import dialects
from signals.dialects.base import Payload
from signals.dialects.builtin import BUILTIN, Builtin
from signals.dialects.shapes import masks, object_in, relayed_in
from signals.dialects.spec import compiled
from signals.dialects.texts import BETWEEN, EQUALS, TextError, named, opener
from signals.dialects.translation import ACTION, CONTRACTS, POSITION, PRICE, SYMBOL, word_of
from signals.facts import UnreadableError
from signals.receiving.masking import MASK, hide_secrets

DRAFT_NAME = "my-format"
MOST_SHOWN = 60
MARKET, MARKET_BEFORE = "market_position", "prev_market_position"
# Our names, and what senders call the same: the last part of a path, without case and underscores. Best first.
CALLED: Mapping[str, tuple[str, ...]] = {
    SYMBOL: ("ticker", "symbol", "instrument", "pair", "asset", "market", "sym", "contract"),
    ACTION: ("action", "orderaction", "side", "command", "signal", "direction", "order", "cmd", "type", "position"),
    PRICE: ("orderprice", "entryprice", "signalprice", "price", "entry", "close", "lastprice"),
    "stop_loss": ("stoploss", "slprice", "sl", "stopprice", "stop"),
    "tp1": ("takeprofit", "tpprice", "tp1", "tp", "target", "target1", "limitprice"),
    POSITION: ("positionsize", "newposition"),
    CONTRACTS: ("ordercontracts", "contracts"),
    MARKET: ("marketposition", "sentiment"),
    MARKET_BEFORE: ("prevmarketposition", "previousposition", "prevposition"),
}
NUMBERS = frozenset({PRICE, "stop_loss", "tp1", POSITION, CONTRACTS})
MEANT: Mapping[str, tuple[str, ...]] = {
    "turn long": ("buy", "long", "bull", "bullish", "openlong", "enterlong", "entrylong", "long entry", "long_entry"),
    "turn short": ("sell", "short", "bear", "bearish", "openshort", "entershort", "short entry", "short_entry"),
    "close long": ("closelong", "exitlong", "close_long", "exit_long", "long exit", "long_exit"),
    "close short": ("closeshort", "exitshort", "close_short", "exit_short", "short exit", "short_exit"),
    "close": ("close", "exit", "flat", "closeall"),
}
BY_MARKET = (
    (("short",), ("long",), ["close short", "open long"]),
    (("long",), ("short",), ["close long", "open short"]),
    (("long",), ("flat",), ["close long"]),
    (("short",), ("flat",), ["close short"]),
    (("flat",), ("long",), ["open long"]),
    (("flat",), ("short",), ["open short"]),
    (("*",), ("*",), ["nothing"]),
)
# What an ordinary alert never carries, so that nobody waits for it.
NEVER_TOLD = ("no_mfe_update", "no_mae", "no_session", "no_signal_date", "no_htf_alignment", "no_confirmation_time")
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class FoundValue:
    """A value of a message that can be picked: its path, how it looks, and whether it is a number."""

    path: str
    shown: str
    number: bool


def fitting(body: bytes) -> list[Builtin]:
    """The formats of others that can read this body, once somebody says that they may."""
    return [each for each in BUILTIN.values() if each.offered and reads(each.spec, body)]


def reads(spec: Mapping[str, Any], body: bytes) -> bool:
    try:
        return dialects.read(body, formats=partial(tuple, [compiled(spec)])).dialect == str(spec["name"])
    except UnreadableError:
        return False


def carried(body: bytes) -> str | dict[str, Any]:
    """The message itself: an object, or a text, without the relay around it."""
    text = body.decode("utf-8-sig", "replace").strip()
    payload = object_in(text)
    if payload is None:
        return text
    name = relayed_in(payload)
    inner = payload[name].strip() if name else ""
    if not inner:
        return payload
    within = object_in(inner)
    return inner if within is None else within


def paths_of(body: bytes, text: Mapping[str, Any] | None = None) -> list[FoundValue]:
    """All values of a body with their paths; of a text, by what a spec's `text` says of its parts."""
    message = carried(body)
    if isinstance(message, str):
        parts = opener(text)(message) if text else None
        message = dict(parts or {})
    return [FoundValue(path, shown(path, value), is_number(value)) for path, value in leaves(message)]


def shown(path: str, value: Any) -> str:
    """A value as people may see it: short, and without secrets."""
    text = value if isinstance(value, str) else json.dumps(value)
    named = f'{{"{path.rpartition(".")[2]}":"value"}}'
    return hide_secrets(text)[:MOST_SHOWN] if hide_secrets(named) == named else MASK.decode()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            step = name if _PLAIN.fullmatch(name) else json.dumps(name)
            yield from leaves(each, f"{path}.{step}" if path else step)
    elif isinstance(value, list):
        for index, each in enumerate(value[:5]):
            yield from leaves(each, f"{path}[{index}]")
    elif path:
        yield path, value


def is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (
        isinstance(value, str) and bool(re.fullmatch(r"[+-]?\d[\d.,]*(?:[eE][+-]?\d+)?", value.strip(), re.ASCII))
    )


def suggest(bodies: Sequence[bytes], name: str = DRAFT_NAME) -> dict[str, Any]:
    """A draft of a format for bodies of one shape. It may lack what nothing in them names."""
    messages = [carried(body) for body in bodies]
    spec: dict[str, Any] = {"name": name, "title": "", "about": ""}
    first = messages[0] if messages else {}
    if isinstance(first, str):
        spec["text"] = usable(text_of(first))
        opens = opener(spec["text"])
        messages = [opens(message) if isinstance(message, str) else None for message in messages]  # type: ignore[misc]
    payloads: list[Payload] = [message for message in messages if isinstance(message, dict)]
    found = named_values(payloads)
    spec["recognise"] = {"has": [found[each] for each in (SYMBOL, ACTION) if each in found]}
    spec["values"] = found
    spec["events"] = rules_of(found, words_at(found.get(ACTION), payloads))
    spec["trade_id"] = [SYMBOL] if SYMBOL in found else list(found)[:1]
    known = {"no_stop_loss", "no_targets"} - {gap for told, gap in GAP_OF.items() if told in found}
    spec["gaps_off"] = sorted({*NEVER_TOLD, *known, *(() if PRICE in found else ("no_entry_price",))})
    return spec


GAP_OF = {"stop_loss": "no_stop_loss", "tp1": "no_targets"}


def named_values(payloads: Iterable[Payload]) -> dict[str, str]:
    """Our names, and the paths that seem to be meant by them. A path is given to one name only."""
    seen: dict[str, Any] = {}
    for payload in payloads:
        for path, value in leaves(payload):
            if seen.get(path) in (None, ""):
                seen[path] = value
    found: dict[str, str] = {}
    for ours, theirs in CALLED.items():
        ranked = [
            (theirs.index(plain), path)
            for path, value in seen.items()
            if (plain := plain_name(path)) in theirs
            and path not in found.values()
            and (is_number(value) if ours in NUMBERS else not is_number(value))
        ]
        if ranked:
            found[ours] = min(ranked)[1]
    for level in ("stop_loss", "tp1"):
        if level in found and not is_near(seen[found[level]], seen.get(found.get(PRICE, ""))):
            del found[level]
    return found


def is_near(level: Any, price: Any) -> bool:
    """Whether an amount can be a price beside this one: stops and targets are also told in pips and percents."""
    try:
        level, price = Decimal(str(level)), Decimal(str(price))
    except ArithmeticError:
        return False
    return bool(price > 0 and price / 2 <= level <= price * 2)


def plain_name(path: str) -> str:
    return re.sub(r"[^a-z0-9]", "", path.rpartition(".")[2].lower())


def words_at(path: str | None, payloads: Iterable[Payload]) -> list[str]:
    """The words that are said there, each once."""
    if path is None:
        return []
    words = dict.fromkeys(word_of(value) for payload in payloads for each, value in leaves(payload) if each == path)
    return [word for word in words if word]


def rules_of(found: Mapping[str, str], said: Sequence[str]) -> list[dict[str, Any]]:
    """What the words seem to mean. What is not said for certain has no rule: the preview shows it."""
    if {MARKET, MARKET_BEFORE} <= found.keys():
        return [
            {"if": {MARKET_BEFORE: list(before), MARKET: list(after)}, "then": steps}
            for before, after, steps in BY_MARKET
        ]
    if {POSITION, CONTRACTS, ACTION} <= found.keys():
        return [dict(rule) for rule in BUILTIN["strategy-text"].spec["events"]]
    rules = []
    if MARKET in found and ACTION in found:
        rules = [
            {"if": {ACTION: ["buy"], MARKET: ["flat"]}, "then": ["close short"]},
            {"if": {ACTION: ["sell"], MARKET: ["flat"]}, "then": ["close long"]},
        ]
    if ACTION in found:
        rules += [
            {"if": {ACTION: sorted({*words} & {*said}) or list(words[:2])}, "then": [step]}
            for step, words in MEANT.items()
            if {*words} & {*said} or step in ("turn long", "turn short")
        ]
    return rules or [{"then": ["nothing"]}]


def text_of(message: str) -> dict[str, Any]:
    """How a text seems to be made: a list with `key=value` in it, or words with values between them."""
    for equals, between in product(EQUALS, BETWEEN):
        parts = [part.strip() for part in message.split(between) if part.strip()]
        pairs = [part for part in parts if re.fullmatch(rf"[A-Za-z_]\w*\s*{equals}\s*\S.*", part)]
        bare = parts[: len(parts) - len(pairs)]
        # One colon is an ordinary sentence's.
        if parts == [*bare, *pairs] and len(parts) > 1 and len(pairs) > (equals == ":"):
            return {"pairs": {"between": between, "equals": equals, "first": names_of(bare)}}
    for between in ",;|":
        parts = [part.strip() for part in message.split(between)]
        if len(parts) > 2 and all(part and not re.search(r"\s", part) for part in parts):
            return {"pairs": {"between": between, "equals": "=", "first": names_of(parts)}}
    return {"templates": [template_of(message)]}


def usable(text: dict[str, Any]) -> dict[str, Any]:
    """What a spec may hold as `text`: this or, where nothing in the message stays the same, all of it as one value."""
    try:
        opener(text)
    except TextError:
        return {"templates": ["{{message:text}}"]}
    return text


def names_of(parts: Sequence[str]) -> list[str]:
    """Names for the bare words of a list: what does something, what it is done to, and the rest by place."""
    names: list[str] = []
    for place, part in enumerate(parts, 1):
        mask = masks(part)
        name = {"<move>": ACTION, "<symbol>": SYMBOL}.get(mask, f"part{place}")
        names.append(name if name not in names else f"part{place}")
    return names


def template_of(message: str) -> str:
    """The message with a placeholder for each value in it."""
    used: dict[str, int] = {}

    def placeholder(found: re.Match[str]) -> str:
        kind = found[0]
        name = {"<move>": ACTION, "<symbol>": SYMBOL, "<number>": "number"}.get(kind, "text")
        used[name] = used.get(name, 0) + 1
        name = named(name if used[name] == 1 else f"{name}{used[name]}")
        return f"{{{{{name}:number}}}}" if kind == "<number>" else f"{{{{{name}}}}}"

    return re.sub(r"<(?:move|symbol|number|text|value)>", placeholder, masks(message))
