"""Signals that run, of which a cycle has much to heal: `python -m benchmarks.active [OPENING]` takes in the alerts of a
few.

`clone_active` has the database copy their rows, and `damage` makes the rows forget what the events still tell.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import django
from django.db import connection

from benchmarks.alerts import compact, first
from benchmarks.databases import Database, execute
from benchmarks.populate import cloned
from signals.clock import NEW_YORK, local

OPENING = datetime(2025, 1, 8, 15, 0, tzinfo=UTC)  # a Wednesday, 10:00 in New York
LENGTH = timedelta(minutes=63)
NOW = OPENING + LENGTH
TAKEN_IN = 40
UPDATES = 20
STRIDE = 1_000  # between the keys of a row and of its next copy
MINUTE = timedelta(minutes=1)

# What a row loses. MFE, its targets and all that SIGNAL_CREATED said are missing then, and so is the confirmation.
LOST = (
    "htf_alignment", "htf_conflict", "confirmation_time", "bars_to_confirmation", "session", "session_label",
    "stated_time", "signal_time", "signal_date", "signal_time_str", "targets", "targets_extended", "be_mfe",
    "no_be_mfe",
)  # fmt: skip

Alert = tuple[dict[str, Any], datetime]


def ours(opening: datetime) -> str:
    """The condition of these signals in SQL."""
    return f"trade_id LIKE '{local(opening, NEW_YORK):%Y%m%d_%H}%'"


def alerts(opening: datetime) -> Iterator[Alert]:
    """Created, confirmed two bars later, and updated in each of the last minutes."""
    created, entry, batch = map(first, ("SIGNAL_CREATED", "ENTRY", "MFE_UPDATE_BATCH"))
    for number in range(TAKEN_IN):
        opened = opening + number // 2 * MINUTE
        there = local(opened, NEW_YORK)
        trade_id = f"{there:%Y%m%d_%H%M}{number % 2}0000_BULLISH"
        own = {"trade_id": trade_id, "direction": "Bullish", "session": "NY AM"}
        yield {**created, **own, "event_timestamp": f"{there:%FT%T}"}, opened + MINUTE
        yield {**entry, **own, "event_timestamp": f"{there:%FT%T}"}, opened + 3 * MINUTE
        for ago in reversed(range(UPDATES)):
            measured = {"trade_id": trade_id, "direction": "Bullish", "be_mfe": ago / 64, "no_be_mfe": ago / 64}
            yield {**batch, "signals": [{**batch["signals"][0], **measured}]}, opening + LENGTH - ago * MINUTE


def take(opening: datetime) -> None:
    """Take the alerts in as an imported log's, in the order of their fire times."""
    from signals.intake import take_in
    from signals.parcels import Incoming
    from signals.receiving.senders import default_source
    from signals.vocabulary import Channel

    items = [
        Incoming(body=compact(body), received_at=fired, fired_at=fired, channel=Channel.LOG)
        for body, fired in sorted(alerts(opening), key=lambda alert: alert[1])
    ]
    taken = take_in(default_source(), items, now=opening + LENGTH)
    assert {outcome.status for outcome in taken.outcomes} == {"accepted"}


def clone_active(database: Database, count: int, opening: datetime = OPENING) -> None:
    """Copy signals and events until `count` signals run. A copied event stands in the delivery of the first."""
    evidence = """replace(seed.provenance::text, ':0"', ':' || copy.n || '"')::jsonb"""
    signal = {
        "id": f"seed.id + {STRIDE} * copy.n",
        "trade_id": "left(seed.trade_id, 14) || lpad(copy.n::text, 4, '0') || substr(seed.trade_id, 19)",
        "provenance": evidence,
    }
    event = {"signal_id": f"seed.signal_id + {STRIDE} * copy.n", "position": "copy.n"}
    execute(
        database.url,
        "SET session_replication_role = replica; SET synchronous_commit = off;"
        f" CREATE TEMPORARY TABLE copy AS SELECT n, 0 AS week FROM generate_series(1, {count // TAKEN_IN - 1}) n;"
        f" CREATE TEMPORARY TABLE original AS SELECT id FROM automated_signals WHERE {ours(opening)};"
        + cloned(database, "automated_signals", "JOIN original USING (id) CROSS JOIN copy", signal)
        + cloned(database, "signal_events", "JOIN original ON original.id = seed.signal_id CROSS JOIN copy", event)
        + "SELECT setval(pg_get_serial_sequence('automated_signals', 'id'), max(id)) FROM automated_signals",
    )
    database.tidy()


def damage(opening: datetime = OPENING) -> None:
    """Make the rows forget, and mark them as changed. What an earlier cycle filled is gone, too.

    Dead rows are cleared away at once: autovacuum, which cannot keep up with a benchmark, would do so in between.
    """
    forgotten = ", ".join([*(f"{name} = NULL" for name in LOST), "mfe_as_of = first_event_at"])
    these = ours(opening)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM signal_fills WHERE signal_id IN (SELECT id FROM automated_signals WHERE {these})")
        cursor.execute(f"UPDATE automated_signals SET {forgotten}, needs_sync = TRUE, check_at = NULL WHERE {these}")
        cursor.execute("VACUUM ANALYZE automated_signals, signal_fills")


if __name__ == "__main__":
    django.setup()
    take(datetime.fromisoformat(sys.argv[1]) if sys.argv[1:] else OPENING)
