"""What people do with endpoints: make one, rotate its secret, switch it; and how it is told that one fails."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from dashboard.models import Attempt, Endpoint, Outgoing
from dashboard.outbox.sealing import seal, unseal
from signals.signing import new_secret

from .stream import KIND, destination_of

FAILS_FOR = timedelta(days=5)
"""One that fails, and has for so long without a success, is switched off."""
GONE = 410
"""The status by which the other side says that it wants nothing more."""
LONGEST_ERROR = 400


def make(endpoint: Endpoint) -> str:
    """Store a new endpoint with a secret of its own, which is returned."""
    secret = new_secret()
    endpoint.secret = seal(secret)
    endpoint.save()
    return secret


def rotate(endpoint: Endpoint, *, overlap: timedelta, now: datetime) -> str:
    """A new secret. The one of now signs as well until the overlap is over; the one before it no more."""
    secret = new_secret()
    endpoint.old_secret, endpoint.old_secret_ends_at = (endpoint.secret, now + overlap) if overlap else ("", None)
    endpoint.secret = seal(secret)
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_ends_at"])
    return secret


def secrets_of(endpoint: Endpoint, now: datetime) -> Sequence[str]:
    """Those that sign now, the newest first. Raises SealedError when SECRET_KEY is another than when they were made."""
    old = endpoint.old_secret if endpoint.old_secret_ends_at and endpoint.old_secret_ends_at > now else ""
    return [unseal(sealed) for sealed in (endpoint.secret, old) if sealed]


def switch(endpoint: Endpoint, *, on: bool) -> None:
    """By a person. What waits when it is switched off is dropped; a replay sends it after all."""
    Endpoint.objects.filter(pk=endpoint.pk).update(enabled=on, off_because="", failing_since=None)
    if not on:
        drop_waiting(endpoint.pk)


def remove(endpoint: Endpoint) -> None:
    drop_waiting(endpoint.pk)
    endpoint.delete()


def drop_waiting(key: int) -> None:
    """Nothing is to be posted to an endpoint any more: what waits in the outbox would only be given up, and told."""
    Outgoing.objects.filter(kind=KIND, destination=destination_of(key), state=Outgoing.State.WAITING).delete()


def note(attempt: Attempt) -> None:
    """Keep an attempt, and what it says of its endpoint."""
    attempt.save()
    row = Endpoint.objects.filter(pk=attempt.endpoint_id)
    if attempt.ok:
        row.update(last_success_at=attempt.at, failing_since=None)
        return
    said = attempt.error or f"answered with status {attempt.status}"
    row.update(last_error_at=attempt.at, last_error=said[:LONGEST_ERROR])
    row.filter(failing_since=None).update(failing_since=attempt.at)
    if attempt.status == GONE:
        switch_off(row, "It answered with status 410: it wants nothing more.")
    else:
        failing = row.filter(failing_since__lte=attempt.at - FAILS_FOR)
        switch_off(failing, f"Nothing was taken for {FAILS_FOR.days} days.")


def switch_off(rows: QuerySet[Endpoint], because: str) -> None:
    for key in list(rows.filter(enabled=True).values_list("pk", flat=True)):
        Endpoint.objects.filter(pk=key).update(enabled=False, off_because=because)
        drop_waiting(key)
