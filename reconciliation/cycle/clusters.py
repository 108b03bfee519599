"""The clusters that there are, on this machine and on others: each says so in the database, by the database's clock."""

import socket
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.db.models.functions import Now

from reconciliation.models import Cluster

# A cluster says that it is there when its scheduler looks, every 30 s.
UNSEEN = timedelta(seconds=90)
FORGOTTEN = timedelta(hours=1)
"""A cluster that was not stopped and does not come back is missed for so long; then its machine was given up."""


def own_name() -> str:
    """As `heartbeat` does, take what has one VAR_DIR for one cluster."""
    return f"{socket.gethostname()}:{Path(settings.VAR_DIR).resolve()}"


def announce() -> None:
    """Say that this machine's cluster is there; forget those that are long gone."""
    rows = Cluster.objects.filter(pk=own_name())
    if not rows.update(seen_at=Now(), workers=settings.Q_CLUSTER["workers"]):
        start()
    Cluster.objects.filter(seen_at__lt=Now() - FORGOTTEN).delete()


def start() -> None:
    now = {"started_at": Now(), "seen_at": Now(), "workers": settings.Q_CLUSTER["workers"]}
    Cluster.objects.update_or_create(pk=own_name(), defaults=now)


def stop() -> None:
    Cluster.objects.filter(pk=own_name()).delete()


def living() -> QuerySet[Cluster]:
    return Cluster.objects.filter(seen_at__gt=Now() - UNSEEN)


def missing() -> QuerySet[Cluster]:
    """Those that neither work nor were stopped."""
    return Cluster.objects.exclude(pk__in=living().values("pk"))


def workers() -> int:
    """How many workers there are, on all machines."""
    return int(living().aggregate(sum=Sum("workers", default=0))["sum"])
