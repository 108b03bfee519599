"""The rows of the outbox: put in, claimed, settled, tried again by people, forgotten."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from dashboard.models import Outgoing
from dashboard.models.outgoing import OPEN

State = Outgoing.State
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=4)
CLAIM_MARGIN = timedelta(seconds=30)
"""How much longer a claim holds than sending may take: nobody else takes the message before it was settled."""
FORGOTTEN_AT_ONCE = 1000
ERROR_KEPT = 400  # characters


def put(
    kind: str,
    destination: str,
    payload: Mapping[str, Any],
    *,
    now: datetime,
    key: str = "",
    due: datetime | None = None,
    follows: int | None = None,
) -> None:
    """Have a message sent, in the caller's transaction. One of a `key` that was put before is not put again.

    It waits for the message that it `follows`.
    """
    row = Outgoing(
        kind=kind, destination=destination, key=key, payload=dict(payload), created_at=now, due_at=due or now,
        follows=follows,
    )  # fmt: skip
    Outgoing.objects.bulk_create([row], ignore_conflicts=bool(key))


@dataclass(frozen=True, slots=True)
class Before:
    """What a destination was sent of a thing: whether any of it came, or may have, and what is on its way."""

    taken: bool
    on_its_way: int | None


def overtake(kind: str, destination: str, begins: str) -> Before:
    """Drop what still waits under keys that begin so: a newer message, put in the same transaction, says more."""
    rows = Outgoing.objects.filter(kind=kind, destination=destination, key__startswith=begins)
    rows.filter(state=State.WAITING).delete()
    left = list(rows.order_by("pk").values_list("pk", "state"))
    on_its_way = [key for key, state in left if state in OPEN]
    return Before(any(state != State.DEAD for _, state in left), on_its_way[-1] if on_its_way else None)


def claimable(now: datetime) -> Q:
    """What waits and is due, and what somebody claimed who did not come back."""
    return Q(state=State.WAITING, due_at__lte=now) | Q(state=State.SENDING, claimed_until__lt=now)


def due(now: datetime) -> QuerySet[Outgoing]:
    before = Outgoing.objects.filter(pk=OuterRef("follows"), state__in=OPEN)
    return Outgoing.objects.filter(~Exists(before), claimable(now), state__in=OPEN)


def claim(key: int, now: datetime, within: float) -> Outgoing | None:
    """Take a message for as long as sending it may last; None when somebody else has it."""
    until = now + timedelta(seconds=within) + CLAIM_MARGIN
    taken = due(now).filter(pk=key).update(state=State.SENDING, claimed_until=until, attempts=F("attempts") + 1)
    if not taken:
        return None
    row = Outgoing.objects.get(pk=key)
    return row if row.claimed_until == until else None


def settle(claimed: Outgoing, **changes: Any) -> bool:
    """Write what became of a claim; False when it had run out and somebody else has claimed the message since."""
    mine = Outgoing.objects.filter(pk=claimed.pk, state=State.SENDING, attempts=claimed.attempts)
    return bool(mine.update(claimed_until=None, **changes))


def sent(claimed: Outgoing, now: datetime) -> bool:
    return settle(claimed, state=State.SENT, ended_at=now, last_error="")


def failed(claimed: Outgoing, error: str, now: datetime, *, give_up: bool) -> bool:
    error = " ".join(error.split())[:ERROR_KEPT]
    if give_up:
        return settle(claimed, state=State.DEAD, ended_at=now, last_error=error)
    spread = random.uniform(0.75, 1.25)  # noqa: S311 - so that not all come back at once
    return settle(claimed, state=State.WAITING, due_at=now + spread * wait(claimed.attempts), last_error=error)


def wait(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 30 s, doubled each time, at most 4 hours. Pure."""
    doublings = min(attempts - 1, 20)
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << doublings))


def dead() -> QuerySet[Outgoing]:
    return Outgoing.objects.filter(state=State.DEAD).order_by("-ended_at")


def try_again(rows: QuerySet[Outgoing], now: datetime) -> int:
    """Have what was given up sent after all, with as many attempts as at first. Returns how many."""
    given_up = rows.filter(state=State.DEAD)
    return given_up.update(state=State.WAITING, due_at=now, attempts=0, ended_at=None, claimed_until=None)


def forget(now: datetime) -> int:
    """Delete what ended more than RUN_RETENTION_DAYS ago (0: nothing), a bounded number at a time."""
    if not settings.RUN_RETENTION_DAYS:
        return 0
    old = Outgoing.objects.filter(ended_at__lt=now - timedelta(days=settings.RUN_RETENTION_DAYS))
    keys = list(old.order_by("ended_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    return Outgoing.objects.filter(pk__in=keys, ended_at__isnull=False).delete()[0]
