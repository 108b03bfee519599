"""How long the database may make a sender wait: what is not stored in time is spooled instead."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from django.db import OperationalError, connection, transaction


def limits(wait_ms: int) -> str:
    """Statements that bind those after them in the transaction, for PostgreSQL. 0 is no limit."""
    return f"SET LOCAL lock_timeout = {wait_ms:d}; SET LOCAL statement_timeout = {wait_ms:d}; " if wait_ms else ""


@contextmanager
def transaction_within(wait_ms: int, deadline: float | None = None) -> Iterator[None]:
    """A transaction in which no statement begins after the deadline (monotonic), and none takes more than `wait_ms`.

    0 is no limit. Raises OperationalError when there was no time left.
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
            raise OperationalError(f"the database took longer than {wait_ms} ms")
        # The limits travel with the first statement: a round trip of their own would cost as much as an insert.
        return execute(unsaid.pop() + sql if unsaid else sql, *rest)

    # Outside the wrapper: the transaction's own end, for a rollback must not be refused.
    with writer_place_within(left_ms), transaction.atomic(), connection.execute_wrapper(in_time):
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
