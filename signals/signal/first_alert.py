"""A new signal by its first alert, in one round trip to PostgreSQL. `intake.store` does the same in six.

Only for what can be decided without asking: the statement looks whether that was so, and else writes nothing, for the
long way to be taken. It is prepared once per connection, as planning it costs as much as carrying it out.
docs/performance.md says what this saves.
"""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import cache
from hashlib import blake2b
from itertools import count
from typing import Any, NamedTuple, cast
from weakref import WeakSet

from django.db import (
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from psycopg2.errors import DuplicatePreparedStatement, InvalidSqlStatementName

from signals.models import AutomatedSignal, Delivery, DeliveryBody, SignalEvent, Source
from signals.signal.joining import absorb, blank
from signals.storage.bulk import Writer, into, writer_for, writer_of
from signals.storage.deadlines import limits

from .deriving import Venue
from .saving import finish, votes_of
from .zones import Hold, is_quiet, lock_statement, plain_ruling

# Connections that know the statement. Below a pooler that swaps them the long way is the usual one.
_prepared: WeakSet[Any] = WeakSet()


class Statement(NamedTuple):
    """The statement as it is prepared and as it is called, and what each of the four rows gives it."""

    text: str
    call: str
    delivery: Writer
    body: Writer
    signal: Writer
    event: Writer


def store_birth(
    source: Source, delivery: Delivery, body: DeliveryBody, event: SignalEvent, *, now: datetime, wait_ms: int
) -> int | None:
    """Store a delivery with body, its one event and the signal that it makes, in a transaction; return that one's key.

    None: nothing was stored, for delivery or signal are there already, or the clock's votes must be read. Raises
    DatabaseError when the database failed, or took longer than `wait_ms` (0: as the settings say).
    """
    signal = newborn(source, event, now)
    if signal is None:
        return None
    statement = statement_of()
    parameters = [
        *(source.pk, source.pk, json.dumps(source.zones_seen), source.bar_minutes, source.calendar),
        *(source.pk, signal.trade_id),
        *statement.delivery.parameters([delivery]),
        *statement.body.parameters([body]),
        *statement.signal.parameters([signal]),
        *statement.event.parameters([event]),
    ]
    made = sent(statement, f"{limits(wait_ms)}{lock_statement(Hold.SHARED)}", parameters)
    return int(made[0]) if made else None


def sent(statement: Statement, before: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
    """What the statement returns; None also when it cannot be carried out, which is for the long way to judge."""
    # Sent at once, statements are a transaction of their own; within another one they need a savepoint.
    whole = transaction.atomic() if connection.in_atomic_block else nullcontext()
    try:
        with whole, connection.cursor() as cursor:
            raw = connection.connection
            first = "" if raw in _prepared else f"{statement.text}; "
            cursor.execute(f"{before}{first}{statement.call}", parameters)
            _prepared.add(raw)
            return cast("tuple[Any, ...] | None", cursor.fetchone())
    except (DataError, IntegrityError):
        return None  # somebody was quicker, or a value cannot be stored
    except (ProgrammingError, NotSupportedError) as error:
        if isinstance(error.__cause__, DuplicatePreparedStatement):
            _prepared.add(raw)  # an earlier call failed after preparing; the name tells that it is this very text
        return None  # or the tables have changed below the connection
    except OperationalError as error:
        if not isinstance(error.__cause__, InvalidSqlStatementName):
            raise
        _prepared.discard(raw)
        return None


def newborn(source: Source, event: SignalEvent, now: datetime) -> AutomatedSignal | None:
    """The signal that the event makes, in memory; None when its zone cannot be told without asking."""
    votes = votes_of([event])
    if not is_quiet(source, votes):
        return None
    signal = blank(source.pk, event.trade_id, event.symbol)
    absorb(signal, [event])
    ruling = plain_ruling(signal, source, set(source.zones_seen))
    if ruling is None:
        return None
    signal.clock_zone, signal.clock_by = ruling
    finish(signal, Venue.of(source), now)
    return signal


@cache
def statement_of() -> Statement:
    delivery, body = writer_of(Delivery, with_key=False), writer_of(DeliveryBody, with_key=False)
    signal = writer_of(AutomatedSignal, with_key=False)
    fields = [field for field in writer_of(SignalEvent, with_key=False).fields if field.name != "signal"]
    event = writer_for(tuple(fields), into(SignalEvent, [SignalEvent._meta.get_field("signal"), *fields]))
    number = count(1)

    def places(plan: Writer) -> str:
        return ", ".join(f"${next(number)}" for _ in plan.fields)

    text = (
        f"WITH free AS (SELECT 1 FROM signals_source WHERE id = ${next(number)}"  # noqa: S608 our names
        f" AND zones_seen = ${next(number)}::jsonb AND bar_minutes IS NOT DISTINCT FROM ${next(number)}::smallint"
        f" AND calendar = ${next(number)} AND NOT EXISTS (SELECT 1 FROM automated_signals"
        f" WHERE source_id = ${next(number)} AND trade_id = ${next(number)})),"
        f" delivery AS ({delivery.start} SELECT {places(delivery)} FROM free ON CONFLICT DO NOTHING RETURNING id),"
        f" body AS ({body.start} SELECT {places(body)} FROM delivery),"
        f" signal AS ({signal.start} SELECT {places(signal)} FROM delivery RETURNING id)"
        f" {event.start} SELECT signal.id, {places(event)} FROM signal RETURNING signal_id"
    )
    # Whoever else shares the connection, another release perhaps, may use a name; not with another text.
    name = f"birth_{blake2b(text.encode(), digest_size=8).hexdigest()}"
    marks = ", ".join(["%s"] * (next(number) - 1))
    return Statement(f"PREPARE {name} AS {text}", f"EXECUTE {name}({marks})", delivery, body, signal, event)
