"""Collecting: each message is stored once, as what waits for its webhook or as what was refused, with the reason."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from django.db import Error as DatabaseError
from django.utils import timezone

from signals import dialects
from signals.facts import UnreadableError
from signals.models import Mail, Mailbox, Source, SourceToken
from signals.parcels import MAX_BODY
from signals.receiving.evidence import evidence_of
from signals.receiving.known import token_names
from signals.receiving.masking import tokens_in
from signals.receiving.senders import hash_token
from signals.symbols import normalised
from signals.teaching.known import formats_of

from .reading import Message, key_of, one_line, read_message, words_of
from .trusting import fault_of

log = logging.getLogger(__name__)
LARGEST = 2**20  # bytes of a message; TradingView's have some ten thousand
ON_ITS_WAY = timedelta(days=1)
KEPT_OF_REFUSED = 500  # characters
FORGOTTEN = timedelta(days=90)
YEARS = range(2000, 2100)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it was found. `received_at` is by the server, where that is known. Of a larger one only the head."""

    raw: bytes
    received_at: datetime | None = None
    size: int = 0
    origin: str = ""  # the file that it is from, for what is told of it


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose word counts on whether a mail is TradingView's, and to whom it must be written ("": to anybody)."""

    server: str
    addressee: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    """How many messages were found: new ones by state, those that were known, and why the refused ones were."""

    states: Counter[str]
    known: int
    reasons: Counter[str]


def collect(
    arrived: Iterable[Arrived], trust: Trust, *, now: datetime, source: Source | None, mailbox: Mailbox | None = None
) -> Collected:
    """Store the messages that are not stored yet. They are of `source`; without it, of whom their alerts are."""
    keep, owners = evidence_of(), Owners(source)
    rows = {row.key: row for row in (row_of(each, trust, owners, keep) for each in arrived)}
    known = set(Mail.objects.filter(key__in=rows).values_list("key", flat=True))
    fresh = [row for key, row in rows.items() if key not in known]
    for row in fresh:
        row.mailbox, row.stored_at = mailbox, now
    Mail.objects.bulk_create(fresh, ignore_conflicts=True)  # another reader may have been quicker
    reasons = Counter(row.reason for row in fresh if row.reason)
    return Collected(Counter(row.state for row in fresh), len(rows) - len(fresh), reasons)


def forget_refused(now: datetime) -> None:
    Mail.objects.filter(state=Mail.State.REFUSED, at__lt=now - FORGOTTEN).delete()


def row_of(arrived: Arrived, trust: Trust, owners: "Owners", keep: Callable[[bytes], bytes]) -> Mail:
    """The row of a message. One that makes us fail is refused: it must not keep the others from being read."""
    try:
        return mail_of(arrived, trust, owners, keep)
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("a mail could not be read")
        key = blake2b(arrived.raw, digest_size=16, person=b"unread").hexdigest()
        now = arrived.received_at or timezone.now()
        says = f"Reading it failed with {type(error).__name__}. Please report it."
        return Mail(key=key, received_at=now, at=now, state=Mail.State.REFUSED, reason=says)


def mail_of(arrived: Arrived, trust: Trust, owners: "Owners", keep: Callable[[bytes], bytes]) -> Mail:
    """The row of a message, not stored yet."""
    message = read_message(arrived.raw)
    # Copied into another account, a mail may have a receipt of today; its line of then still stands there.
    received = min(filter(None, (arrived.received_at, message.received_at)), default=message.sent_at)
    fault = fault_of(message, server=trust.server, addressee=trust.addressee)
    forged, owner = bool(fault), owners.given
    fault = fault or unusable(message, arrived, received)
    if not fault:
        owner, fault = owners.of(message.text)
    text = keep(message.text.encode("utf-8", "replace")).decode("utf-8", "replace").replace("\0", "\ufffd")
    identity = arrived.raw if forged or not message.message_id else message.message_id.encode("utf-8", "replace")
    received = received if received and received.year in YEARS else timezone.now()
    return Mail(
        key=blake2b(identity, digest_size=16, person=b"forged" if forged else b"mail").hexdigest(),
        source=owner,
        message_id=message.message_id[:255],
        sender=one_line(", ".join(message.senders))[:255],
        subject=message.subject[:255],
        received_at=received,
        sent_at=message.sent_at if message.sent_at and message.sent_at.year in YEARS else None,
        at=fired_at(message, received),
        text=text[:KEPT_OF_REFUSED] if fault else text,
        folded=key_of(words_of(text)),
        structured=message.structured,
        state=Mail.State.REFUSED if fault else Mail.State.WAITING,
        reason=fault[:400],
    )


def unusable(message: Message, arrived: Arrived, received: datetime | None) -> str:
    """Why an authentic mail cannot be taken; "" if it can."""
    if arrived.size > LARGEST:
        return f"It has {arrived.size:,} bytes; alert mails have at most {LARGEST:,}."
    if received is None or received.year not in YEARS:
        return "It does not say when it was received or sent."
    if message.sent_at and received - message.sent_at > ON_ITS_WAY:
        return "It was more than a day on its way by its own Date: when its alert fired is not certain."
    if not message.text:
        return "It has no text."
    if len(message.text.encode("utf-8", "replace")) > MAX_BODY:
        return f"Its text has more than {MAX_BODY} bytes, which no alert has."
    return ""


def fired_at(message: Message, received: datetime) -> datetime:
    """When the alert fired, as far as the mail tells.

    The server's receipt is a clock that nobody else sets. What the mail says itself, and TradingView signed, counts
    only where it is earlier: a mail that queued for minutes would otherwise put its event into a later bar.
    """
    sent = message.sent_at
    return min(sent, received) if sent and received - sent <= ON_ITS_WAY else received


class Owners:
    """Whose an alert is: of whose token it holds, else the given source's, else of the one that has its symbol."""

    def __init__(self, given: Source | None) -> None:
        self.given = given
        self._names = token_names()
        self._by_symbol: dict[str, list[Source]] = {}
        for source in Source.objects.exclude(symbol="") if given is None else ():
            self._by_symbol.setdefault(normalised(source.symbol), []).append(source)

    def of(self, text: str) -> tuple[Source | None, str]:
        """The source, or why nobody knows it."""
        body = text.encode("utf-8", "replace")
        hashes = [hash_token(value.decode(errors="replace")) for _, value in tokens_in(body, self._names)]
        token = SourceToken.objects.select_related("source").filter(token_hash__in=hashes).first() if hashes else None
        if token or self.given:
            return (token.source if token else self.given), ""
        symbols = self._symbols(body)
        found = [source for symbol in symbols for source in self._by_symbol.get(symbol, ())]
        if len(found) == 1:
            return found[0], ""
        named = ", ".join(symbols) or "no symbol"
        return None, (
            "Several sources share this mailbox, and nobody knows whose alert it is: its message has no token and"
            f" names {named}, which {len(found) or 'no'} sources have. Give the source a mailbox or folder of its own."
        )

    def _symbols(self, body: bytes) -> Sequence[str]:
        try:
            reading = dialects.read(body, formats=formats_of(None))
        except UnreadableError:
            return ()
        named = [*reading.symbols, *(event.symbol for event in reading.events)]
        return sorted({normalised(symbol) for symbol in named if symbol})
