"""Secrets in bodies: found and masked, also where JSON has lost a quote or escapes the name. Pure.

Tokens of ours are masked before anything is kept, secrets of others where a body is shown.
"""

import re
from collections.abc import Callable

MASK = b"***"


def spelled(letter: str) -> str:
    """A letter as it is, or as JSON may escape it, also in JSON within JSON."""
    return rf"(?:{letter}|\\{{1,4}}u00(?:{ord(letter):x}|{ord(letter.upper()):x}))"


WORD = "".join(map(spelled, "token")).encode()
# A name begins at a quote, or where one may be lost: at the start, behind a bracket, a comma or a line break. Its value
# is a list or an object, a text up to its own kind of quote or the end of a body cut short, or bare. Where the name has
# no closing quote it may be the start of a text: a quote before a comma or a bracket is that text's end, not a value.
# No repetition can begin inside another one's run, so that hostile bodies cost linear time.
NAMED = rb"""(?isx)
    (?:(?<=["'\]}]) | (?:^|[{,])\s* | \n[ \t]*)
    %b(?P<quote>\\{0,3}["'])?+[\\"'\s]*:
    (?(quote)(?:\s*["']\s*:(?=\s*["'][^\s,}\]]))?|(?:\s*["']\s*:)?)\s*
    (?P<value>
        (?P<bracket>[{\[])
      | (?P<open>\\{0,3}["'])(?(quote)|(?!\s*[,}\]]))
        (?P<text>(?:(?!(?P=open))(?:\\.|[^\\]))+)(?P<close>(?P=open)|\\?\Z)
      | (?P<stray>[\\"']*)(?!(?:null|true|false)\b)(?P<bare>[^\s\\,:{}\[\]"']+)
    )"""
TOKEN = re.compile(NAMED % WORD)
# What senders' formats call what opens somebody else's door: a broker, a relay, an exchange.
KINDS = rb"pass(?:phrase|word|wd|code)|secret|api[_-]?key|(?:access|private|auth|license)[_-]?(?:key|code)|credential"
NAME = rb"(?:[\w-]{0,24}(?:%b)[\w-]{0,24}|key|pin|auth)" % KINDS
SECRET = re.compile(NAMED % NAME)
ASSIGNED = re.compile(rb"(?i)(?<![\w-])(%b)=[^\s,;&\"']+" % NAME)
ANY_SECRET = re.compile(rb"(?i)%b|\bkey\b|\bpin\b|\bauth\b" % KINDS)
TEXT_OR_BRACKET = re.compile(
    rb"""(?s)(?P<open>\\{0,3}["'])(?:(?!(?P=open))(?:\\.|[^\\]))*(?P=open)?|(?P<bracket>[{}\[\]])"""
)


def mask_tokens(body: bytes, spared: Callable[[bytes], bool] | None = None) -> tuple[bytes, bytes]:
    """The body with every token's value masked, and the first value that was a text or bare (b"" without any).

    A text or bare value that is `spared` stays: "token" is also what people call a coin.
    """
    # Most bodies do not have the word at all, and looking for it costs a tenth of looking for the pattern.
    if b"token" not in body.lower() and b"\\u00" not in body:
        return body, b""
    parts: list[bytes] = []
    done, first = 0, b""
    while found := TOKEN.search(body, done):
        value = found["bare"] or found["text"] or b""
        if value and spared and spared(value):
            parts, done, first = [*parts, body[done : found.end()]], found.end(), first or value
            continue
        masked, end = masked_value(body, found)
        parts += [body[done : found.start("value")], masked]
        done, first = end, first or value
    return b"".join([*parts, body[done:]]), first


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


def hide_secrets(text: str) -> str:
    """A body as people may see it: without the values of passwords, keys and the like. What is stored stays."""
    body = text.encode("utf-8", "surrogatepass")
    if not ANY_SECRET.search(body):
        return text
    body = ASSIGNED.sub(rb"\1=" + MASK, body)
    parts, done = [], 0
    while found := SECRET.search(body, done):
        masked, end = masked_value(body, found)
        parts += [body[done : found.start("value")], masked]
        done = end
    return b"".join([*parts, body[done:]]).decode("utf-8", "surrogatepass")
