"""What was received while this machine's clock was off gets the times of the alert log, which knows when it fired.

An alert that came by webhook and stands in a log as well is one delivery where both times are in one minute. With a
clock that is off they are two, and the webhook's events stand at minutes in which nothing fired: its births vote for
zones that the source is not in, its measurements are of bars to come. Once a log shows by how much the clock was off,
each such webhook becomes what it would have been: a duplicate of the log's row. Whatever came first, the rows are the
same then.

Equal bodies minutes apart are fresh news: nothing is done unless several alerts, each of which exists once by webhook
and once in the log, agree on how much the clock was off; nor where a log in another zone would look the same.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low
from uuid import UUID

from django.db.models import QuerySet

from signals.models import Delivery, Source
from signals.models.deliveries import ORIGINAL
from signals.storage.queries import batches
from signals.vocabulary import Channel, DeliveryStatus

from .clocknotes import EARLIEST, Witness, note
from .giving_way import Way, give_way, settle_clock
from .logclock import agreed, is_of_zones

LEAST = 5
AT_ONCE = 100  # pairs a transaction
NEWEST = 50
WITHIN = timedelta(minutes=1)  # that receipts of one clock may differ among themselves
RETRIED = timedelta(minutes=2)  # what a delivery may take by itself
LONGEST = timedelta(days=1)
REASON = "The alert log has it with its own time; this machine's clock was off when it was received."


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored delivery, as far as pairing asks. `at` is its receipt, or the time that its log tells."""

    pk: UUID
    at: datetime
    minute: datetime


@dataclass(frozen=True, slots=True)
class Pair:
    """One alert, received by webhook and told by a log."""

    webhook: Stored
    row: Stored

    @property
    def ahead(self) -> timedelta:
        return self.webhook.at - self.row.at


@dataclass(frozen=True, slots=True)
class Retimed:
    """By how much the clock was ahead (None: nothing shows that it was off), and the deliveries that it concerns."""

    ahead: timedelta | None = None
    deliveries: int = 0


def retime(
    source: Source, *, now: datetime, span: tuple[datetime, datetime] | None = None, dry_run: bool = False
) -> Retimed:
    """Give what was received in `span` (all, without it) the times that logs tell, if the clock was off.

    Doing it twice changes nothing. Raises DatabaseError; what was done by then is whole.
    """
    groups = list(twins(source, span))
    ahead = off_by(groups)
    if ahead is None:
        note_agreement(source, span)
        return Retimed()
    pairs = [pair for group in groups for pair in paired(*group, ahead)]
    if not dry_run:
        for some in batches(pairs, AT_ONCE):
            give_way(source, [Way(pair.webhook.pk, pair.webhook.minute, pair.row.pk) for pair in some], REASON, now)
        settle_clock(source, now)
        note(Witness.LOG, ahead, max(pair.row.at for pair in pairs))
    return Retimed(ahead, len(pairs))


def note_agreement(source: Source, span: tuple[datetime, datetime] | None) -> None:
    """What the log says of the clock where it was right: that is what ends a warning."""
    if span is None:
        return
    told = Delivery.objects.filter(
        source=source, channel=Channel.WEBHOOK, fired_at__range=span, received_at__range=(span[0], span[1] + RETRIED)
    ).order_by("-received_at")
    offsets = [
        (fired, received - fired) for fired, received in told.values_list("fired_at", "received_at")[:NEWEST] if fired
    ]
    newest = max((fired for fired, _ in offsets), default=None)
    if newest and len(offsets) >= LEAST:
        note(Witness.LOG, median_low(offset for _, offset in offsets), newest)


Group = tuple[list[Stored], list[Stored]]


def twins(source: Source, span: tuple[datetime, datetime] | None) -> Iterator[Group]:
    """Webhooks whose time no log has told, and rows of logs, that have the same bytes at most LONGEST apart.

    Both are found by time, and joined here: to look up the bytes of each webhook cost an import half as much as to
    store its rows, and a database that has not looked at a new table yet joins them row by row.
    """
    told = Delivery.objects.filter(ORIGINAL, source=source, status=DeliveryStatus.ACCEPTED).order_by()
    untold = told.filter(channel=Channel.WEBHOOK, fired_at=None)
    logged = told.filter(channel=Channel.LOG, fired_at__isnull=False)
    if span:
        untold = untold.filter(received_at__range=(span[0] - LONGEST, span[1] + LONGEST))
        logged = logged.filter(fired_at__range=(span[0] - 2 * LONGEST, span[1] + 2 * LONGEST))
    shared = checksums(untold)
    shared &= checksums(logged) if shared else set()
    if not shared:
        return
    webhooks, rows = by_bytes(untold, "received_at", shared), by_bytes(logged, "fired_at", shared)
    for key in sorted(shared):
        group = near(webhooks[key], rows[key]), near(rows[key], webhooks[key])
        if all(group):
            yield group


def checksums(deliveries: QuerySet[Delivery]) -> set[str]:
    return set(deliveries.values_list("checksum", flat=True).iterator())


def by_bytes(deliveries: QuerySet[Delivery], at: str, shared: Container[str]) -> Mapping[str, list[Stored]]:
    found: dict[str, list[Stored]] = defaultdict(list)
    for checksum, *stored in deliveries.values_list("checksum", "pk", at, "fire_minute").iterator():
        if checksum in shared:
            found[checksum].append(Stored(*stored))
    return found


def near(some: Iterable[Stored], others: Sequence[Stored]) -> list[Stored]:
    """Those that a clock can have moved from one of the others."""
    return [each for each in some if any(abs(each.at - other.at) <= LONGEST for other in others)]


def off_by(groups: Iterable[Group]) -> timedelta | None:
    """How far the clock was ahead, by alerts of which there is one of each; None where they show no such thing. Pure.

    What comes late is no proof of a clock, up to the time in which TradingView tries again; what comes early is one.
    """
    offsets = [Pair(webhooks[0], rows[0]).ahead for webhooks, rows in groups if len(webhooks) == len(rows) == 1]
    ahead = agreed(offsets, WITHIN) if len(offsets) >= LEAST else None
    if ahead is None or is_of_zones(ahead):
        return None
    return ahead if ahead <= EARLIEST or ahead > RETRIED else None


def paired(webhooks: Sequence[Stored], rows: Sequence[Stored], ahead: timedelta) -> Iterator[Pair]:
    """Webhooks and rows of the same bytes that are `ahead` apart, one to one, in order of time. Pure."""
    free = sorted(rows, key=lambda row: row.at)
    for webhook in sorted(webhooks, key=lambda each: each.at):
        row = next((row for row in free if abs(webhook.at - row.at - ahead) <= WITHIN), None)
        if row:
            free.remove(row)
            yield Pair(webhook, row)
