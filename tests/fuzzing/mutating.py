"""Inputs made of real ones: bytes broken, texts exchanged, and values of JSON and CSV replaced by what hurts."""

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

MOST = 16 * 1024  # bytes of an input; what is larger is only slower
NUMBERS = (
    "0", "-0", "1", "-1", "0.1", "1e3", "1E-7", "1e308", "-1e400", "1e-400", "NaN", "Infinity", "-Infinity", "9" * 19,
    "9" * 40, "0." + "1" * 40, "123456789012.5", "999999999999.999999999999999999", "1e31", "4294967296", "32768", "00",
    "1_000", "1,5", "1.000,25", "+5", ".5", "5.", "0x10", "1e", "--1", "\u0663", "\uff15",
)  # fmt: skip
TEXTS = (
    "", " ", "\x00", "a\x00b", "\ud800", "\ufeff", "\u202e", "null", "NaN", "true", "{{close}}", "{{ticker}}", "=1+1",
    "@x",
    "<script>alert(1)</script>", "&lt;", "%s%n", "{0}", "a" * 65, "a" * 400, "\u0663\u0664", "\U0001f680", "\u00df",
    "x\u0301" * 40,
    "2025-02-30", "0000-00-00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "1969-12-31", "24:00:00",
    "2025-12-11",
    "20251211_094000000_BULLISH", "99991231_235959999_BULLISH", "00010101_000000000_BEARISH",
    "20250230_256199999_BULLISH",
    "20251102_013000000_BEARISH", "BULLISH", "Bearish", "LONG", "CANCELLED", "ENTRY", "MFE_UPDATE_BATCH", "HEARTBEAT",
    "EXIT_BREAK_EVEN", "CME_MINI:MNQ1!, 1m", "BINANCE:BTCUSDT.P", "COMEX:GC1!-2*COMEX:SI1!", "1", "-1", "1e5", "1D",
    "15S",
    "\n", "\r", "\t", '"', "\\", "'", "\\ud83d", "a\nb", "\x1b[31m", "\x85", "\u2028",
)  # fmt: skip
BYTES = (
    b"\x00", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\\u0000", b"\\ud800",
    b'"', b"\\",
    b"{", b"}", b"[", b"]", b",", b":", b"\r", b"\n", b";", b"\t", b"{" * 300, b"[" * 3000, b'{"a":' * 300, b"NaN",
    b"1" * 400,
)  # fmt: skip
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
MOVES = 4  # at most, on one input

Mutation = Callable[[bytes, Random, Sequence[bytes]], bytes]


def mutated(seeds: Sequence[bytes], random: Random) -> bytes:
    """An input, from one of the seeds by one to four moves."""
    found = random.choice(seeds)
    for _ in range(random.randint(1, MOVES)):
        found = random.choice(MUTATIONS)(found, random, seeds)
    return found[:MOST]


def place_in(found: bytes, random: Random) -> tuple[int, int]:
    start = random.randint(0, len(found))
    return start, min(len(found), start + random.choice((1, 1, 2, 4, 16, 64, 256)))


def cut(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    start, end = place_in(found, random)
    return found[:start] + found[end:]


def end_early(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    return found[: random.randint(0, len(found))]


def repeat(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    start, end = place_in(found, random)
    return found[:end] + found[start:end] * random.choice((1, 1, 1, 2, 40)) + found[end:]


def insert(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    start, end = place_in(found, random)
    return found[:start] + random.choice(BYTES) + found[random.choice((start, end)) :]


def flip(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    if not found:
        return b"\x00"
    place = random.randrange(len(found))
    return found[:place] + bytes([random.randrange(256)]) + found[place + 1 :]


def splice(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    other = random.choice(seeds)
    return found[: random.randint(0, len(found))] + other[random.randint(0, len(other)) :]


def append(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    return found + random.choice((b"", b"\n", b",")) + random.choice(seeds)


def exchange(pattern: re.Pattern[bytes], by: Callable[[Random], bytes]) -> Mutation:
    """Replace one of the places that a pattern finds, all alike now and then."""

    def move(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
        begin = random.randint(0, len(found))
        place = pattern.search(found, begin) or pattern.search(found)
        if place is None:
            return found
        start, end = place.span()
        if random.random() < 0.05:
            return found.replace(found[start:end], by(random))
        return found[:start] + by(random) + found[end:]

    return move


def a_number(random: Random) -> bytes:
    return random.choice(NUMBERS).encode()


def a_string(random: Random) -> bytes:
    text = random.choice((random.choice(TEXTS), random.choice(NUMBERS)))
    if random.random() < 0.5:
        return json.dumps(text).encode()
    return b'"' + text.encode("utf-8", "surrogatepass") + b'"'


def restructure(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    """Replace, drop, double, move or nest a value of a JSON body, or give an object a key of another."""
    try:
        whole = json.loads(found)
    except (ValueError, RecursionError):
        return found
    places = list(containers(whole))
    if not places:
        return found
    holder = random.choice(places)
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if keys:
        alter(holder, random.choice(keys), random, places)
    try:
        return json.dumps(whole, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return found


def alter(holder: Any, key: Any, random: Random, places: Sequence[Any]) -> None:
    move = random.randrange(6)
    if move == 0:
        del holder[key]
    elif move == 1:
        holder[key] = a_value(random)
    elif move == 2:
        holder[key] = random.choice(([holder[key]], {"x": holder[key]}, [holder[key]] * 3, str(holder[key])))
    elif move == 3 and isinstance(holder, dict):
        holder[random.choice((random.choice(TEXTS), str(key).upper(), f" {key}", f"{key}\x00"))] = holder.pop(key)
    elif move == 4 and isinstance(holder, list):
        holder.extend([holder[key]] * random.choice((1, 3, 40)))
    else:
        other = random.choice(places)
        holder[key] = json.loads(json.dumps(other))


def a_value(random: Random) -> Any:
    number: Any = random.choice((0, -1, 1e308, 10**30, 0.1 + 0.2, 2**63, -0.0, 1e-300, 25740.25))
    return random.choice((None, True, False, [], {}, "", number, random.choice(TEXTS), random.choice(NUMBERS)))


def containers(value: Any) -> list[Any]:
    """All objects and lists in a value."""
    found, waiting = [], [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list):
            found.append(each)
            waiting.extend(each.values() if isinstance(each, dict) else each)
    return found


def another_encoding(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    text = found.decode("utf-8", "replace")
    return text.encode(random.choice(("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-7", "cp1252")), "replace")


def other_separators(found: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    old, new = random.sample((b",", b";", b"\t", b"\n", b"\r\n", b"\r", b'"', b"'", b":", b"="), 2)
    return found.replace(old, new, random.choice((1, 3, -1)))


MUTATIONS: Sequence[Mutation] = (
    cut, end_early, repeat, insert, flip, splice, append, other_separators, another_encoding,
    *[exchange(NUMBER, a_number)] * 6, *[exchange(STRING, a_string)] * 6, *[restructure] * 14,
)  # fmt: skip


def hidden_somewhere(found: bytes, token: str, random: Random) -> bytes:
    """The input with a token of ours in it, whole but in some spelling: between two bytes, or instead of a text."""
    spelled = random.choice(
        (
            token,
            "".join(f"\\u{ord(letter):04x}" for letter in token),
            "".join(f"%{ord(letter):02x}" for letter in token),
        )
    )
    text = STRING.search(found, random.randint(0, len(found)))
    if text is not None and random.random() < 0.7:
        return found[: text.start()] + b'"' + spelled.encode() + b'"' + found[text.end() :]
    place = random.randint(0, len(found))
    return found[:place] + b" " + spelled.encode() + b" " + found[place:]
