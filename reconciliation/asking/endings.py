"""How requests end: answered, withdrawn, expired, or given up. Costs what is open, whatever is stored."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from reconciliation.models import AskedGap, GapRecord, SyncRequest
from reconciliation.models.requests import OPEN
from signals.models import SignalEvent, Source
from signals.storage.queries import batches
from signals.tiers import ASKING
from signals.vocabulary import REPORTS, Channel

from .requesting import CHUNK, doubtful_fills
from .rules import again_at

State = SyncRequest.State


class Found(NamedTuple):
    """An open ask that is to end."""

    key: int
    times: int
    request: UUID


FOUND = ("pk", "times", "request")


@dataclass(frozen=True, slots=True)
class Ended:
    """`answered` counts gaps of signals; the rest counts requests."""

    answered: int = 0
    withdrawn: int = 0
    expired: int = 0


def end_requests(now: datetime) -> Ended:
    """End what was answered, what nobody needs any more, and what has waited too long."""
    if not SyncRequest.objects.filter(state__in=OPEN).exists():
        return Ended()
    answered, settled = find_answered(), find_settled()
    if answered or settled:
        with transaction.atomic():
            told = end(answered, now, answered_at=now)
            end(settled, now, settled=True)
            withdrawn = close({found.request for found in (*answered, *settled)}, now)
    else:
        told, withdrawn = 0, 0
    return Ended(told, withdrawn, give_up(SyncRequest.objects.filter(expires_at__lte=now), State.EXPIRED, now))


def find_answered() -> list[Found]:
    """Open asks whose signal the indicator has spoken of since: in a report, or in an alert log that was imported.

    Only signals that got an event since are looked at. Realtime events are no answers: they close gaps by themselves.
    """
    moved = AskedGap.objects.filter(ended_at=None, signal__event_count__gt=F("events_seen"))
    later = SignalEvent.objects.filter(signal=OuterRef("signal"), sequence_number__gt=OuterRef("events_seen"))
    answers = later.filter(Q(type__in=REPORTS) | Q(delivery__channel=Channel.LOG))
    found: list[Found] = []
    for keys in batches(moved.values_list("pk", flat=True), CHUNK):
        found += map(Found._make, AskedGap.objects.filter(pk__in=keys).filter(Exists(answers)).values_list(*FOUND))
    return found


def find_settled() -> list[Found]:
    """Open asks about gaps that closed by other means, or of sources that tier 1 was switched off for."""
    same = {"signal": OuterRef("signal"), "gap": OuterRef("gap")}
    left_open = Exists(GapRecord.objects.filter(**same, state=GapRecord.State.OPEN))
    doubtful = Exists(doubtful_fills().filter(**same))
    off = [source.pk for source in Source.objects.only("tiers_off") if ASKING.key in source.tiers_off]
    needless = (~left_open & ~doubtful) | Q(signal__source__in=off)
    asked = AskedGap.objects.filter(ended_at=None).filter(needless)
    return list(map(Found._make, asked.values_list(*FOUND)))


def end(found: Sequence[Found], now: datetime, *, settled: bool = False, **told: Any) -> int:
    """End asks and note when they may come again. Returns how many of them were still open."""
    by_times: dict[int, list[int]] = defaultdict(list)
    for ask in found:
        by_times[ask.times].append(ask.key)
    ended = 0
    for times, keys in sorted(by_times.items()):
        again = None if settled else again_at(times, now)
        for chunk in batches(keys, CHUNK):
            still_open = AskedGap.objects.filter(pk__in=chunk, ended_at=None)
            ended += still_open.update(ended_at=now, settled=settled, again_at=again, **told)
    return ended


def close(keys: Iterable[UUID], now: datetime) -> int:
    """Close those of the requests of which nothing is left to ask. Returns how many of them nobody had answered."""
    asked = AskedGap.objects.filter(request=OuterRef("pk"))
    withdrawn = 0
    for chunk in batches(keys, CHUNK):
        over = SyncRequest.objects.filter(~Exists(asked.filter(ended_at=None)), pk__in=chunk, state__in=OPEN)
        answered = over.filter(Exists(asked.filter(answered_at__isnull=False)))
        answered.update(state=State.ANSWERED, answered_at=now, ended_at=now)
        withdrawn += over.update(state=State.WITHDRAWN, ended_at=now)
    return withdrawn


def give_up(requests: "QuerySet[SyncRequest]", state: SyncRequest.State, now: datetime) -> int:
    """End open requests without an answer to all that they ask. Returns how many."""
    ended = 0
    for keys in batches(requests.filter(state__in=OPEN).values_list("pk", flat=True), CHUNK):
        with transaction.atomic():
            ended += SyncRequest.objects.filter(pk__in=keys, state__in=OPEN).update(state=state, ended_at=now)
            left = AskedGap.objects.filter(request__in=keys, ended_at=None)
            end(list(map(Found._make, left.values_list(*FOUND))), now)
    return ended
