"""Merging: what cycles and people did about a signal whose events have all turned out to be another's.

Its standing fills and open gaps end, told in the audit log, for they were about a signal that is none. What has ended
stays on the books, with the signal that its events are of now.
"""

from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone

from signals.models import AutomatedSignal, Fill, SignalNote, SignalTag, Thinned
from signals.signal.regrouping import row_emptied

from .audit import Action, Journal
from .cycle.applying import count_records
from .models import GapRecord, SyncAuditLog

WHY = "its signal's events are another's"


def connect() -> None:
    row_emptied.connect(merge, dispatch_uid="reconciliation.merging")


def merge(emptied: AutomatedSignal, into: AutomatedSignal, **_: Any) -> None:
    """In the transaction that deletes the emptied signal."""
    now = timezone.now()
    journal = Journal(now)
    end_fills(emptied, journal, now)
    end_gaps(emptied, into, journal, now)
    move_annotations(emptied, into)
    move_count(emptied, into)
    journal.write()
    tell_entries(emptied, into, now)
    for model in (Fill, GapRecord, SyncAuditLog):
        model._default_manager.filter(signal=emptied).update(signal=into)


def tell_entries(emptied: AutomatedSignal, into: AutomatedSignal, now: datetime) -> None:
    """That entries are about another signal now: they are sealed with the one that they were written about."""
    if SyncAuditLog.objects.filter(signal=emptied).exists():
        told = {"from": emptied.pk, "into": into.pk, "symbol": emptied.symbol, "life": emptied.life}
        journal = Journal(now)
        journal.note(into, Action.MERGED, evidence=told, note=WHY)
        journal.write()


def move_annotations(emptied: AutomatedSignal, into: AutomatedSignal) -> None:
    """What people said is about the signal that its events are of now; a tag that is there already stays one."""
    SignalNote.objects.filter(signal=emptied).update(signal=into)
    there = SignalTag.objects.filter(signal=into).values_list("name", flat=True)
    SignalTag.objects.filter(signal=emptied, name__in=list(there)).delete()
    SignalTag.objects.filter(signal=emptied).update(signal=into)


def move_count(emptied: AutomatedSignal, into: AutomatedSignal) -> None:
    """Updates that were let go of the one count as the other's, as its events do."""
    gone = Thinned.objects.filter(signal=emptied).first()
    if gone and not Thinned.objects.filter(signal=into).update(updates=F("updates") + gone.updates):
        Thinned.objects.create(signal=into, updates=gone.updates, at=gone.at)
    if gone:
        gone.delete()


def end_fills(emptied: AutomatedSignal, journal: Journal, now: datetime) -> None:
    standing = Fill.objects.filter(signal=emptied, state__in=(Fill.State.ACTIVE, Fill.State.PROPOSED))
    for fill in standing.order_by("pk"):
        journal.note_withdrawn(emptied, fill, WHY)
    standing.update(state=Fill.State.WITHDRAWN, ended_at=now)


def end_gaps(emptied: AutomatedSignal, into: AutomatedSignal, journal: Journal, now: datetime) -> None:
    """Open ones close. A dismissal goes on for the other signal, unless the gap stands there already."""
    records = GapRecord.objects.filter(signal=emptied)
    there = set(GapRecord.objects.filter(signal=into, state__in=("open", "dismissed")).values_list("gap", flat=True))
    ends = (
        (records.filter(state=GapRecord.State.OPEN), GapRecord.State.CLOSED, Action.GAP_CLOSED),
        (records.filter(state=GapRecord.State.DISMISSED, gap__in=there), GapRecord.State.REOPENED, Action.GAP_REOPENED),
    )
    for ending, state, action in ends:
        for record in (found := list(ending)):
            journal.note(emptied, action, gap=record.gap, note=WHY)
        if state == GapRecord.State.CLOSED:
            count_records([], found)
        GapRecord.objects.filter(pk__in=[record.pk for record in found]).update(state=state, closed_at=now)
