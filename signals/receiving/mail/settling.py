"""Settling: mails become deliveries, once the webhook had its chance, and give way to what comes later still.

What came by webhook or stands in a log has its mail as a duplicate. A mail that nothing else brought is a delivery of
its own with events, until the spool or a log brings the same after all. So whatever came first, what stays is what
the others and the mails add up to (`matching`).
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import NamedTuple
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q, QuerySet

from signals import dialects
from signals.clock import floor_minute
from signals.facts import UnreadableError
from signals.intake import take_in
from signals.models import Delivery, Mail, MailMark, Source
from signals.models.deliveries import NO_TIME, ORIGINAL, first_id
from signals.parcels import Incoming, checksum_of
from signals.receiving.giving_way import Way, give_way, settle_clock
from signals.signal.zones import Hold, hold_clock
from signals.storage.queries import Timespan, batches, merged
from signals.teaching.known import formats_of
from signals.vocabulary import Channel

from .matching import WITHIN, paired
from .reading import Words, words_in, words_of

log = logging.getLogger(__name__)
PATIENCE = timedelta(minutes=3)  # that a mail waits for its webhook, which is sent again for seconds, or its spool
REACH = timedelta(hours=1)  # around a mail that others of the same words are looked at
AT_ONCE = 100  # mails a transaction
OVERLAP = timedelta(minutes=15)  # that storing may take between a delivery's key and its commit
LOOKED_BACK = timedelta(days=1)
LEAST_WORDS = 8  # characters of a text that may be looked for within a mail
RECEIPT = ("pk", "fired_at", "received_at", "checksum", "body__raw")
LIVE = (Mail.State.WAITING, Mail.State.MATCHED, Mail.State.ALONE)
REASON = "It came by webhook or log after all, which goes before mail."
NO_ALERT = "It is no alert by its subject, and no format can read it."
DOUBTFUL = "The bodies of its time were let go, so nobody can tell whether the webhook or a log brought it."
UNKNOWN = Words("", "")


class Receipt(NamedTuple):
    """A delivery that is no mail's. `at` is when its alert fired, where a log told it, else its receipt. Its words are
    unknown where its body was let go."""

    pk: UUID
    at: datetime
    checksum: str
    words: str
    key: str


@dataclass(slots=True)
class Bundle:
    """Mails of the same words in one minute: one alert. `holder` is the one that is a delivery with events."""

    mails: list[Mail] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        return min(mail.at for mail in self.mails)

    @property
    def holder(self) -> Mail | None:
        return next((mail for mail in self.mails if mail.state == Mail.State.ALONE), None)


def settle_due(now: datetime) -> Counter[str]:
    """Settle every mail that has waited long enough. Returns how many are what now."""
    due = Mail.objects.filter(state=Mail.State.WAITING, at__lte=now - PATIENCE, received_at__lte=now - PATIENCE)
    done: Counter[str] = Counter()
    for source in Source.objects.filter(pk__in=due.order_by().values("source")):
        done += settle(source, due.filter(source=source).order_by("at", "pk").values_list("pk", flat=True), now)
    return done


def settle_late(now: datetime) -> Counter[str]:
    """Let mails that came alone give way to what other ways have brought since the last look."""
    done: Counter[str] = Counter()
    alone = Mail.objects.filter(state=Mail.State.ALONE)
    for source in Source.objects.filter(pk__in=alone.order_by().values("source")):
        mark, _ = MailMark.objects.get_or_create(source=source, defaults={"seen_to": now - LOOKED_BACK})
        stored = Delivery.objects.filter(ORIGINAL, source=source, id__gte=first_id(mark.seen_to - OVERLAP))
        times = stored.exclude(channel=Channel.MAIL).values_list("fired_at", "received_at")
        moments = (fired or received for fired, received in times)
        spans = merged(((at - WITHIN, at + WITHIN) for at in moments), timedelta())
        done += settle(source, within(alone.filter(source=source), spans), now)
        MailMark.objects.filter(source=source).update(seen_to=now)
    return done


def settle_span(source: Source, span: Timespan, now: datetime) -> Counter[str]:
    """The same at once for a log that tells of this time."""
    alone = Mail.objects.filter(source=source, state=Mail.State.ALONE)
    return settle(source, within(alone, [(span[0] - WITHIN, span[1] + WITHIN)]), now)


def within(mails: QuerySet[Mail], spans: Iterable[Timespan]) -> Iterator[int]:
    """The keys of those among the mails that are of these times."""
    for some in batches(spans, AT_ONCE):
        found = mails.filter(reduce(or_, (Q(at__range=span) for span in some)))
        yield from found.order_by("at", "pk").values_list("pk", flat=True)


def settle(source: Source, keys: Iterable[int], now: datetime) -> Counter[str]:
    """Settle mails, and others where that follows, in transactions of some. Raises DatabaseError."""
    done: Counter[str] = Counter()
    for some in batches(list(keys), AT_ONCE):
        done += settle_some(source, some, now)
    return done


def settle_some(source: Source, keys: Sequence[int], now: datetime) -> Counter[str]:
    """In one transaction; one by one only when that fails, so that one that cannot be stored keeps no other waiting."""
    try:
        with transaction.atomic():
            hold_clock(source, Hold.ALONE, ())  # so that two who settle take turns
            chunk = list(Mail.objects.filter(pk__in=keys, state__in=LIVE).order_by("at", "pk"))
            settled = settle_chunk(source, chunk, now)
        if settled.voted:
            settle_clock(source, now)
        return settled.done
    except Exception as error:
        if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
            raise
        log.exception("settling %d mails of %s failed", len(keys), source)
        done: Counter[str] = Counter()
        for key in keys if len(keys) > 1 else ():
            done += settle_some(source, [key], now)
        return done


def settle_chunk(source: Source, mails: Sequence[Mail], now: datetime) -> "Settled":
    name_words(source, mails)
    groups = [kin_of(source, key, own) for key, own in by_words(mails).items()]
    receipts: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts_around(source, [mail.at for group in groups for mail in group]):
        receipts[receipt.key].append(receipt)
    doubts = [receipt.at for receipt in receipts[UNKNOWN.key]]
    settled = Settled(source, now)
    for group in groups:
        bundles = bundled(group)
        others = sorted(receipts[group[0].folded], key=lambda receipt: receipt.at)
        pairs = paired([bundle.at for bundle in bundles], [receipt.at for receipt in others])
        for place, bundle in enumerate(bundles):
            is_doubtful = any(abs(at - bundle.at) <= WITHIN for at in doubts)
            settled.add(bundle, others[pairs[place]] if place in pairs else None, is_doubtful)
    settled.write()
    return settled


def name_words(source: Source, mails: Sequence[Mail]) -> None:
    """A mail around a text that is no JSON has words of its own: it is known by what it holds of another delivery."""
    loose = [mail for mail in mails if not mail.structured]
    if not loose:
        return
    receipts = list(receipts_around(source, [mail.at for mail in loose]))
    for mail in loose:
        own = words_of(mail.text)
        held = [
            each
            for each in receipts
            if abs(each.at - mail.at) <= WITHIN and len(each.words) >= LEAST_WORDS and each.words in own
        ]
        found = max(held, key=lambda each: len(each.words), default=None)
        if found and mail.folded != found.key:
            mail.folded = found.key
            mail.save(update_fields=["folded"])


def by_words(mails: Iterable[Mail]) -> dict[str, list[Mail]]:
    found: dict[str, list[Mail]] = defaultdict(list)
    for mail in mails:
        found[mail.folded].append(mail)
    return found


def kin_of(source: Source, key: str, mails: Sequence[Mail]) -> list[Mail]:
    """The mails of the same words that may want the same deliveries: each near enough to the next."""
    first, last = min(mail.at for mail in mails), max(mail.at for mail in mails)
    near = Mail.objects.filter(source=source, folded=key, state__in=LIVE, at__range=(first - REACH, last + REACH))
    chains: list[list[Mail]] = []
    for mail in near.order_by("at", "pk"):
        if not chains or mail.at - chains[-1][-1].at > 2 * WITHIN:
            chains.append([])
        chains[-1].append(mail)
    wanted = {mail.pk for mail in mails}
    return [mail for chain in chains if not wanted.isdisjoint(each.pk for each in chain) for mail in chain]


def bundled(mails: Iterable[Mail]) -> list[Bundle]:
    """In order of time."""
    found: dict[datetime, Bundle] = defaultdict(Bundle)
    for mail in mails:
        found[floor_minute(mail.at)].mails.append(mail)
    return sorted(found.values(), key=lambda bundle: bundle.at)


def receipts_around(source: Source, moments: Iterable[datetime]) -> Iterator[Receipt]:
    """The deliveries by other ways around these moments, each once."""
    others = Delivery.objects.filter(ORIGINAL, source=source).exclude(channel=Channel.MAIL)
    others = others.exclude(fire_minute=NO_TIME)
    for spans in batches(merged(((at - WITHIN, at + WITHIN) for at in moments), timedelta()), AT_ONCE):
        told = others.filter(reduce(or_, (Q(fired_at__range=span) for span in spans)))
        untold = others.filter(reduce(or_, (Q(received_at__range=span) for span in spans)), fired_at=None)
        for rows in (told, untold):
            for pk, fired, received, checksum, raw in rows.values_list(*RECEIPT):
                words = words_in(bytes(raw)) if raw is not None else UNKNOWN
                yield Receipt(pk, fired or received, checksum, words.folded, words.key)


class Settled:
    """What becomes of bundles: decided one by one, then written together. `voted`: votes for a zone went."""

    def __init__(self, source: Source, now: datetime) -> None:
        self.source, self.now = source, now
        self.originals: list[Mail] = []
        self.copies: list[tuple[Mail, Receipt]] = []
        self.twins: list[tuple[Mail, Mail]] = []  # with the holder of their bundle
        self.ways: list[tuple[Mail, Receipt]] = []
        self.pointed: list[tuple[Mail, Receipt | None, Mail | None]] = []  # copies, and of what they are now
        self.voted = False
        self.done: Counter[str] = Counter()

    def add(self, bundle: Bundle, receipt: Receipt | None, is_doubtful: bool) -> None:
        due = [mail for mail in bundle.mails if mail.state != Mail.State.WAITING or self.is_due(mail)]
        holder = bundle.holder
        if receipt and holder:
            self.ways.append((holder, receipt))
        if receipt is None and holder is None and due:
            holder = min(due, key=lambda mail: (mail.state != Mail.State.WAITING, mail.at, mail.pk))
            if not self.hold(holder, is_doubtful):
                return
        for mail in due:
            if mail is holder:
                continue
            if mail.state == Mail.State.MATCHED:
                self.pointed.append((mail, receipt, holder))
            elif receipt:
                self.copies.append((mail, receipt))
            elif holder:
                self.twins.append((mail, holder))

    def is_due(self, mail: Mail) -> bool:
        return max(mail.at, mail.received_at) <= self.now - PATIENCE

    def hold(self, mail: Mail, is_doubtful: bool) -> bool:
        """Let the mail be a delivery with events, if it is an alert, and one that nothing else can have brought."""
        if mail.state == Mail.State.MATCHED:  # what it was matched with is another alert's, as it turned out
            copy = copy_of(mail)
            mail.text, mail.delivery = own_text(mail, copy), None
            mail.save(update_fields=["delivery"])
            copy.delete()
        elif is_doubtful or not (mail.structured or self.is_alert(mail)):
            mail.reason = DOUBTFUL if is_doubtful else NO_ALERT
            self.became(mail, Mail.State.REFUSED, mail.text)
            return False
        self.originals.append(mail)
        return True

    def is_alert(self, mail: Mail) -> bool:
        if "alert" in mail.subject.lower():
            return True
        try:
            dialects.read(mail.text.encode(), formats=formats_of(self.source.pk))
        except UnreadableError:
            return False
        return True

    def write(self) -> None:
        if self.ways:
            self.give_way()
        self.take([(mail, incoming_of(mail)) for mail in self.originals])
        self.take([(mail, incoming_of(mail, Delivery(pk=to.pk, checksum=to.checksum))) for mail, to in self.copies])
        self.take([(mail, incoming_of(mail, Delivery(pk=holder.delivery_id))) for mail, holder in self.twins])
        for mail, receipt, holder in self.pointed:
            if to := receipt.pk if receipt else holder.delivery_id if holder else None:
                point(mail, to)

    def give_way(self) -> None:
        held = Delivery.objects.prefetch_related("body").in_bulk(
            [mail.delivery_id for mail, _ in self.ways if mail.delivery_id]
        )
        own = [(mail, held[mail.delivery_id], to) for mail, to in self.ways if mail.delivery_id]
        texts = [row.raw.decode() for _, row, _ in own]
        ways = [Way(row.pk, row.fire_minute, to.pk) for _, row, to in own]
        self.voted = give_way(self.source, ways, REASON, self.now)
        for (mail, row, to), text in zip(own, texts, strict=True):
            self.became(mail, Mail.State.MATCHED, "" if row.checksum == to.checksum else text)

    def take(self, items: Sequence[tuple[Mail, Incoming]]) -> None:
        """Make deliveries of them. What stands in a delivery byte for byte is not kept beside it."""
        if not items:
            return
        taken = take_in(self.source, [item for _, item in items], now=self.now)
        for (mail, item), outcome in zip(items, taken.outcomes, strict=True):
            mail.delivery_id = outcome.delivery_id
            same = item.repeats is None or item.repeats.checksum == checksum_of(item.body)
            self.became(mail, Mail.State.MATCHED if item.repeats else Mail.State.ALONE, "" if same else mail.text)

    def became(self, mail: Mail, state: Mail.State, text: str) -> None:
        """A text that is no JSON is kept in any case, for what it holds may be looked for again."""
        mail.state, mail.text = state, text if mail.structured else text or mail.text
        mail.save(update_fields=["state", "reason", "text", "delivery"])
        self.done[state] += 1


def copy_of(mail: Mail) -> Delivery:
    return Delivery.objects.select_related("duplicate_of").get(mail=mail)


def own_text(mail: Mail, copy: Delivery) -> str:
    """What it said: kept with the mail, else byte for byte with the delivery that it repeats."""
    return mail.text or (copy.duplicate_of.raw if copy.duplicate_of else b"").decode(errors="replace")


def point(mail: Mail, to: UUID) -> None:
    """Let the mail's delivery repeat another one than before."""
    copy = copy_of(mail)
    if copy.duplicate_of_id == to:
        return
    mail.text = own_text(mail, copy)
    mail.save(update_fields=["text"])
    Delivery.objects.filter(pk=copy.pk).update(duplicate_of=to)


def incoming_of(mail: Mail, repeats: Delivery | None = None) -> Incoming:
    return Incoming(body=mail.text.encode(), received_at=mail.at, channel=Channel.MAIL, repeats=repeats)
