"""Writing the audit log: entries of one operation, with values as JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from signals.bulk import insert
from signals.models import AutomatedSignal, Fill
from signals.projection import iso

from .models import SyncAuditLog, SyncRun
from .proposals import Proposal

Action = SyncAuditLog.Action


def plain(value: Any) -> Any:
    """A column's value as JSON: prices and R as plain decimal strings, moments ISO 8601 with Z."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


@dataclass(slots=True)
class Journal:
    """Audit entries of one operation, collected and written at once. `at` is wall-clock time."""

    at: datetime
    run: SyncRun | None = None
    operation: UUID | None = None
    actor: str = ""
    entries: list[SyncAuditLog] = field(default_factory=list)

    def note(self, signal: AutomatedSignal, action: SyncAuditLog.Action, **details: Any) -> None:
        self.entries.append(
            SyncAuditLog(
                at=self.at,
                run_id=self.run.pk if self.run else None,
                operation=self.operation,
                actor=self.actor,
                signal_id=signal.pk,
                action=action,
                **details,
            )
        )

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

    def write(self) -> None:
        insert(SyncAuditLog, self.entries)


def counted(entries: Iterable[SyncAuditLog], action: SyncAuditLog.Action) -> int:
    return sum(entry.action == action for entry in entries)
