"""What people decide about signals that replay found and is not sure of. Both are audited."""

from datetime import datetime
from uuid import uuid4

from django.db import transaction

from reconciliation.audit import Action, Journal
from signals.models import AutomatedSignal
from signals.vocabulary import Approval, Origin

from .finding import withdraw

GONE = "It no longer waits for approval; reload the page."


def approve_found(key: int, *, actor: str, reason: str, now: datetime) -> None:
    """Let a found signal stand. Raises ValueError when it no longer waits."""
    with transaction.atomic():
        row = waiting(key)
        AutomatedSignal.objects.filter(pk=key).update(approval=Approval.APPROVED, updated_at=now)
        journal = Journal(now, operation=uuid4(), actor=actor)
        journal.note(row, Action.APPROVED, field="origin", new=row.origin, note=reason)
        journal.write()


def refuse_found(key: int, *, actor: str, reason: str, now: datetime) -> None:
    """Withdraw a found signal for good, whatever the bars show; an alert still makes it ordinary.

    Raises ValueError when it no longer waits.
    """
    with transaction.atomic():
        withdraw([waiting(key)], Origin.REFUSED, Journal(now, operation=uuid4(), actor=actor), reason or "refused")


def waiting(key: int) -> AutomatedSignal:
    rows = AutomatedSignal.objects.select_for_update(of=("self",))
    row = rows.filter(pk=key, origin=Origin.REPLAY, approval=Approval.WAITING).first()
    if row is None:
        raise ValueError(GONE)
    return row
