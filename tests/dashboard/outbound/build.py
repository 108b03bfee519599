"""Small builders: endpoints, the worker's turn at a moment, and what is in the stream then."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from dashboard.models import Endpoint, StreamEvent
from dashboard.outbound import endpoints, step
from dashboard.outbound.kinds import Kind

URL = "https://bot.example/hooks/1"


def endpoint(url: str = URL, **more: Any) -> Endpoint:
    given = {"name": "bot", "url": url, "created_at": timezone.now(), "created_by": "mia", **more}
    made = Endpoint(**given)
    endpoints.make(made)
    return made


def told(kind: Kind | None = None) -> list[StreamEvent]:
    """What the stream has after everything that is stored was read."""
    step.tell(timezone.now())
    rows = StreamEvent.objects.order_by("pk")
    return list(rows if kind is None else rows.filter(type=kind.value))


def kinds() -> list[str]:
    return [event.type for event in told()]


def begun(before: timedelta = timedelta(0)) -> datetime:
    """The stream begins, with an endpoint; what is stored from now on is news."""
    endpoint()
    now = timezone.now() - before
    step.tell(now)
    return now
