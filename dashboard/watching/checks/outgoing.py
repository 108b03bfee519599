"""Whether messages to others get there."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from dashboard.models import Outgoing
from dashboard.outbox.keeping import claimable, dead
from dashboard.telling.addresses import address
from dashboard.telling.formats import some, were
from signals.storage.paging import counted

from .result import Problem, Result, Severity, judged

LATELY = timedelta(days=1)
LATE = timedelta(minutes=10)


def outgoing(now: datetime) -> Result:
    """What was given up lately, and what is due and nobody sends."""
    return judged([*given_up(now), *unsent(now)], "Every message to others was sent, or waits for its time.")


def given_up(now: datetime) -> Iterator[Problem]:
    rows = dead().filter(ended_at__gt=now - LATELY)
    if last := rows.first():
        number = counted(rows)
        yield Problem(
            f"{some(number, 'message')} to others {were(number)} given up in the last day. The last: {last.last_error}",
            "Correct the destination, then try them again in the console under Outbox.",
            Severity.WARN,
            address("outbox"),
            "Outbox",
        )


def unsent(now: datetime) -> Iterator[Problem]:
    rows = Outgoing.objects.filter(claimable(now), state=Outgoing.State.WAITING, due_at__lt=now - LATE)
    if number := counted(rows):
        yield Problem(
            f"{some(number, 'message')} to others {were(number)} due more than"
            f" {LATE / timedelta(minutes=1):g} minutes ago and not sent.",
            "Look at Outbox whether a destination hangs; else restart `manage.py serve`.",
            Severity.WARN,
            address("outbox"),
            "Outbox",
        )
