"""The ledger: TradingView's alert log, what we received, by webhook and by mail, what we accepted. It changes nothing.

What this system stored is the only proof of receipt: a log marks rows failed that were delivered, and the reverse.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import TextChoices

from signals.clock import floor_minute
from signals.models import Delivery, Mail, Quarantine, Source
from signals.models.deliveries import ORIGINAL
from signals.parcels import Incoming, checksum_of
from signals.storage.queries import batches
from signals.vocabulary import Channel, DeliveryStatus

from .mail.matching import WITHIN, paired
from .mail.reading import words_in

LOOKED_UP = 500
_NEGATED = re.compile(r"fail|error|not |un(?:delivered|sent)|timeout|timed|refus|reject|\b[45]\d\d\b")
_POSITIVE = re.compile(r"deliver|success|sent|\bok\b|\b2\d\d\b")


class Verdict(TextChoices):
    STORED = "stored", "Stored"
    LOST = "lost", "Lost"
    FAILED_YET_STORED = "marked failed yet stored", "Marked failed yet stored"
    DELIVERED_YET_ABSENT = "marked delivered yet absent", "Marked delivered yet absent"
    QUARANTINED = "quarantined", "Quarantined"
    BY_MAIL = "by mail alone", "By mail alone"


ABSENT = frozenset({Verdict.LOST, Verdict.DELIVERED_YET_ABSENT})


@dataclass(frozen=True, slots=True)
class Receipt:
    """One stored delivery, as far as the ledger asks. `at` is its fire time where known, else its receipt."""

    delivery: UUID
    checksum: str
    at: datetime
    fire_minute: datetime
    received_at: datetime
    channel: str
    accepted: bool
    events: int


@dataclass(frozen=True, slots=True)
class MailReceipt:
    """One alert mail. `words` is the key of its words (mail/reading.py), `alone` that nothing else brought the same."""

    delivery: UUID | None
    words: str
    at: datetime
    alone: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the log, what we received of it, its mail, and the verdict."""

    row: Incoming
    receipt: Receipt | None
    verdict: Verdict
    mail: MailReceipt | None = None


def compare(rows: Sequence[Incoming], receipts: Iterable[Receipt], mails: Iterable[MailReceipt] = ()) -> list[Line]:
    """A line for each row, in their order. Pure.

    A row and a receipt belong together when their bytes are the same and their times at most 2 minutes apart, one to
    one. Those of the same minute go together first, for they are the same delivery; of the others as many as can.
    """
    by_body: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        by_body[receipt.checksum].append(receipt)
    alike: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        alike[checksum_of(row.body)].append(index)
    matched: dict[int, Receipt] = {}
    for checksum, indexes in alike.items():
        matched |= match({index: rows[index] for index in indexes}, by_body[checksum])
    mailed = match_mails(rows, list(mails))
    return [
        Line(row, matched.get(index), verdict(row, matched.get(index), mailed.get(index)), mailed.get(index))
        for index, row in enumerate(rows)
    ]


def match(rows: dict[int, Incoming], receipts: Sequence[Receipt]) -> dict[int, Receipt]:
    """Pairs of one body's rows and receipts."""
    free = sorted(receipts, key=lambda receipt: receipt.at)
    pairs: dict[int, Receipt] = {}
    by_time = sorted(rows.items(), key=lambda item: item[1].fired_at or item[1].fire_minute)
    for index, row in by_time:
        same = next((receipt for receipt in free if receipt.fire_minute == row.fire_minute), None)
        if same:
            pairs[index] = same
            free.remove(same)
    for index, row in by_time:
        fired = row.fired_at
        if index in pairs or fired is None:
            continue
        # In order of time, the earliest that fits leaves the most for the rows to come.
        near = next((receipt for receipt in free if abs(receipt.at - fired) <= WITHIN), None)
        if near:
            pairs[index] = near
            free.remove(near)
    return pairs


def match_mails(rows: Sequence[Incoming], mails: Sequence[MailReceipt]) -> dict[int, MailReceipt]:
    """Each row's mail, as settling would pair them."""
    if not mails:
        return {}
    by_words: dict[str, list[MailReceipt]] = defaultdict(list)
    for mail in sorted(mails, key=lambda mail: mail.at):
        by_words[mail.words].append(mail)
    alike: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row.fired_at and (words := words_in(row.body).key) in by_words:
            alike[words].append((row.fired_at, index))
    found: dict[int, MailReceipt] = {}
    for words, told in alike.items():
        own, times = by_words[words], sorted(told)
        pairs = paired([mail.at for mail in own], [at for at, _ in times])
        found |= {times[row][1]: own[mail] for mail, row in pairs.items()}
    return found


def verdict(row: Incoming, receipt: Receipt | None, mail: MailReceipt | None = None) -> Verdict:
    marked = marked_delivered(row.log_status)
    if receipt is None and mail and mail.alone:
        return Verdict.BY_MAIL
    if receipt is None:
        return Verdict.DELIVERED_YET_ABSENT if marked else Verdict.LOST
    if not receipt.accepted:
        return Verdict.QUARANTINED
    # What an earlier import brought in does not show the log wrong.
    return Verdict.FAILED_YET_STORED if marked is False and receipt.channel == Channel.WEBHOOK else Verdict.STORED


def marked_delivered(status: str) -> bool | None:
    """What the log's webhook status claims; None when it claims nothing that is understood."""
    said = status.lower()
    if _NEGATED.search(said):
        return False
    return True if _POSITIVE.search(said) else None


def receipts_of(rows: Iterable[Incoming], source: Source | None = None) -> Iterator[Receipt]:
    """The stored deliveries that have the bytes of any of these rows. A few indexed queries for a whole log."""
    sources = [source] if source else list(Source.objects.all())
    bodies = sorted({checksum_of(row.body) for row in rows})
    fields = ("pk", "checksum", "fired_at", "fire_minute", "received_at", "channel", "status", "event_count")
    for asked in batches(bodies, LOOKED_UP):
        stored = Delivery.objects.filter(ORIGINAL, source__in=sources, checksum__in=asked)
        stored = stored.exclude(channel=Channel.MAIL)
        for key, checksum, fired, minute, received, channel, status, events, state in stored.values_list(
            *fields, "quarantine__state"
        ):
            accepted = status == DeliveryStatus.ACCEPTED or state == Quarantine.State.REPLAYED
            yield Receipt(key, checksum, fired or received, minute, received, channel, accepted, events)


def mails_of(rows: Iterable[Incoming], source: Source | None = None) -> Iterator[MailReceipt]:
    """The mails of the time that these rows tell of."""
    told = [row.fired_at for row in rows if row.fired_at]
    if not told:
        return
    mails = Mail.objects.filter(at__range=(min(told) - WITHIN, max(told) + WITHIN)).exclude(state=Mail.State.REFUSED)
    if source:
        mails = mails.filter(source=source)
    for delivery, words, at, state in mails.values_list("delivery", "folded", "at", "state"):
        yield MailReceipt(delivery, words, at, state != Mail.State.MATCHED)


@dataclass(frozen=True, slots=True)
class Ledger:
    """A whole log, compared."""

    lines: Sequence[Line]

    @property
    def counts(self) -> dict[Verdict, int]:
        counted = Counter(line.verdict for line in self.lines)
        return {verdict: counted[verdict] for verdict in Verdict}

    @property
    def absent(self) -> list[Line]:
        return [line for line in self.lines if line.verdict in ABSENT]

    @property
    def reach(self) -> tuple[datetime, datetime] | None:
        """The first and the last minute that the log tells of."""
        told = [floor_minute(line.row.fired_at) for line in self.lines if line.row.fired_at]
        return (min(told), max(told)) if told else None


def ledger(rows: Sequence[Incoming], source: Source | None = None) -> Ledger:
    return Ledger(compare(rows, receipts_of(rows, source), mails_of(rows, source)))
