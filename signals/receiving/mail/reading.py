"""A mail as bytes becomes a message: who sent it when, and the alert's own text. Pure.

Mail changes a text on its way: line ends, lines that are too long, characters that HTML needs for itself. What the
alert said is got back where that is certain; its *words* are what two copies have in common whatever was done to them.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Parsed
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import blake2b
from html import unescape
from html.parser import HTMLParser
from typing import NamedTuple

LONGEST_HEADER = 5000  # characters
# Where JSON begins, which a sentence in brackets does not look like.
JSON_START = re.compile(r"""\[?\s*\{\s*\\{0,3}["']""")
BLANK = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]+")
TOO_LONG = 900  # characters; a line of 1,000 bytes is cut wherever that is
BLOCKS = frozenset({"p", "div", "br", "tr", "table", "li", "ul", "h1", "h2", "h3", "h4", "pre", "hr", "section"})
UNSHOWN = frozenset({"style", "script", "head", "title", "template"})


@dataclass(frozen=True, slots=True)
class Message:
    """One mail. Addresses are in small letters; `results` is what the nearest server says of its authenticity."""

    message_id: str
    senders: Sequence[str]
    recipients: Sequence[str]
    subject: str
    sent_at: datetime | None
    received_at: datetime | None  # by the nearest server's Received line, for who knows nothing better
    results: str | None
    text: str
    structured: bool  # the text is JSON, from its first bracket to its last


def read_message(raw: bytes) -> Message:
    """Never raises for what a sender could write: what cannot be read is empty."""
    parsed = message_from_bytes(raw)
    text, structured = alert_in(list(texts_of(parsed)))
    return Message(
        message_id=one_line(parsed.get("Message-ID")),
        senders=addresses(parsed, "From"),
        # Of the signed line alone, which stands there once: who sends a mail on may add others above it.
        recipients=addresses(parsed, "To") if len(parsed.get_all("To", [])) == 1 else [],
        subject=one_line(parsed.get("Subject")),
        sent_at=moment_of(parsed.get("Date")),
        received_at=moment_of(str(parsed.get("Received", "")).rpartition(";")[2]),
        results=unfolded(parsed.get("Authentication-Results")),
        text=text,
        structured=structured,
    )


def unfolded(header: object) -> str | None:
    return None if header is None else " ".join(str(header).split())


def one_line(header: object) -> str:
    """A header as people read it."""
    try:
        shown = str(make_header(decode_header(str(header or ""))))
    except (ValueError, LookupError):
        shown = str(header)
    return "".join(character for character in " ".join(shown.split()) if character.isprintable())


def addresses(parsed: Parsed, name: str) -> list[str]:
    """The addresses of a header, which may stand there several times; none of one that is absurdly long."""
    headers = [str(header) for header in parsed.get_all(name, [])]
    if sum(map(len, headers)) > LONGEST_HEADER:
        return []
    return [address.lower() for _, address in getaddresses(headers) if address]


def moment_of(header: object) -> datetime | None:
    """What a date header says, UTC; None for what is no moment."""
    try:
        stated = parsedate_to_datetime(str(header))
        return stated.astimezone(UTC) if stated.tzinfo else stated.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def texts_of(parsed: Parsed) -> Iterator[str]:
    """Its texts, plain ones first."""
    parts = [part for part in parsed.walk() if not part.is_multipart() and not part.get_filename()]
    for part in parts:
        if part.get_content_type() == "text/plain":
            yield flowing(decoded(part), part)
    for part in parts:
        if part.get_content_type() == "text/html":
            yield shown_text(decoded(part))


def decoded(part: Parsed) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return raw.decode("utf-8", "replace")


def flowing(text: str, part: Parsed) -> str:
    """A plain text without the line breaks that `format=flowed` marks as the sender program's own."""
    if str(part.get_param("format", "")).lower() != "flowed":
        return text
    return re.sub(r" \r?\n", "" if str(part.get_param("delsp", "")).lower() == "yes" else " ", text)


class _Shown(HTMLParser):
    """Collects what a reader sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unshown = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.unshown += tag in UNSHOWN
        if tag in BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.unshown = max(0, self.unshown - (tag in UNSHOWN))
        if tag in BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.unshown:
            self.parts.append(re.sub(r"\s+", " ", data))


def shown_text(html: str) -> str:
    """What is seen of a page: entities as characters, tags as line breaks or nothing."""
    shown = _Shown()
    shown.feed(html)
    shown.close()
    lines = (line.strip() for line in "".join(shown.parts).split("\n"))
    return "\n".join(line for line in lines if line)


def alert_in(texts: Sequence[str]) -> tuple[str, bool]:
    """The alert's text among those of a mail, and whether it is JSON: the first that holds any, else the first."""
    for text in texts:
        if found := json_in(text):
            return found, True
    return next((plain(text) for text in texts if text.strip()), ""), False


def json_in(text: str) -> str:
    """From the first bracket of JSON to the last one; all that follows where none closes. "" without any.

    Line breaks that a mail program put into it are taken out again where that makes JSON.
    """
    found = JSON_START.search(text)
    if not found:
        return ""
    rest = text[found.start() :]
    end = max(rest.rfind("}"), rest.rfind("]") if rest.startswith("[") else -1)
    whole = plain(rest[: end + 1] if end >= 0 else rest)
    return next((each for each in (whole, joined(whole)) if is_json(each)), whole)


def joined(text: str) -> str:
    """The text in one line. Lines are wrapped between words, but for those that are too long for any mail server."""
    lines = [line.strip(" \t") for line in text.split("\n")]
    parts = [line + ("" if len(line) > TOO_LONG else " ") for line in lines[:-1]]
    return "".join([*parts, lines[-1]])


def plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def words_of(text: str) -> str:
    """The text without what mail may change: blanks, line ends, and characters written as entities."""
    return BLANK.sub("", unescape(text))


class Words(NamedTuple):
    """What an alert says, folded, and the key of it."""

    folded: str
    key: str


def words_in(body: bytes) -> Words:
    """Of a body that came by another way: what its mail has in common with it."""
    folded = words_of(alert_of(body))
    return Words(folded, key_of(folded))


def alert_of(body: bytes) -> str:
    text = body.decode(errors="replace")
    return json_in(text) or plain(text)


def key_of(words: str) -> str:
    """Identity of folded words: BLAKE2b, 128 bits, hex."""
    return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
