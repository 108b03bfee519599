"""Years of history in one PostgreSQL database: a simulated week with all its rows, copied into the years before.

`python -m benchmarks.filling NAME EVENTS` makes a database that stays, for `python -m benchmarks history` to measure.
Unlike the clones of `benchmarks.populate`, every signal has all its events and every event its delivery, with a body in
the partition of its month. Rows lie on the disk in the order of the weeks, as those that came one after the other.
"""

import shutil
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2

from benchmarks.active import LENGTH, clone_active
from benchmarks.alerts import compact
from benchmarks.databases import Database, drop, execute, made, note
from benchmarks.indexes import without_indexes
from benchmarks.populate import DELIVERY, GAP_TOTALS, MANY, SEAL, SETTLED, SIGNAL, clone_runs, cloned, take_logs
from benchmarks.sizes import FULL, Size
from signals.clock import NEW_YORK, instant, local
from signals.market import market
from signals.simulator import Alert, Scenario, sample_history, stream

A_WEEK = 6  # copies of each signal in the same week: 26 signals an hour
WRITERS = 2
WEEK = timedelta(days=7)
LOSS = 0.02  # of alerts; the sample history loses more
LEFT = 15 * 2**30  # bytes that stay free on the disk
TO_COME = 150  # bytes on the disk for each event until all indexes are made
TABLES = ("signal_events", "deliveries", "automated_signals", "signal_fills", "sync_audit_log", "signal_gaps")
MAKE_PARTITIONS = """
from datetime import datetime
from django.db import connection
from reconciliation.guarding.triggers import put_up_on_partitions
from signals.partitions import Month, make
months = [Month.of(datetime.fromisoformat("{start}"))]
while months[-1] < Month.of(datetime.fromisoformat("{end}")): months.append(months[-1].next)
make(months)
put_up_on_partitions(connection.cursor())
"""

COUNTED = f"""
SELECT count(*), (SELECT max(id) FROM automated_signals) FROM signal_events
  WHERE signal_id IN (SELECT id FROM automated_signals WHERE {SETTLED})
"""
# What is copied again and again, kept apart from the tables that grow. A delivery that a log brought becomes one that a
# webhook brought when it fired, and counts the events that go with it: not those of signals that still run.
SEEDS = f"""
SET session_replication_role = replica; SET synchronous_commit = off; SET work_mem = '256MB'; SET timezone = 'UTC';
CREATE TEMPORARY TABLE seed_signals AS SELECT * FROM automated_signals WHERE {SETTLED} ORDER BY id;
CREATE TEMPORARY TABLE seed_events AS SELECT event.* FROM signal_events event
  JOIN seed_signals signal ON signal.id = event.signal_id ORDER BY event.id;
CREATE TEMPORARY TABLE seed_deliveries AS SELECT * FROM deliveries
  WHERE id IN (SELECT delivery_id FROM seed_events) ORDER BY fired_at, id;
UPDATE seed_deliveries SET channel = 'webhook', received_at = fired_at, fired_at = NULL, alert_id = '', log_status = '',
  ticker = '', event_count = told.number
  FROM (SELECT delivery_id, count(*) AS number FROM seed_events GROUP BY 1) told WHERE told.delivery_id = id;
CREATE TEMPORARY TABLE seed_bodies AS SELECT * FROM delivery_bodies WHERE id IN (SELECT id FROM seed_deliveries);
CREATE TEMPORARY TABLE seed_fills AS SELECT * FROM signal_fills
  WHERE signal_id IN (SELECT id FROM seed_signals) ORDER BY id;
CREATE TEMPORARY TABLE seed_audit AS SELECT * FROM sync_audit_log
  WHERE signal_id IN (SELECT id FROM seed_signals) ORDER BY id;
CREATE TEMPORARY TABLE seed_gaps AS SELECT * FROM signal_gaps
  WHERE signal_id IN (SELECT id FROM seed_signals) AND gap <> '{MANY}' ORDER BY id;
CREATE TEMPORARY TABLE made (old uuid, new uuid);
ANALYZE seed_signals; ANALYZE seed_events; ANALYZE seed_deliveries;
"""
COPY = "CROSS JOIN (SELECT {n} AS n, {week} AS week, {nth} AS nth) copy"
KEYS = f"""
TRUNCATE made; INSERT INTO made SELECT seed.id, {DELIVERY.format("seed")} FROM seed_deliveries seed {COPY};
ANALYZE made;
"""
# What a cycle that found them would have left.
GAPS = f"""
INSERT INTO signal_gaps (signal_id, gap, state, opened_at, tier, reason, actor)
  SELECT seed.id + {{span}} * copy.n, '{MANY}', 'open', seed.last_event_at - copy.week * interval '7 days', '', '', ''
  FROM seed_signals seed {COPY} WHERE seed.id % 5 < 2;
"""
SEQUENCE = "SELECT setval(pg_get_serial_sequence('automated_signals', 'id'), max(id)) FROM automated_signals"


class Filled(NamedTuple):
    """What a filled database holds: how many events, when its running signals open, and seconds by step."""

    events: int
    opening: datetime
    seconds: Mapping[str, float]

    @property
    def text(self) -> dict[str, Any]:
        return {**self._asdict(), "opening": self.opening.isoformat()}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Filled":
        return cls(told["events"], datetime.fromisoformat(told["opening"]), told["seconds"])


def fill(database: Database, events: int, size: Size) -> Filled:
    """Store at least so many events of the years until now, and running signals.

    Raises RuntimeError when the disk gets full.
    """
    opening = last_opening(datetime.now(UTC))
    steps = Steps()
    week = week_before(opening + LENGTH - timedelta(days=1), size.seed_hours)
    take_logs(database, [stream(week)])
    take_logs(database, [endings(database, week)])
    database.manage("runsync")
    clone_runs(database)
    steps.done("a week simulated, imported and synced")
    with without_indexes(database.url, TABLES):
        copy_week(database, events, opening)
        steps.done("rows copied")
    steps.done("indexes made")
    execute(database.url, GAP_TOTALS + SEQUENCE)
    database.manage(*SEAL)
    steps.done("audit log sealed")
    database.run("-m", "benchmarks.active", opening.isoformat())
    clone_active(database, size.active_signals, opening)
    steps.done("running signals, VACUUM ANALYZE")
    [[stored]] = execute(database.url, "SELECT count(*) FROM signal_events")
    return Filled(stored, opening, steps.seconds)


class Steps:
    """Says what is done, and how long it took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def done(self, step: str) -> None:
        now = time.monotonic()
        self.seconds[step], self._since = now - self._since, now
        print(f"{datetime.now(UTC):%H:%M:%S} {step}: {self.seconds[step]:.0f} s", file=sys.stderr, flush=True)


def last_opening(now: datetime) -> datetime:
    """The latest 10:00 in New York that began a whole hour of trading, and more, which is over."""
    hours, day = market(), local(now, NEW_YORK).replace(hour=10, minute=0, second=0, microsecond=0, tzinfo=None)
    while True:
        opening = instant(day, NEW_YORK)
        whole = LENGTH // timedelta(minutes=1)
        if opening + LENGTH < now and hours.open_minutes(opening, opening + LENGTH) == whole:
            return opening
        day -= timedelta(days=1)


def week_before(now: datetime, hours: int) -> Scenario:
    """The newest dialect alone, with batches of updates, over so many open hours."""
    first, *_, latest = sample_history(now, hours)
    return replace(latest, start=first.start, loss=LOSS)


def endings(database: Database, week: Scenario) -> Iterator[Alert]:
    """Both exits, in the week's last minute, of all trades that still run: else their copies would run for years."""
    running = "SELECT trade_id, direction FROM automated_signals WHERE status = 'CONFIRMED' ORDER BY id"
    for trade_id, direction in execute(database.url, running):
        for kind in ("EXIT_BREAK_EVEN", "EXIT_STOP_LOSS"):
            body = compact({"event_type": kind, "trade_id": trade_id, "direction": direction})
            yield Alert(week.end, body, week.alert_id, week.ticker, kind)


def copy_week(database: Database, events: int, opening: datetime) -> None:
    """Copy all that is settled of the week, the oldest copies first, until there are so many events."""
    [[settled, span]] = execute(database.url, COUNTED)
    copies = -(-events // settled)
    oldest = opening - (copies // A_WEEK + 3) * WEEK
    database.manage("shell", "-c", MAKE_PARTITIONS.format(start=oldest.isoformat(), end=opening.isoformat()))
    statements = script(database)
    values = [
        {"n": n, "week": 1 + (n - 1) // A_WEEK, "nth": 1 + (n - 1) % A_WEEK, "span": span, "rest": n * settled}
        for n in range(copies, 0, -1)
    ]
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(lambda k: copy_some(database, statements, values[k::WRITERS]), range(WRITERS)))


def copy_some(database: Database, statements: str, copies: Sequence[Mapping[str, int]]) -> None:
    with closing(psycopg2.connect(database.url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(SEEDS)
        for number, values in enumerate(copies):
            check_room(cursor, copies[0]["rest"])
            cursor.execute(statements.format(**values))
            if number % 20 == 0:
                print(f"{datetime.now(UTC):%H:%M:%S} {values['rest']:,} events to go", file=sys.stderr, flush=True)


def script(database: Database) -> str:
    """The statements that make one copy of the week, with {n}, {week}, {nth} and {span} to be put in."""
    signal = {"signal_id": "seed.signal_id + {span} * copy.n"}
    made = f"JOIN made ON made.old = seed.id {COPY}"
    rows: Sequence[tuple[str, str, str, Mapping[str, str]]] = (
        ("automated_signals", "seed_signals", COPY, SIGNAL | {"id": "seed.id + {span} * copy.n"}),
        ("deliveries", "seed_deliveries", made, {"id": "made.new", "checksum": "md5(seed.checksum || copy.n)"}),
        ("delivery_bodies", "seed_bodies", made, {"id": "made.new"}),
        ("signal_events", "seed_events", f"JOIN made ON made.old = seed.delivery_id {COPY}",
         signal | {"delivery_id": "made.new"}),
        ("signal_fills", "seed_fills", COPY, signal),
        ("sync_audit_log", "seed_audit", COPY, signal),
        ("signal_gaps", "seed_gaps", COPY, signal),
    )  # fmt: skip
    copied = (cloned(database, table, rest, others, origin) for table, origin, rest, others in rows)
    return "\n".join([KEYS, *copied, GAPS])


def check_room(cursor: Any, events: int) -> None:
    """Raises RuntimeError where the disk would not have LEFT bytes free when so many events are stored and indexed."""
    cursor.execute("SHOW data_directory")
    place = Path(cursor.fetchone()[0])
    free = shutil.disk_usage(place).free if place.is_dir() else inf  # of another machine nothing is known
    if free < LEFT + TO_COME * events:
        raise RuntimeError(f"{free / 2**30:.0f} GiB are free on the disk: not enough for {events:,} events")


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks.filling", description=__doc__)
    parser.add_argument("name", help="of the database, which is made anew")
    parser.add_argument("events", type=int, help="how many, about")
    asked = parser.parse_args()
    try:
        with made(asked.name) as database:
            note(database, fill(database, asked.events, FULL).text)
    except BaseException:
        drop(asked.name)
        raise


if __name__ == "__main__":
    main()
