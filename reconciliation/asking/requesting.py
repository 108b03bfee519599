"""Asking: gaps that a cycle left open become requests. Looks only at what is new since the last look, or due again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from reconciliation.gaps import CATALOGUE
from reconciliation.models import AskedGap, AskingMark, GapRecord, SyncRequest
from signals.models import AutomatedSignal, Fill, Source
from signals.storage.bulk import append, insert
from signals.storage.queries import batches

from .rules import ASK_BELOW, EXPIRES_AFTER, KNOWN_FOR, Need, to_ask, worth_asking

BATCH = 50  # trade ids in a request
OPEN_AT_MOST = 1000  # signals of a source: one export tells of all of them, asked about or not
KEYS_PER_QUERY = 500  # rows in a query
MARK = "tier 1"

Ask = tuple[AutomatedSignal, Mapping[str, int]]


def enqueue(now: datetime, as_of: datetime, *, by_hand: bool) -> int:
    """Ask about gaps that appeared since the last look, and those whose back-off is over. Returns how many.

    By hand, all open gaps are looked at again. One at a time: whoever enqueues holds the mark; the first look takes no
    lock, and mostly finds nothing.
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
        look = Look(now, as_of, by_hand)
        keys = candidates(AskingMark(pk=MARK) if by_hand else mark, due, as_of)
        asked = sum(look.ask(source, keys[source.pk]) for source in Source.objects.order_by("pk"))
        if upto != (mark.gap_record, mark.fill):
            mark.gap_record, mark.fill = upto
            mark.save()
    return asked


def newest(mark: AskingMark) -> tuple[int, int]:
    """The newest gap record and fill, or the mark's. Only cycles write either, one at a time, so none appears below."""
    record = GapRecord.objects.filter(pk__gt=mark.gap_record).aggregate(newest=Max("pk"))["newest"]
    fill = Fill.objects.filter(pk__gt=mark.fill).aggregate(newest=Max("pk"))["newest"]
    return record or mark.gap_record, fill or mark.fill


def candidates(mark: AskingMark, due: "QuerySet[AskedGap]", as_of: datetime) -> Mapping[int, set[int]]:
    """By source, the signals with gaps left open or filled with little confidence since the mark, or due again.

    What is too old to ask about is left out here only to spare loading it: `worth_asking` decides.
    """
    known: dict[str, Any] = {"signal__first_event_at__gte": as_of - KNOWN_FOR}
    found: dict[int, set[int]] = defaultdict(set)
    for rows in (
        GapRecord.objects.filter(pk__gt=mark.gap_record, state=GapRecord.State.OPEN, **known),
        doubtful_fills().filter(pk__gt=mark.fill, **known),
        due,
    ):
        for source, signal in rows.order_by().values_list("signal__source", "signal"):
            found[source].add(signal)
    return found


def doubtful_fills() -> "QuerySet[Fill]":
    return Fill.objects.filter(state=Fill.State.ACTIVE, confidence__lt=ASK_BELOW).exclude(gap="")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at what may be asked about."""

    now: datetime
    as_of: datetime
    by_hand: bool

    def ask(self, source: Source, keys: Iterable[int]) -> int:
        """Ask about these signals of a source, the newest first, as far as there is room. Returns how many gaps."""
        if not keys:
            return 0
        asking = AskedGap.objects.filter(ended_at=None, signal__source=source)
        room = OPEN_AT_MOST - asking.order_by().values("signal").distinct().count()
        asked = 0
        for chunk in batches(sorted(keys, reverse=True), KEYS_PER_QUERY):
            if room <= 0:
                break
            asks = self.choose(source, chunk)[:room]
            room -= len(asks)
            asked += make_requests(source, asks, self.now)
        return asked

    def choose(self, source: Source, keys: Sequence[int]) -> list[Ask]:
        """What to ask about these signals. Notes on earlier asks which gaps are gone."""
        needs, past = needs_of(keys), latest_asks(keys)
        asks: list[Ask] = []
        settled: list[int] = []
        # The answer would be the latest life's: it comes when that one has the id.
        rows = AutomatedSignal.objects.filter(pk__in=keys, standing__lt=AutomatedSignal.Standing.EARLIER)
        rows = rows.only("trade_id", "first_event_at", "event_count")
        for signal in rows.order_by("-pk"):
            wanted = [need for need in needs[signal.pk] if self.worth(need, signal, source)]
            gaps = to_ask(wanted, past[signal.pk], now=self.now, by_hand=self.by_hand)
            if gaps:
                asks.append((signal, gaps))
            gone = past[signal.pk].keys() - {need.gap for need in wanted}
            settled += [past[signal.pk][gap].pk for gap in gone if past[signal.pk][gap].again_at is not None]
        AskedGap.objects.filter(pk__in=settled).update(again_at=None, settled=True)
        return asks

    def worth(self, need: Need, signal: AutomatedSignal, source: Source) -> bool:
        first, off = signal.first_event_at, source.tiers_off
        return worth_asking(need, first_event_at=first, as_of=self.as_of, tiers_off=off)


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


def make_requests(source: Source, asks: Sequence[Ask], now: datetime) -> int:
    """Store the asks in requests; they take the place of earlier ones. Returns how many gaps they are about."""
    asked = [(request_for(source, batch, now), batch) for batch in batches(asks, BATCH)]
    insert(SyncRequest, [request for request, _ in asked])
    rows = [
        AskedGap(request=request, signal=signal, gap=gap, times=times, events_seen=signal.event_count)
        for request, batch in asked
        for signal, gaps in batch
        for gap, times in gaps.items()
    ]
    append(AskedGap, rows)
    return len(rows)


def request_for(source: Source, batch: Sequence[Ask], now: datetime) -> SyncRequest:
    """A request of one batch, unsaved; what was asked about its gaps before is not asked again."""
    earlier = AskedGap.objects.filter(signal__in=[signal.pk for signal, _ in batch], again_at__isnull=False)
    asked = {(signal.pk, gap) for signal, gaps in batch for gap in gaps}
    over = [key for key, *about in earlier.values_list("pk", "signal", "gap") if tuple(about) in asked]
    AskedGap.objects.filter(pk__in=over).update(again_at=None)
    return SyncRequest(
        source=source,
        reason=sorted({gap for _, gaps in batch for gap in gaps}),
        created_at=now,
        next_attempt_at=now,
        expires_at=now + EXPIRES_AFTER,
    )
