"""The lease: never two cycles at once, and none for ever when a holder dies.

A holder takes the row by compare-and-swap and gets a token greater than any before. Each of its writing transactions
locks the row, compares the token and extends the expiry; so a holder that was thought dead cannot write any more. What
its cycle had shared out ends when another takes the lease: no shard of it is written to any more either.

Expiry is by the database's clock, which all machines share.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from reconciliation.models import Shard, SyncLease, SyncRun

NAME = "cycle"
# Longer than a chunk takes, shorter than a worker's task may run (settings.Q_CLUSTER).
TERM = timedelta(seconds=60)
SLACK = timedelta(seconds=5)
OPEN = (Shard.State.WAITING, Shard.State.TAKEN)


class BusyError(Exception):
    """Another cycle is running."""


class LeaseLostError(Exception):
    """The lease expired and another took it: nothing more may be written under it."""


class Fence(Protocol):
    """What keeps who was thought dead from writing."""

    def confirm(self) -> None:
        """Call first in each writing transaction. Raises LeaseLostError when the lease has passed on."""


@dataclass(frozen=True)
class Lease:
    token: int

    def confirm(self) -> None:
        row = SyncLease.objects.select_for_update().get(pk=NAME)
        if row.token != self.token:
            raise LeaseLostError(f"the lease passed to {row.holder} while this cycle was thought dead")
        SyncLease.objects.filter(pk=NAME).update(expires_at=Now() + TERM)


def this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def expired(term: timedelta) -> Q:
    """What was leased for a term, and is no more. What lasts longer was taken before the clock was set back."""
    return Q(expires_at__lte=Now()) | Q(expires_at__gt=Now() + term + SLACK)


def take() -> Lease:
    """Take the lease, or raise BusyError saying who has it."""
    SyncLease.objects.get_or_create(pk=NAME, defaults={"expires_at": Now()})
    with transaction.atomic():
        taken = SyncLease.objects.filter(Q(holder="") | expired(TERM), pk=NAME).update(
            holder=this_process(), token=F("token") + 1, expires_at=Now() + TERM
        )
        row = SyncLease.objects.get(pk=NAME)
        if taken:
            end_shards()
    if not taken:
        raise BusyError(f"another sync is running ({row.holder}); it is given up at {row.expires_at:%H:%M:%S}Z")
    return Lease(row.token)


def release(lease: Lease) -> None:
    SyncLease.objects.filter(pk=NAME, token=lease.token).update(holder="", expires_at=Now())


def end_shards(run: SyncRun | None = None) -> None:
    """Close what is open of a run, or of any, to those who work on it. Waits for what they write at this moment."""
    of = {} if run is None else {"run": run}
    Shard.objects.filter(state__in=OPEN, **of).update(state=Shard.State.DROPPED, token=F("token") + 1, keys=[])


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
    held = SyncLease.objects.filter(pk=NAME, expires_at__gt=now, expires_at__lte=now + TERM + SLACK)
    return held.exclude(holder="").exists()
