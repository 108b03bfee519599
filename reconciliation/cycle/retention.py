"""Forgetting old runs: what nothing refers to is deleted with its snapshot, a bounded number in each cycle."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from reconciliation.models import GapRecord, Shard, SyncAuditLog, SyncRun
from signals.models import Fill

# A cycle adds one run: so even after years without retention it soon catches up.
AT_ONCE = 500


def forget_runs(now: datetime) -> int:
    """Delete runs that began more than RUN_RETENTION_DAYS ago (0: none). Returns how many.

    A run that the audit log, a fill or a gap's life refers to stays for good, without its shards; it is marked so as
    not to be looked at again.
    """
    if not settings.RUN_RETENTION_DAYS:
        return 0
    cutoff = now - timedelta(days=settings.RUN_RETENTION_DAYS)
    old = SyncRun.objects.filter(kept=False, started_at__lt=cutoff).exclude(state=SyncRun.State.RUNNING)
    keys = set(old.order_by("started_at").values_list("pk", flat=True)[:AT_ONCE])
    if not keys:
        return 0
    referred: set[int | None] = set(SyncAuditLog.objects.filter(run__in=keys).order_by().values_list("run", flat=True))
    referred |= set(Fill.objects.filter(run_id__in=keys).order_by().values_list("run_id", flat=True))
    referred |= set(GapRecord.objects.filter(run__in=keys).order_by().values_list("run", flat=True))
    with transaction.atomic():
        SyncRun.objects.filter(pk__in=keys & referred).update(kept=True)
        Shard.objects.filter(run__in=keys & referred).delete()
        SyncRun.objects.filter(pk__in=keys - referred).delete()
    return len(keys - referred)
