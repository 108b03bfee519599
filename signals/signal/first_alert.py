"""New signals by their first alerts, in one round trip to PostgreSQL. `intake.store` does the same in six.

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
from operator import attrgetter
from typing import Any, NamedTuple
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
from psycopg2.errors import DeadlockDetected, DuplicatePreparedStatement, InvalidSqlStatementName

from signals.models import AutomatedSignal, Delivery, DeliveryBody, SignalEvent, Source
from signals.signal.joining import absorb, blank
from signals.storage.bulk import Writer, into, quoted, recordset, writer_for, writer_of
from signals.storage.deadlines import limits

from .deriving import Venue
from .saving import finish, votes_of
from .zones import Hold, is_quiet, lock_statement, plain_ruling

# Connections that know the statement. Below a pooler that swaps them the long way is the usual one.
_prepared: WeakSet[Any] = WeakSet()
ID = "trade_id"


class FirstAlert(NamedTuple):
    """A signal's first alert: the delivery with its body, and the one event that it brought."""

    delivery: Delivery
    body: DeliveryBody
    event: SignalEvent


class Statement(NamedTuple):
    """The statement as it is prepared and as it is called, and how rows of each kind become its documents."""

    text: str
    call: str
    delivery: Writer
    body: Writer
    signal: Writer
    event: Writer


def store_births(source: Source, births: Sequence[FirstAlert], *, now: datetime, wait_ms: int) -> frozenset[int]:
    """Store the deliveries, bodies and events, and the signals that these make, in one transaction. Returns their keys.

    Deliveries go in in the order that they come in, and signals after them in the order of their ids.
    No key: nothing was stored, for a delivery or signal is there already, two are of one signal, or the clock's votes
    must be read. Raises DatabaseError when the database failed, or took longer than `wait_ms` (0: as settings say).
    """
    signals = [newborn(source, birth.event, now) for birth in births]
    made = sorted((signal for signal in signals if signal is not None), key=attrgetter(ID))
    trade_ids = {signal.trade_id for signal in made}
    if len(trade_ids) < len(births):
        return frozenset()
    statement = statement_of()
    deliveries, bodies, events = zip(*births, strict=True)
    parameters = [
        *(source.pk, source.pk, json.dumps(source.zones_seen), source.bar_minutes, source.calendar),
        list(trade_ids),
        statement.delivery.as_one_document(deliveries),
        statement.body.as_one_document(bodies),
        statement.signal.as_one_document(made),
        statement.event.as_one_document(events),
    ]
    return sent(statement, f"{limits(wait_ms)}{lock_statement(Hold.SHARED)}", parameters)


def sent(statement: Statement, before: str, parameters: Sequence[Any]) -> frozenset[int]:
    """The keys that the statement returns; none when it cannot be carried out, which the long way judges."""
    # Sent at once, statements are a transaction of their own; within another one they need a savepoint.
    whole = transaction.atomic() if connection.in_atomic_block else nullcontext()
    try:
        with whole, connection.cursor() as cursor:
            raw = connection.connection
            first = "" if raw in _prepared else f"{statement.text}; "
            cursor.execute(f"{before}{first}{statement.call}", parameters)
            _prepared.add(raw)
            return frozenset(key for (key,) in cursor.fetchall())
    except (DataError, IntegrityError):
        return frozenset()  # somebody was quicker, or a value cannot be stored
    except (ProgrammingError, NotSupportedError) as error:
        if isinstance(error.__cause__, DuplicatePreparedStatement):
            _prepared.add(raw)  # an earlier call failed after preparing; the name tells that it is this very text
        return frozenset()  # or the tables have changed below the connection
    except OperationalError as error:
        if isinstance(error.__cause__, InvalidSqlStatementName):
            _prepared.discard(raw)
        elif not isinstance(error.__cause__, DeadlockDetected):
            raise
        return frozenset()


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
    # An event is told with its signal's id, and stored with that one's key.
    start = into(SignalEvent, [SignalEvent._meta.get_field("signal"), *fields])
    event = writer_for((AutomatedSignal._meta.get_field(ID), *fields), start)

    def rows(plan: Writer, after: str, mark: str) -> str:
        return f"{plan.start} SELECT {', '.join(map(quoted, plan.fields))} FROM {after}, {recordset(plan.fields, mark)}"  # noqa: S608 ours

    text = (
        "WITH free AS (SELECT 1 FROM signals_source WHERE id = $1 AND zones_seen = $2::jsonb"  # noqa: S608 our names
        " AND bar_minutes IS NOT DISTINCT FROM $3::smallint AND calendar = $4"
        f" AND NOT EXISTS (SELECT 1 FROM automated_signals WHERE source_id = $1 AND {ID} = ANY($5::text[]))),"
        f" delivery AS ({rows(delivery, 'free', '$6')} RETURNING id),"
        # Counting waits for all of them: else PostgreSQL inserts in whatever order it likes.
        " stored AS (SELECT 1 FROM delivery HAVING count(*) > 0),"
        f" body AS ({rows(body, 'stored', '$7')}),"
        f" signal AS ({rows(signal, 'stored', '$8')} RETURNING id, {ID})"
        f" {event.start} SELECT signal.id, {', '.join(f'row.{quoted(field)}' for field in fields)} FROM signal"
        f" JOIN {recordset(event.fields, '$9')} USING ({ID}) RETURNING signal_id"
    )
    # Whoever else shares the connection, another release perhaps, may use a name; not with another text.
    name = f"births_{blake2b(text.encode(), digest_size=8).hexdigest()}"
    call = f"EXECUTE {name}({', '.join(['%s'] * 9)})"
    return Statement(f"PREPARE {name} AS {text}", call, delivery, body, signal, event)
