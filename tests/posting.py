"""Posting alerts as TradingView does, and looking through everything that is kept of them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

from django.db import connection, connections
from django.test import Client

from signals.models import Source
from signals.receiving.senders import default_source
from signals.receiving.spool import DrainStop, spool
from signals.receiving.spooled import Spooled

WEBHOOK = "/api/automated-signals/webhook"
FIRED = datetime(2025, 12, 12, 19, 41, tzinfo=UTC)  # when TRADE's bar closes, and this alert fires
TRADE = "20251212_144000000_BULLISH"
CREATED = (
    b'{"event_type":"SIGNAL_CREATED","trade_id":"20251212_144000000_BULLISH","direction":"Bullish",'
    b'"session":"NY PM","signal_date":"2025-12-12","signal_time":"14:40:00",'
    b'"event_timestamp":"2025-12-12T14:40:00","htf_alignment":{"daily":"Bullish","h4":"Neutral",'
    b'"h1":"Bullish","m15":"Bullish","m5":"Bullish","m1":"Bullish"}}'
)


def open_source() -> Source:
    """The default source, opened by an administrator: this machine may post to it without a token."""
    source = default_source()
    source.open_on_loopback = True
    source.save(update_fields=["open_on_loopback"])
    return source


def post(
    body: bytes = CREATED, *, token: str = "", slash: str = "", content_type: str = "application/json", **meta: Any
) -> Any:
    """Post a body from this machine; `meta` are CGI variables, as REMOTE_ADDR and HTTP_X_FORWARDED_FOR."""
    path = (f"{WEBHOOK}/{token}" if token else WEBHOOK) + slash
    return Client().generic("POST", path, body, content_type=content_type, **meta)


def first_spooled() -> Spooled | None:
    """What has waited longest in the spool; it stays there."""
    waiting: list[Spooled] = []

    def look(record: Spooled) -> None:
        waiting.append(record)
        raise DrainStop("only looking")

    spool().drain(look)
    return waiting[0] if waiting else None


def rows_with(secret: str) -> list[str]:
    """Every row of every table that holds a text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [f"{table}: {row}" for row in cursor if any(secret.encode() in as_bytes(value) for value in row)]
    return found


def as_bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


@contextmanager
def another_connection_holds(*postgres: str) -> Iterator[None]:
    """Somebody else's open transaction: holding these statements' locks on PostgreSQL, the writer's place on SQLite."""
    other = connection.copy("another")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE" if other.vendor == "sqlite" else "BEGIN")
            for statement in postgres if other.vendor == "postgresql" else ():
                cursor.execute(statement)
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()


def at_once(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run actions at the same moment, each in a thread with a connection of its own; their results, or exceptions."""
    start = Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - the result of a race
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))
