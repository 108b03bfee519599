"""Whether anything has changed that pages show: one number to compare, by one query of the ends of a few indexes."""

from hashlib import blake2b

from django.db import connections
from django.db.models import Model

from dashboard.models import Job
from dashboard.replica import chosen
from reconciliation.models import GapRecord, SignalHealthMetric, SyncAuditLog, SyncRun
from signals.models import Delivery, Fill, Source

# What comes and what is done adds a row to one of these; the work of jobs is told by when they last got on.
GROWING: tuple[type[Model], ...] = (Delivery, Fill, GapRecord, SyncRun, SignalHealthMetric, SyncAuditLog, Source)


def newest(model: type[Model]) -> str:
    key = model._meta.pk.column if model._meta.pk else "id"
    return f"(SELECT {key} FROM {model._meta.db_table} ORDER BY {key} DESC LIMIT 1)"  # noqa: S608 names are the model's own


def version() -> str:
    """The same as long as nothing has changed. Raises DatabaseError."""
    jobs = f"(SELECT max(updated_at) FROM {Job._meta.db_table})"  # noqa: S608 names are the model's own
    with connections[chosen()].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(map(newest, GROWING))}, {jobs}")
        row = cursor.fetchone()
    return blake2b(repr(row).encode(), digest_size=8).hexdigest()
