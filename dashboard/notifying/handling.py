"""What people do about an incident: they acknowledge it, or put it off."""

from datetime import datetime
from typing import Any

from dashboard.models import Incident

from .watch import HISTORY_KEPT, State, swap

TRIES = 5  # somebody else may write it at the same time


class OverError(Exception):
    """The incident has recovered meanwhile."""


def acknowledge(key: int, *, by: str, note: str, now: datetime) -> None:
    """Somebody sees to it: nothing more is told until it recovers or gets worse. Raises OverError."""
    change(key, f"acknowledged{f': {note}' if note else ''}", by, now, state=State.ACKNOWLEDGED, snoozed_until=None)


def snooze(key: int, until: datetime, *, by: str, now: datetime) -> None:
    """Nothing is told until then; if it is still there, that is told. Raises OverError."""
    change(key, f"snoozed until {until:%Y-%m-%d %H:%M}Z", by, now, state=State.OPEN, snoozed_until=until)


def change(key: int, did: str, by: str, now: datetime, **changes: Any) -> None:
    for _ in range(TRIES):
        row = Incident.objects.filter(pk=key, recovered_at=None).first()
        if row is None:
            raise OverError
        history = [*row.history, {"at": now, "did": did, "by": by}][-HISTORY_KEPT:]
        if swap(row, {**changes, "history": history}):
            return
    raise OverError
