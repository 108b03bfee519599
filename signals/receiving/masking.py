"""Secrets in bodies: found and masked, also where JSON has lost a quote or escapes the name. Pure.

Tokens of ours are masked before anything is kept, secrets of others where a body is shown.
"""

import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache

MASK = b"***"
STAR = ord("*")


def spelled(letter: str) -> str:
    """A letter as it is, or as JSON may escape it, also in JSON within JSON."""
    return rf"(?:{letter}|\\{{1,4}}u00(?:{ord(letter):x}|{ord(letter.upper()):x}))"


TOKEN = "token"  # noqa: S105 - a name
"""Under which name a token stands in a message unless its source has another."""
ESCAPED = re.compile(rb"\\+u00([0-9a-fA-F]{2})")
# A name begins at a quote, or where one may be lost: at the start, behind a bracket, a comma or a line break. Its value
# is a list or an object, a text up to its own kind of quote or the end of a body cut short, or bare. Where the name has
# no closing quote it may be the start of a text: a quote before a comma or a bracket is that text's end, not a value.
# No repetition can begin inside another one's run, so that hostile bodies cost linear time.
NAMED = rb"""(?isx)
    (?:(?<=["'\]}]) | (?:^|[{,])\s* | \n[ \t]*)
    (?P<name>%b)(?P<quote>\\{0,3}["'])?+[\\"'\s]*:
    (?(quote)(?:\s*["']\s*:(?=\s*["'][^\s,}\]]))?|(?:\s*["']\s*:)?)\s*
    (?P<value>
        (?P<bracket>[{\[])
      | (?P<open>\\{0,3}["'])(?(quote)|(?!\s*[,}\]]))
        (?P<text>(?:(?!(?P=open))(?:\\.|[^\\]))+)(?P<close>(?P=open)|\\?\Z)
      | (?P<stray>[\\"']*)(?!(?:null|true|false)\b)(?P<bare>[^\s\\,:{}\[\]"']+)
    )"""

# A letter that a token may have, as it is or escaped. Nothing is tried twice, so that hostile bodies cost linear time.
ONE = rb"\\{1,4}+u00[0-9a-fA-F]{2}|%[0-9a-fA-F]{2}|\\{0,4}+[\w-]"
LETTER = re.compile(ONE)
LONG = re.compile(rb"(?>" + ONE + rb"){24,}+")
LONG_PLAIN = re.compile(rb"[\w-]{24,}+")
"""As many letters as a token of ours has at least: what is set by hand is checked for it."""

# What senders' formats call what opens somebody else's door: a broker, a relay, an exchange.
KINDS = rb"pass(?:phrase|word|wd|code)|secret|api[_-]?key|(?:access|private|auth|license)[_-]?(?:key|code)|credential"
NAME = rb"(?:[\w-]{0,24}(?:%b)[\w-]{0,24}|key|pin|auth)" % KINDS
SECRET = re.compile(NAMED % NAME)
ASSIGNED = re.compile(rb"(?i)(?<![\w-])(%b)=[^\s,;&\"']+" % NAME)
ANY_SECRET = re.compile(rb"(?i)%b|token|\bkey\b|\bpin\b|\bauth\b" % KINDS)
# Somebody else's token, unless it may as well be a ticker or a coin, which are called so too.
ANY_TOKEN = re.compile(NAMED % rb"[\w-]{0,24}token")
WORD = re.compile(rb"[\w.:!/-]{1,20}")
TEXT_OR_BRACKET = re.compile(
    rb"""(?s)(?P<open>\\{0,3}["'])(?:(?!(?P=open))(?:\\.|[^\\]))*(?P=open)?|(?P<bracket>[{}\[\]])"""
)


@lru_cache(maxsize=64)
def pattern_of(names: frozenset[str]) -> re.Pattern[bytes]:
    """What finds these names' values. Names are of letters, digits, hyphens and underscores."""
    return re.compile(NAMED % "|".join("".join(map(spelled, name.lower())) for name in sorted(names)).encode())


def mask_tokens(
    body: bytes, spared: Callable[[bytes], bool] | None = None, names: frozenset[str] = frozenset({TOKEN})
) -> tuple[bytes, bytes]:
    """The body with every token's value masked, and the first value that was a text or bare (b"" without any).

    A value that is `spared` stays: "token" is also what people call a coin.
    """
    if not may_name(body, names):
        return body, b""
    return mask_values(body, pattern_of(names), spared)


def mask_values(
    body: bytes, pattern: re.Pattern[bytes], spared: Callable[[bytes], bool] | None = None
) -> tuple[bytes, bytes]:
    parts: list[bytes] = []
    done, first = 0, b""
    while found := pattern.search(body, done):
        start = found.start("value")
        masked, end = masked_value(body, found)
        value = found["bare"] or found["text"] or b""
        stays = spared and spared(value or body[start:end])
        parts += [body[done:start], body[start:end] if stays else masked]
        done, first = end, first or value
    return b"".join([*parts, body[done:]]), first


def tokens_in(body: bytes, names: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Each value under one of these names, with the name in small letters; lists and objects are no tokens."""
    if not may_name(body, names):
        return
    for found in pattern_of(names).finditer(body):
        if value := found["bare"] or found["text"]:
            name = ESCAPED.sub(lambda code: bytes([int(code[1], 16)]), found["name"])
            yield name.decode(errors="replace").lower(), value


def may_name(body: bytes, names: frozenset[str]) -> bool:
    """Most bodies do not have the word at all, and looking for it costs a tenth of looking for the pattern."""
    lower = body.lower()
    return bool(names) and (b"\\u00" in lower or any(name.lower().encode() in lower for name in names))


def masked_value(body: bytes, found: re.Match[bytes]) -> tuple[bytes, int]:
    """What stands for the value, and where that ends. What was valid JSON stays so, a text that lacks its end, too."""
    quote = found["quote"] or b""
    if found["open"]:
        return found["open"] + MASK + found["close"], found.end()
    if found["bare"]:
        quote = b"" if found["stray"] else quote
        return found["stray"] + quote + MASK + quote, found.end()
    end = closing_bracket(body, found.end())
    return (quote + MASK + quote, end + 1) if quote else (found["bracket"] + MASK, end)


def closing_bracket(body: bytes, start: int) -> int:
    """Where the list or object ends whose opening bracket stands before `start`; the body's end if it does not."""
    depth = 1
    for found in TEXT_OR_BRACKET.finditer(body, start):
        depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(found["bracket"], 0)
        if not depth:
            return found.start()
    return len(body)


def mask_hidden(body: bytes, is_ours: Callable[[str], bool], lengths: Collection[int]) -> bytes:
    """The body with every token of ours covered that stands anywhere in it, in keys and within other words, too.

    Escaped as JSON or addresses do it, or in UTF-16, it is one as well. Byte for byte is covered: all else stays where
    it is. Within longer words tokens of these `lengths` are looked for.
    """
    thin = body.translate(None, b"\0")  # which UTF-16 has beside every letter
    same = len(thin) == len(body)
    places = range(len(body)) if same else [place for place, byte in enumerate(body) if byte]
    covered = bytearray(body)
    words = LONG if b"\\" in thin or b"%" in thin else LONG_PLAIN
    for found in words.finditer(thin):
        for start, end in spans_of(found, is_ours, lengths):
            for place in places[start:end]:
                covered[place] = STAR
    return bytes(covered)


def spans_of(
    found: re.Match[bytes], is_ours: Callable[[str], bool], lengths: Collection[int]
) -> Iterator[tuple[int, int]]:
    """Where tokens of ours are in a word that was found."""
    word, start = found[0], found.start()
    if b"\\" not in word and b"%" not in word:
        yield from ((start + first, start + last) for first, last in hidden_in(word.decode(), is_ours, lengths))
        return
    letters = list(LETTER.finditer(found.string, *found.span()))
    for first, last in hidden_in("".join(map(plain_letter, letters)), is_ours, lengths):
        yield letters[first].start(), letters[last - 1].end()


def plain_letter(found: re.Match[bytes]) -> str:
    text = found[0]
    escaped = len(text) > 2 and (text.startswith(b"%") or b"u00" in text)
    return chr(int(text[-2:], 16)) if escaped else text[-1:].decode()


def hidden_in(text: str, is_ours: Callable[[str], bool], lengths: Collection[int]) -> Iterator[tuple[int, int]]:
    """Where tokens of ours stand in a word."""
    if is_ours(text):
        yield 0, len(text)
        return
    for length in lengths:
        places = range(len(text) - length + 1)
        yield from ((place, place + length) for place in places if is_ours(text[place : place + length]))


def hide_secrets(text: str) -> str:
    """A body as people may see it: without the values of passwords, keys, tokens and the like. What is stored stays."""
    body = text.encode("utf-8", "surrogatepass")
    if not ANY_SECRET.search(body):
        return text
    body = ASSIGNED.sub(rb"\1=" + MASK, body)
    body, _ = mask_values(body, SECRET)
    body, _ = mask_values(body, ANY_TOKEN, lambda value: bool(WORD.fullmatch(value)))
    return body.decode("utf-8", "surrogatepass")
