"""Posting events: a sender of the outbox, and the log of its attempts.

A sending runs in a thread that must not touch the database. What came of it waits here until the thread that began the
turn writes it down.
"""

import json
from collections.abc import Callable
from datetime import datetime
from queue import Empty, SimpleQueue

import httpx
from django.conf import settings
from django.utils import timezone

from dashboard.models import Attempt, Endpoint, Outgoing, StreamEvent
from dashboard.models.outgoing import OPEN
from dashboard.outbox import RefusedError, Sender
from dashboard.outbox.sealing import SealedError
from signals import measuring
from signals.posting import Answer, Letter, Manner, post_all
from signals.signing import signed
from signals.storage.paging import counted

from .building import body_of
from .endpoints import GONE, note, secrets_of
from .kinds import Kind
from .stream import KIND, destination_of

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
DEADLINE = 15.0
BODY_KEPT = 1000  # bytes
PER_MINUTE = 600  # events to an endpoint
HEADER = "X-SignalSync-Event"

_outcomes: SimpleQueue[Attempt] = SimpleQueue()


class NotTakenError(Exception):
    """It was not taken; another attempt may be."""


def waiting_for(endpoint: Endpoint) -> int:
    """Messages that are on their way to it, counted no further than anybody reads."""
    return counted(Outgoing.objects.filter(kind=KIND, destination=destination_of(endpoint.pk), state__in=OPEN))


def manner() -> Manner:
    return Manner(TIMEOUT, DEADLINE, BODY_KEPT, tuple(settings.OUTBOUND_NETWORKS))


def prepare(message: Outgoing) -> Callable[[], None]:
    """The posting of an outbox message, with all that it takes from the database."""
    keep_outcomes()
    endpoint = Endpoint.objects.filter(pk=message.payload["endpoint"]).first()
    event = StreamEvent.objects.filter(pk=message.payload["event"]).first()
    if endpoint is None:
        raise RefusedError("The endpoint was removed.")
    if event is None:
        raise RefusedError("The event is older than OUTBOUND_RETENTION_DAYS, and was forgotten.")
    if not endpoint.enabled and event.type != Kind.TEST:
        raise RefusedError("The endpoint is switched off. Once it is on, replay what it missed.")
    attempt = Attempt(
        endpoint=endpoint,
        event=event,
        key=event.key,
        type=event.type,
        number=message.attempts,
        again=message.payload["again"],
    )
    now = timezone.now()
    try:
        return posting(attempt, letter(endpoint, event, now), now)
    except SealedError as error:
        attempt.at, attempt.error = now, str(error)[:200]
        note(attempt)
        raise


def letter(endpoint: Endpoint, event: StreamEvent, now: datetime) -> Letter:
    body = json.dumps(body_of(event), ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        HEADER: event.type,
        **signed(secrets_of(endpoint, now), event.key, body, now),
    }
    return Letter(endpoint.url, body, headers)


def posting(attempt: Attempt, letter: Letter, now: datetime) -> Callable[[], None]:
    how = manner()

    def send() -> None:
        (answer,) = post_all([letter], how)
        attempt.at, attempt.status, attempt.error = now, answer.status, answer.error[:200]
        attempt.body, attempt.seconds = answer.head, answer.seconds
        _outcomes.put(attempt)
        judge(answer)

    return send


def judge(answer: Answer) -> None:
    """Raises what the outbox goes by: RefusedError ends it, NotTakenError has it tried again."""
    if answer.status is None:
        raise NotTakenError(answer.error)
    if answer.status == GONE:
        raise RefusedError("answered with status 410: it wants nothing more, and the endpoint was switched off")
    if 300 <= answer.status < 400:
        raise NotTakenError(f"redirects (status {answer.status}): enter the address that it leads to")
    if not 200 <= answer.status < 300:
        raise NotTakenError(f"answered with status {answer.status}")


def keep_outcomes() -> None:
    """Write down what came of the attempts that have ended. By the thread that may ask the database."""
    while True:
        try:
            attempt = _outcomes.get_nowait()
        except Empty:
            return
        endpoint = Endpoint.objects.filter(pk=attempt.endpoint_id).first()
        if endpoint is not None:
            note(attempt)
            measuring.observe(measuring.POSTED, attempt.seconds, endpoint.name, "taken" if attempt.ok else "failed")


# Retries go on for two days: 30 s, doubled each time up to 4 hours.
SENDER = Sender(prepare, within=DEADLINE + 5.0, per_minute=PER_MINUTE, most_attempts=20)
