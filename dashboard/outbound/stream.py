"""The stream: what is stored is read on from where it was read to, and each event that follows is told once.

Two tables only ever grow, and every change of a signal leaves a row in one of them: its events, and the audit log.
Whoever reads holds the marks, so that one process reads at a time; what it tells, to whom, and how far it has read are
one transaction. Costs what is new.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import transaction
from django.db.models import Max, Model, Q

from dashboard.models import Endpoint, StreamEvent, StreamMark, ToldSignal
from dashboard.outbox import put
from reconciliation.models import GapRecord, SyncAuditLog
from reconciliation.tiers.proposals import evidence_key
from signals.models import AutomatedSignal, SignalEvent
from signals.storage.bulk import insert, update
from signals.storage.marks import Mark, Missing, advanced
from signals.storage.queries import batches
from signals.vocabulary import Status

from .building import of_entry, of_record, step
from .choosing import wants
from .news import Told, current, untold

log = logging.getLogger(__name__)
KIND = "event"  # of the outbox's messages
AT_ONCE = 200  # rows of each table in a transaction: on SQLite all writers wait for it
LOOKED_BACK = 1000  # keys below which nothing is on its way any more when the stream begins
RANGES = 50  # missing stretches in a query
EVENTS, AUDIT = "events", "audit"
SIGNALS = "signals"  # its mark stays where it was when the stream began, and holds what could not be told
TABLES: Mapping[str, type[Model]] = {EVENTS: SignalEvent, AUDIT: SyncAuditLog}
MARKS = 3
LONGEST_TROUBLE = 400
Action = SyncAuditLog.Action


def destination_of(endpoint: int) -> str:
    return f"endpoint {endpoint}"


def message_of(event: StreamEvent, endpoint: Endpoint, *, again: bool = False) -> dict[str, Any]:
    """What the outbox keeps of an event for an endpoint."""
    return {"event": event.pk, "endpoint": endpoint.pk, "again": again}


def begin(now: datetime) -> None:
    """Tell what happens from now on. Signals that still run are noted as they are: their next step is news."""
    newest = AutomatedSignal.hidden_too.aggregate(newest=Max("pk"))["newest"] or 0
    marks = {SIGNALS: Mark(newest)} | {name: mark_of(model, now) for name, model in TABLES.items()}
    running = AutomatedSignal.objects.filter(status__in=(Status.PENDING, Status.CONFIRMED)).order_by("pk")
    columns = running.only("pk", "status", "origin", "approval").iterator(chunk_size=AT_ONCE)
    for signals in batches(columns, AT_ONCE):
        rows = [told_row(signal.pk, current(signal)) for signal in signals]
        ToldSignal.objects.bulk_create(rows, ignore_conflicts=True)
    for name, mark in marks.items():
        given = {"upto": mark.upto, "missing": stored(mark), "read_at": now}
        StreamMark.objects.get_or_create(pk=name, defaults=given)


def mark_of(model: type[Model], now: datetime) -> Mark:
    """All that is there is read; what is on its way below it is missing."""
    top = model._default_manager.aggregate(top=Max("pk"))["top"] or 0
    bottom = max(0, top - LOOKED_BACK)
    keys = model._default_manager.filter(pk__gt=bottom, pk__lte=top).values_list("pk", flat=True)
    return advanced(Mark(bottom), keys, now.timestamp())


def read_on(now: datetime) -> int:
    """Tell what is new, at most AT_ONCE rows of each table. Returns how many rows were read: 0 when all was told."""
    with transaction.atomic():
        marks = {mark.pk: mark for mark in StreamMark.objects.select_for_update().order_by("pk")}
        if len(marks) < MARKS:
            return 0
        entries = list(unread(marks[AUDIT], SyncAuditLog.objects.all()))
        events = list(unread(marks[EVENTS], SignalEvent.objects.only("pk", "signal_id")))
        troubles = tell(entries, {row.signal_id for row in events}, marks[SIGNALS].upto, now)
        if troubles:
            StreamMark.objects.filter(pk=SIGNALS).update(trouble=troubles[-1][:LONGEST_TROUBLE], read_at=now)
        for name, rows in ((AUDIT, entries), (EVENTS, events)):
            move(marks[name], [row.pk for row in rows], now)
    return len(entries) + len(events)


def unread(mark: StreamMark, rows: Any) -> Any:
    """Rows above the mark, and what was missing below it and is there now; the latter first."""
    above = rows.filter(pk__gt=mark.upto).order_by("pk")[:AT_ONCE]
    for holes in batches(mark.missing, RANGES):
        there = reduce(or_, (Q(pk__gte=first, pk__lte=last) for first, last, _ in holes))
        yield from rows.filter(there).order_by("pk")[:AT_ONCE]
    yield from above


def move(row: StreamMark, keys: Sequence[int], now: datetime) -> None:
    mark = advanced(Mark(row.upto, tuple(Missing(*hole) for hole in row.missing)), keys, now.timestamp())
    row.upto, row.missing, row.read_at = mark.upto, stored(mark), now
    row.save(update_fields=["upto", "missing", "read_at"])


def stored(mark: Mark) -> list[list[float]]:
    return [[hole.first, hole.last, hole.since] for hole in mark.missing]


def tell(entries: Sequence[SyncAuditLog], touched: set[int], before: int, now: datetime) -> list[str]:
    """Tell what the entries say and what has become of the signals that they or new events are of. Signals with keys
    up to `before` were there when the stream began. Returns what could not be told, and why: the rest goes on."""
    of_signals = [entry for entry in entries if entry.signal_id is not None]
    signals = load(touched | {entry.signal_id for entry in of_signals if entry.signal_id is not None})
    telling = Telling(now)
    of_entries(telling, of_signals, signals)
    steps(telling, signals, before)
    publish(telling.news, now)
    return telling.troubles


def load(keys: set[int]) -> dict[int, AutomatedSignal]:
    """The signals, and those of the same ids that changed with them: grouping anew moves events among these."""
    rows = AutomatedSignal.hidden_too.select_related("source")
    found = {row.pk: row for some in batches(sorted(keys), AT_ONCE) for row in rows.filter(pk__in=some)}
    crowded = [row for row in found.values() if row.standing != AutomatedSignal.Standing.ALONE]
    if crowded:
        beside = rows.filter(
            trade_id__in={row.trade_id for row in crowded},
            source__in={row.source_id for row in crowded},
            updated_at__gte=min(row.updated_at for row in crowded),
        )
        found |= {row.pk: row for row in beside.exclude(pk__in=found)}
    return found


@dataclass(slots=True)
class Telling:
    """What is being told. What cannot be is noted, and keeps nothing else from being told."""

    now: datetime
    news: list[StreamEvent] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def add(self, what: str, make: Callable[..., StreamEvent | None], *about: Any) -> None:
        try:
            made = make(*about, self.now)
        except Exception as error:
            log.exception("%s could not be told", what)
            self.troubles.append(f"{what} could not be told: {type(error).__name__}: {error}")
        else:
            self.news += [made] if made else []


def of_entries(telling: Telling, entries: Sequence[SyncAuditLog], signals: Mapping[int, AutomatedSignal]) -> None:
    """Fills, withdrawals and gaps, in the order of the audit log."""
    closed, stood = closings(entries), stood_before(entries)
    for entry in entries:
        signal = signals.get(entry.signal_id or 0)
        if signal is None:
            continue  # its events are another's by now, and so are its entries
        filled = entry.action != Action.UNDONE or (entry.signal_id, *fill_of(entry)) in stood
        telling.add(f"Audit entry {entry.pk}", of_entry, entry, signal, filled)
        for record in closed.pop((signal.pk, entry.gap, entry.at), ()):
            telling.add(f"The end of gap {record.pk}", of_record, record, entry, signal)


def fill_of(entry: SyncAuditLog) -> tuple[str, str, str]:
    return entry.field, entry.tier, evidence_key(entry.evidence)


def stood_before(entries: Iterable[SyncAuditLog]) -> set[tuple[int | None, str, str, str]]:
    """Of what was undone, that which had stood: an undo refuses what only waited for approval as well."""
    undone = {entry.signal_id for entry in entries if entry.action == Action.UNDONE}
    stood = SyncAuditLog.objects.filter(signal__in=undone, action__in=(Action.FILLED, Action.APPROVED))
    return {(entry.signal_id, *fill_of(entry)) for entry in stood} if undone else set()


def closings(entries: Iterable[SyncAuditLog]) -> dict[tuple[int, str, datetime], list[GapRecord]]:
    """Records of gaps that ended with these entries, by signal, gap and moment: what ends one says so in the same
    transaction, with the same time."""
    named = {(entry.signal_id, entry.gap, entry.at) for entry in entries if entry.gap}
    records = GapRecord.objects.filter(
        signal__in={signal for signal, _, _ in named}, closed_at__in={at for _, _, at in named}
    )
    found: dict[tuple[int, str, datetime], list[GapRecord]] = {}
    for record in records if named else ():
        if record.closed_at is not None:
            found.setdefault((record.signal_id, record.gap, record.closed_at), []).append(record)
    return found


def steps(telling: Telling, signals: Mapping[int, AutomatedSignal], before: int) -> None:
    """What has become of the signals since they were last told of, which is noted. Of one that was there when the
    stream began, and had ended, nothing is news."""
    rows = {row.pk: row for some in batches(sorted(signals), AT_ONCE) for row in ToldSignal.objects.filter(pk__in=some)}
    fresh, changed = [], []
    for key, signal in sorted(signals.items(), key=lambda each: (each[1].last_event_at, each[0])):
        row = rows.get(key)
        told = Told(row.status, row.found, row.revision) if row else current(signal) if key <= before else Told()
        after = Told(told.status, told.found, told.revision)
        for kind in untold(told, signal):
            after = Told(after.status, after.found, after.revision + 1)
            telling.add(f"{kind} of signal {key}", step, kind, signal, after)
        after = current(signal, after.revision)
        if row is None:
            fresh.append(told_row(key, after))
        elif after != told:
            changed.append(told_row(key, after))
    ToldSignal.objects.bulk_create(fresh)
    update(ToldSignal, changed, ("status", "found", "revision"))


def told_row(key: int, told: Told) -> ToldSignal:
    return ToldSignal(signal_id=key, status=told.status, found=told.found, revision=told.revision)


def publish(news: Sequence[StreamEvent], now: datetime) -> None:
    """Store the events and put them into the outbox for whoever wants them. What was told under its key is left out."""
    by_key = {event.key: event for event in news}
    there: set[str] = set()
    for keys in batches(by_key, AT_ONCE):
        there.update(StreamEvent.objects.filter(key__in=keys).values_list("key", flat=True))
    fresh = [event for key, event in by_key.items() if key not in there]
    insert(StreamEvent, fresh)
    endpoints = list(Endpoint.objects.filter(enabled=True))
    for event in fresh:
        for endpoint in endpoints:
            if wants(endpoint, event, now):
                put(KIND, destination_of(endpoint.pk), message_of(event, endpoint), now=now, key=event.key)


def forget(before: datetime, most: int = 1000) -> None:
    """Delete the oldest of what was told before a moment, a bounded number at a time."""
    old = StreamEvent.objects.filter(told_at__lt=before).order_by("told_at").values_list("pk", flat=True)[:most]
    StreamEvent.objects.filter(pk__in=list(old)).delete()
