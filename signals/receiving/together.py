"""Alerts that wait at the same time are taken in together: by one transaction for each source.

A transaction of its own is most of what an ENTRY costs (docs/performance.md). Nothing else is different: what cannot be
stored with the others is taken in, or spooled, by itself.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import NamedTuple

from django.http import HttpRequest

from signals.models import Source
from signals.storage.deadlines import OutOfTimeError

from . import outage
from .spooled import Spooled
from .webhook import Reply, keep_on_disk, left_ms, let_in, record_of, stored, token_in, told_of

log = logging.getLogger(__name__)
grouping = outage.Breaker()
"""Whether this process takes in together at all: after that failed, some seconds not. Who is too slow for it would do
everything twice."""


class Received(NamedTuple):
    """One of the requests, in which place, and what it brought."""

    place: int
    request: HttpRequest
    record: Spooled


def take_together(requests: Sequence[HttpRequest]) -> list[Reply]:
    """Take in what these requests to the webhook brought; the answers to them, in their order. Never raises."""
    asked, replies = monotonic(), dict[int, Reply]()
    received = []
    for place, request in enumerate(requests):
        record = record_of(request, token_in(request))
        if isinstance(record, Reply):
            replies[place] = record
        else:
            received.append(Received(place, request, record))
    try:
        groups = by_source(received, replies)
        for number, (source, own) in enumerate(groups):
            replies |= taken_in(source, own, left_ms(asked) // (len(groups) - number))
    except Exception as error:  # noqa: BLE001 - as in `take`
        left = [each for each in received if each.place not in replies]
        replies |= on_disk(left, error)
    return [replies[place] for place in range(len(requests))]


def by_source(received: Iterable[Received], replies: dict[int, Reply]) -> list[tuple[Source, list[Received]]]:
    """Those that may send, by the source that they send to; the others get their reply. Raises DatabaseError."""
    sources, found = dict[int, Source](), dict[str, Source]()
    own: dict[int, list[Received]] = defaultdict(list)
    for each in received:
        source = let_in(each.request, each.record, found)
        if isinstance(source, Reply):
            replies[each.place] = source
        else:
            own[source.pk].append(each)
            sources.setdefault(source.pk, source)
    return [(sources[key], each) for key, each in own.items()]


def taken_in(source: Source, own: Sequence[Received], wait_ms: int) -> dict[int, Reply]:
    """Store all of them in one transaction; or else each by itself, for which half of the time is kept.

    Raises DatabaseError when the database is gone.
    """
    asked, alone = monotonic(), len(own) == 1
    try:
        records = [each.record for each in own]
        replies = placed(own, stored(source, records, wait_ms=max(1, wait_ms if alone else wait_ms // 2)))
    except Exception as error:
        if is_gone(error):
            raise
        if alone:
            return on_disk(own, error)
        grouping.failed()
        log.warning("taking in %d deliveries one by one, for together it failed: %s", len(own), error)
    else:
        if not alone:
            grouping.worked()
        return replies
    return one_by_one(source, own, asked + wait_ms / 1000)


def one_by_one(source: Source, own: Sequence[Received], end: float) -> dict[int, Reply]:
    """Store each by itself, or spool it, all of them until `end` (monotonic)."""
    replies: dict[int, Reply] = {}
    for number, each in enumerate(own):
        # What one of them waits for, a lock perhaps, must not cost the others their time.
        share = int((end - monotonic()) * 1000) // (len(own) - number)
        if share <= 0:
            return replies | on_disk(own[number:], OutOfTimeError("others took all the time that there was"))
        try:
            replies |= placed([each], stored(source, [each.record], wait_ms=share))
        except Exception as error:  # noqa: BLE001
            if is_gone(error):
                return replies | on_disk(own[number:], error)
            replies |= on_disk([each], error)
    return replies


def on_disk(received: Sequence[Received], error: Exception) -> dict[int, Reply]:
    """Spool them, for storing them failed so."""
    why = str(error) if isinstance(error, OutOfTimeError) else told_of(error)
    return placed(received, keep_on_disk([(each.request, each.record) for each in received], why))


def is_gone(error: Exception) -> bool:
    """Whether the database is gone or hangs. What ran out of time here may have had little of it."""
    return outage.is_outage(error) and not isinstance(error, OutOfTimeError)


def placed(received: Sequence[Received], replies: Sequence[Reply]) -> dict[int, Reply]:
    return {each.place: reply for each, reply in zip(received, replies, strict=True)}
