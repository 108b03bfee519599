"""Asking: gaps that a cycle left open become requests. Looks only at what is new since the last look, or due again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from reconciliation.gaps import CATALOGUE
from reconciliation.models import AskedGap, AskingMark, GapRecord, SyncRequest
from signals.models import AutomatedSignal, Fill, Source

from .rules import ASK_BELOW, EXPIRES_AFTER, Need, to_ask, worth_asking

BATCH = 50  # trade ids in a request
CHUNK = 500  # rows in a query
MARK = "tier 1"

Ask = tuple[AutomatedSignal, Mapping[str, int]]


def some(rows: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """The rows, so many at a time."""
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk


def enqueue(now: datetime, as_of: datetime, *, by_hand: bool) -> int:
    """Ask about gaps that appeared since the last look, and those whose back-off is over. Returns how many.

    One at a time: whoever enqueues holds the mark. The first look takes no lock, and mostly finds nothing.
    """
    due = AskedGap.objects.filter(again_at__isnull=False)
    if not by_hand:
        due = due.filter(again_at__lte=now)
    seen = AskingMark.objects.filter(pk=MARK).first() or AskingMark(pk=MARK)
    if newest(seen) == (seen.gap_record, seen.fill) and not due.exists():
        return 0
    with transaction.atomic():
        AskingMark.objects.get_or_create(pk=MARK)
        mark = AskingMark.objects.select_for_update().get(pk=MARK)
        upto = newest(mark)
        keys = since(mark) | set(due.values_list("signal", flat=True))
        sources = {source.pk: source for source in Source.objects.all()}
        asked = sum(ask_about(chunk, sources, now, as_of, by_hand=by_hand) for chunk in some(sorted(keys)))
        if upto != (mark.gap_record, mark.fill):
            mark.gap_record, mark.fill = upto
            mark.save()
    return asked


def newest(mark: AskingMark) -> tuple[int, int]:
    """The newest gap record and fill, or the mark's. Only cycles write either, one at a time, so none appears below."""
    record = GapRecord.objects.filter(pk__gt=mark.gap_record).aggregate(newest=Max("pk"))["newest"]
    fill = Fill.objects.filter(pk__gt=mark.fill).aggregate(newest=Max("pk"))["newest"]
    return record or mark.gap_record, fill or mark.fill


def since(mark: AskingMark) -> set[int]:
    """Keys of the signals with gaps left open, or filled with little confidence, since the mark."""
    records = GapRecord.objects.filter(pk__gt=mark.gap_record, state=GapRecord.State.OPEN)
    fills = doubtful_fills().filter(pk__gt=mark.fill)
    return set(records.values_list("signal", flat=True)) | set(fills.values_list("signal", flat=True))


def doubtful_fills() -> "QuerySet[Fill]":
    return Fill.objects.filter(state=Fill.State.ACTIVE, confidence__lt=ASK_BELOW).exclude(gap="")


def ask_about(
    keys: Sequence[int], sources: Mapping[int, Source], now: datetime, as_of: datetime, *, by_hand: bool
) -> int:
    """Make the requests for a chunk of signals, and note on their earlier asks what is known now."""
    needs, past = needs_of(keys), latest_asks(keys)
    columns = ("source_id", "trade_id", "first_event_at", "event_count")
    asks: list[Ask] = []
    superseded: list[int] = []
    settled: list[int] = []
    for signal in AutomatedSignal.objects.filter(pk__in=keys).only(*columns).order_by("pk"):
        first, off = signal.first_event_at, sources[signal.source_id].tiers_off
        wanted = [
            need for need in needs[signal.pk] if worth_asking(need, first_event_at=first, as_of=as_of, tiers_off=off)
        ]
        gaps = to_ask(wanted, past[signal.pk], now=now, by_hand=by_hand)
        if gaps:
            asks.append((signal, gaps))
        pausing = {gap: last.pk for gap, last in past[signal.pk].items() if last.again_at is not None}
        superseded += [key for gap, key in pausing.items() if gap in gaps]
        settled += [key for gap, key in pausing.items() if gap not in {need.gap for need in wanted}]
    AskedGap.objects.filter(pk__in=superseded).update(again_at=None)
    AskedGap.objects.filter(pk__in=settled).update(again_at=None, settled=True)
    return make_requests(asks, now)


def needs_of(keys: Sequence[int]) -> Mapping[int, list[Need]]:
    """What the tiers left of these signals' gaps. A gap that is open in spite of a fill counts as open."""
    needs: dict[int, dict[str, Need]] = defaultdict(dict)
    doubtful = doubtful_fills().filter(signal__in=keys, gap__in=CATALOGUE)
    for fill in doubtful.values_list("signal", "gap", "created_at", "confidence"):
        needs[fill[0]][fill[1]] = Need(*fill)
    open_gaps = GapRecord.objects.filter(signal__in=keys, state=GapRecord.State.OPEN, gap__in=CATALOGUE)
    for gap in open_gaps.values_list("signal", "gap", "opened_at"):
        needs[gap[0]][gap[1]] = Need(*gap)
    return defaultdict(list, {key: [by_gap[gap] for gap in sorted(by_gap)] for key, by_gap in needs.items()})


def latest_asks(keys: Sequence[int]) -> Mapping[int, dict[str, AskedGap]]:
    """The latest ask of each signal and gap."""
    past: dict[int, dict[str, AskedGap]] = defaultdict(dict)
    for row in AskedGap.objects.filter(signal__in=keys).order_by("pk"):
        past[row.signal_id][row.gap] = row
    return past


def make_requests(asks: Iterable[Ask], now: datetime) -> int:
    """Store the asks in requests of one source each. Returns how many gaps they are about."""
    by_source: dict[int, list[Ask]] = defaultdict(list)
    for ask in asks:
        by_source[ask[0].source_id].append(ask)
    requests: list[SyncRequest] = []
    rows: list[AskedGap] = []
    for source, about in sorted(by_source.items()):
        for batch in some(about, BATCH):
            request = SyncRequest(
                source_id=source,
                reason=sorted({gap for _, gaps in batch for gap in gaps}),
                created_at=now,
                next_attempt_at=now,
                expires_at=now + EXPIRES_AFTER,
            )
            requests.append(request)
            rows += [
                AskedGap(request=request, signal=signal, gap=gap, times=times, events_seen=signal.event_count)
                for signal, gaps in batch
                for gap, times in gaps.items()
            ]
    SyncRequest.objects.bulk_create(requests, batch_size=CHUNK)
    AskedGap.objects.bulk_create(rows, batch_size=CHUNK)
    return len(rows)
