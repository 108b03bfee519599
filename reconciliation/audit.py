"""Writing the audit log: entries of one operation, with values as JSON."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from signals.formats import iso
from signals.models import AutomatedSignal, Fill
from signals.storage.bulk import append

from .models import SyncAuditLog, SyncRun
from .sealing.sealing import after_decision
from .tiers.proposals import Proposal

Action = SyncAuditLog.Action


def plain(value: Any) -> Any:
    """A column's value as JSON: prices and R as plain decimal strings, moments ISO 8601 with Z."""
    if value is None or value.__class__ is str:  # as most are
        return value
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


@dataclass(slots=True)
class Entry:
    """A row of the audit log on its way there, by the names of its columns. A model takes ten times as long to make."""

    at: datetime
    run_id: int | None
    operation: UUID | None
    actor: str
    signal_id: int
    action: SyncAuditLog.Action
    gap: str = ""
    field: str = ""
    tier: str = ""
    method: str = ""
    old: Any = None
    new: Any = None
    confidence: Decimal | None = None
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    note: str = ""


@dataclass(slots=True)
class Journal:
    """Audit entries of one operation, collected and written at once. `at` is wall-clock time."""

    at: datetime
    run: SyncRun | None = None
    operation: UUID | None = None
    actor: str = ""
    entries: list[Entry] = dataclasses.field(default_factory=list)

    def note(self, signal: AutomatedSignal, action: SyncAuditLog.Action, **details: Any) -> None:
        run = self.run.pk if self.run else None
        self.entries.append(Entry(self.at, run, self.operation, self.actor, signal.pk, action, **details))

    def note_fill(
        self, signal: AutomatedSignal, action: SyncAuditLog.Action, fill: Fill | Proposal, **details: Any
    ) -> None:
        """What happened to a fill; unless told otherwise, `new` is its value."""
        shown: Mapping[str, Any] = {"new": fill.value, **details}
        self.note(
            signal,
            action,
            gap=fill.gap,
            field=fill.field,
            tier=fill.tier,
            method=fill.method,
            confidence=fill.confidence,
            evidence=fill.evidence,
            **shown,
        )

    def note_withdrawn(self, signal: AutomatedSignal, fill: Fill, note: str) -> None:
        """That nothing stands in a fill's place; to be noted before it ends.

        What was only proposed never stood in the row: it is told as `new`.
        """
        stood = fill.state == Fill.State.ACTIVE
        shown = {"old": fill.value, "new": None} if stood else {}
        self.note_fill(signal, Action.WITHDRAWN, fill, note=note, **shown)

    def write(self) -> None:
        append(SyncAuditLog, self.entries)
        if self.actor and self.entries:
            after_decision()
