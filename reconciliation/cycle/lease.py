"""The lease: never two cycles at once, and none for ever when a holder dies.

A holder takes the row by compare-and-swap and gets a token greater than any before. Each of its writing transactions
locks the row, compares the token and extends the expiry; so a holder that was thought dead cannot write any more.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from reconciliation.models import SyncLease

NAME = "cycle"
# Longer than a chunk takes, shorter than a worker's task may run (settings.Q_CLUSTER).
TERM = timedelta(seconds=60)


class BusyError(Exception):
    """Another cycle is running."""


class LeaseLostError(Exception):
    """The lease expired and another cycle took it: nothing more may be written under it."""


@dataclass(frozen=True)
class Lease:
    token: int

    def confirm(self) -> None:
        """Call first in each writing transaction. Raises LeaseLostError when the lease has passed on."""
        row = SyncLease.objects.select_for_update().get(pk=NAME)
        if row.token != self.token:
            raise LeaseLostError(f"the lease passed to {row.holder} while this cycle was thought dead")
        row.expires_at = timezone.now() + TERM
        row.save(update_fields=["expires_at"])


def take() -> Lease:
    """Take the lease, or raise BusyError saying who has it."""
    now = timezone.now()
    SyncLease.objects.get_or_create(pk=NAME, defaults={"expires_at": now})
    holder = f"{socket.gethostname()}:{os.getpid()}"
    with transaction.atomic():
        taken = SyncLease.objects.filter(pk=NAME, expires_at__lte=now).update(
            holder=holder, token=F("token") + 1, expires_at=now + TERM
        )
        row = SyncLease.objects.get(pk=NAME)
    if not taken:
        raise BusyError(f"another sync is running ({row.holder}); it is given up at {row.expires_at:%H:%M:%S}Z")
    return Lease(row.token)


def release(lease: Lease) -> None:
    SyncLease.objects.filter(pk=NAME, token=lease.token).update(holder="", expires_at=timezone.now())


@contextmanager
def held() -> Iterator[Lease]:
    """The lease for the length of a block. Raises BusyError at once when another holds it."""
    lease = take()
    try:
        yield lease
    finally:
        release(lease)


def running(now: datetime) -> bool:
    """Whether a cycle is running, as far as its lease tells."""
    return SyncLease.objects.filter(pk=NAME, expires_at__gt=now).exclude(holder="").exists()
