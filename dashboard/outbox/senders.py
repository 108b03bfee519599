"""Who sends what: one sender for each kind of message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from django.utils.module_loading import import_string

from dashboard.models import Outgoing

# By their names: they stand above the outbox.
NAMES: Mapping[str, str] = {"notification": "dashboard.notifying.sending.SENDER"}


class RefusedError(Exception):
    """It will never be taken, however often it is tried: it is given up at once. Its text is shown."""


@dataclass(frozen=True, slots=True)
class Sender:
    """How one kind is sent.

    `prepare` may ask the database, and returns the sending. That runs in a thread, which must not touch the database
    and is abandoned after `within` seconds. Either raises an error, whose text is shown, when the message was not
    taken. A destination gets at most `per_minute`, which may come at once.
    """

    prepare: Callable[[Outgoing], Callable[[], None]]
    within: float = 20.0
    per_minute: int = 20
    most_attempts: int = 10


@cache
def senders() -> Mapping[str, Sender]:
    return {kind: import_string(name) for kind, name in NAMES.items()}
