"""How long the database may make a sender wait: what is not stored in time is spooled instead."""

import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import OperationalError, close_old_connections, connection, transaction

CONNECT_SECONDS = 2.0
ASKED_AGAIN = 1.0  # seconds after which a connection is asked whether it still serves
MARGIN = 0.2  # seconds after which a server that keeps its own limits would have said so
_waiting = threading.local()


class OutOfTimeError(OperationalError):
    """What was to be done is not done within the time that it was given. The database answers."""


def give_up_in_time() -> None:
    """Have this process stop waiting for a PostgreSQL that answers nothing: frozen, or its network is gone.

    The server cannot end what it does not carry out, and a reader in C cannot be interrupted. So psycopg2 asks us to
    wait for every answer. Not for processes that COPY, which it then refuses.
    """
    from psycopg2.extensions import set_wait_callback

    set_wait_callback(wait_for_answer)


def wait_for_answer(raw: Any) -> None:
    """psycopg2's wait callback. Raising closes the connection."""
    import psycopg2
    from psycopg2 import extensions

    longest = CONNECT_SECONDS if raw.status == extensions.STATUS_SETUP else longest_statement()
    end = min(getattr(_waiting, "until", None) or monotonic() + longest, monotonic() + longest)
    poll = select.poll()
    while (state := raw.poll()) != extensions.POLL_OK:
        left = end - monotonic()
        poll.register(raw.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        if left <= 0 or not poll.poll(left * 1000):
            raise psycopg2.OperationalError("PostgreSQL does not answer")


def longest_statement() -> float:
    """Seconds: as long as the server lets a statement take, and a little."""
    return float(settings.DATABASE_STATEMENT_TIMEOUT / 1000 or 3600) + 1


def look_after_connection() -> None:
    """As Django does before a request: a connection that failed, or does not answer, is not used again.

    One that was asked a moment ago is believed: to ask before each alert costs an ENTRY a tenth of its time.
    """
    close_old_connections()
    if (now := monotonic()) - getattr(_waiting, "asked", -inf) < ASKED_AGAIN:
        connection.health_check_done = True  # type: ignore[attr-defined]  # of Django's; its stubs lack it
    else:
        _waiting.asked = now


@contextmanager
def answered_within(wait_ms: int) -> Iterator[None]:
    """What is asked of PostgreSQL meanwhile is given up on after so long, where `give_up_in_time` was called."""
    before = getattr(_waiting, "until", None)
    _waiting.until = monotonic() + wait_ms / 1000 + MARGIN if wait_ms else before
    try:
        yield
    finally:
        _waiting.until = before


def limits(wait_ms: int) -> str:
    """Statements that bind those after them in the transaction, for PostgreSQL. 0 is no limit."""
    return f"SET LOCAL lock_timeout = {wait_ms:d}; SET LOCAL statement_timeout = {wait_ms:d}; " if wait_ms else ""


@contextmanager
def transaction_within(wait_ms: int, deadline: float | None = None) -> Iterator[None]:
    """A transaction in which no statement begins after the deadline (monotonic), and none takes more than `wait_ms`.

    0 is no limit. Raises OutOfTimeError when there was no time left.
    """
    if not wait_ms:
        with transaction.atomic():
            yield
        return
    deadline = deadline or monotonic() + wait_ms / 1000
    left_ms = max(1, int((deadline - monotonic()) * 1000))

    unsaid = [limits(left_ms)] if connection.vendor == "postgresql" else []

    def in_time(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if monotonic() > deadline:
            raise OutOfTimeError(f"the database took longer than {wait_ms} ms")
        # The limits travel with the first statement: a round trip of their own would cost as much as an insert.
        return execute(unsaid.pop() + sql if unsaid else sql, *rest)

    # Outside the wrapper: the transaction's own end, for a rollback must not be refused.
    with (
        answered_within(left_ms),
        writer_place_within(left_ms),
        transaction.atomic(),
        connection.execute_wrapper(in_time),
    ):
        yield


@contextmanager
def writer_place_within(wait_ms: int) -> Iterator[None]:
    """On SQLite: how long to queue for the one writer's place."""
    if connection.vendor != "sqlite":
        yield
        return
    set_busy_timeout(wait_ms)
    try:
        yield
    finally:
        set_busy_timeout(int(connection.settings_dict["OPTIONS"].get("timeout", 5) * 1000))


def set_busy_timeout(wait_ms: int) -> None:
    connection.ensure_connection()
    connection.connection.execute(f"PRAGMA busy_timeout = {wait_ms:d}")
