"""The door: the one way in which rows that are guarded are deleted, and it is told in the audit log.

For retention and for what is simulated. It is a row that exists only inside the transaction, which both databases can
do, no other connection sees, and which cannot be committed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db.models import Model

from reconciliation.models import AuditDoor, SyncAuditLog

NO_DOOR = -1


@contextmanager
def opened(
    model: type[Model],
    keys: Sequence[Any],
    *,
    why: str,
    actor: str = "",
    now: datetime,
    told: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Let these rows of a guarded table be deleted within the block, in the caller's transaction.

    The audit log says how many went and why, and what else is `told`; of its own entries also which, for `verify_audit`
    misses any others.
    """
    table = model._meta.db_table
    evidence: dict[str, Any] = {"table": table, "rows": len(keys), **(told or {})}
    if model is SyncAuditLog:
        evidence["keys"] = stretches(keys)
    door = AuditDoor.objects.create(table=table, at=now, actor=actor, why=why, evidence=evidence, shut_id=NO_DOOR)
    yield
    door.delete()


def stretches(keys: Sequence[int]) -> list[list[int]]:
    """Keys as first and last of what follows one upon the other. Pure."""
    found: list[list[int]] = []
    for key in sorted(keys):
        if found and key == found[-1][1] + 1:
            found[-1][1] = key
        else:
            found.append([key, key])
    return found
