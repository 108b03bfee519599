"""Sending again what was told since a moment, and sending a test."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

from dashboard.models import Endpoint, Outgoing, StreamEvent
from dashboard.models.outbound import new_key
from dashboard.outbox import put
from signals.formats import iso

from .choosing import matches
from .kinds import Kind
from .sending import PER_MINUTE
from .stream import KIND, destination_of, message_of

MOST = 20_000
"""Events that one replay looks at: of more, a later moment has to be chosen."""
AT_ONCE = 500


class TooManyError(Exception):
    """More was told since than one replay sends."""


def counted(endpoint: Endpoint, moment: datetime) -> Counter[str]:
    """How many of each kind. Raises TooManyError."""
    return Counter(event.type for event in chosen(endpoint, moment))


def chosen(endpoint: Endpoint, moment: datetime) -> list[StreamEvent]:
    """What the endpoint asks for of all that was told since, in order. Raises TooManyError."""
    rows = StreamEvent.objects.filter(told_at__gte=moment).defer("data").order_by("pk")
    looked_at = list(rows[: MOST + 1])
    if len(looked_at) > MOST:
        raise TooManyError(f"More than {MOST:,} events were told since then: choose a later moment.")
    return [event for event in looked_at if matches(endpoint, event)]


def replay(endpoint: Endpoint, moment: datetime, now: datetime) -> int:
    """Put it all into the outbox once more, under the ids that it had, due as fast as it may go. Returns how many."""
    events, destination = chosen(endpoint, moment), destination_of(endpoint.pk)
    rows = [
        Outgoing(
            kind=KIND,
            destination=destination,
            payload=message_of(event, endpoint, again=True),
            created_at=now,
            due_at=now + timedelta(minutes=number / PER_MINUTE),
        )
        for number, event in enumerate(events)
    ]
    Outgoing.objects.bulk_create(rows, batch_size=AT_ONCE)
    return len(rows)


def test(endpoint: Endpoint, now: datetime) -> StreamEvent:
    """Send the endpoint an event of the kind `test`, whatever it asks for and also while it is off."""
    event = StreamEvent.objects.create(
        key=new_key(Kind.TEST.value, endpoint.pk, now.isoformat()),
        type=Kind.TEST.value,
        at=now,
        told_at=now,
        signal_id=0,
        trade_id="",
        source="",
        confidence=Decimal(1),
        data={"says": f"This is a test of {endpoint.name}.", "made_at": iso(now), "provenance": None, "signal": None},
    )
    put(KIND, destination_of(endpoint.pk), message_of(event, endpoint), now=now, key=event.key)
    return event
