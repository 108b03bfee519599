"""A hundred million events: intake, cycles and pages, beside the same among one week's. Only PostgreSQL."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks import cycle, importing, pages
from benchmarks.alerts import BATCH, Bodies
from benchmarks.databases import Database, Databases, execute, found, noted, postgres
from benchmarks.filling import A_WEEK, LOSS, Filled, fill
from benchmarks.load import Load
from benchmarks.report import Section, table
from benchmarks.sizes import Size
from benchmarks.webhook import CONNECTIONS, HEAD, PACE, in_turns, paced_target, row, signalsync

KEPT = "BENCH_HISTORY"
"""The variable that names a database that `benchmarks.filling` has filled; without it one is filled, and dropped."""
NUMBERS = 120_000  # of trade ids, for each who sends
TAKEN = ("median ms", "CPU ms", "PostgreSQL's")
# Partitions count for their table. Rows are the planner's estimate.
SIZES = """
SELECT coalesce(parent.relname, own.relname), sum(greatest(own.reltuples, 0))::bigint,
       (sum(pg_table_size(own.oid)) / 1048576)::int, (sum(pg_indexes_size(own.oid)) / 1048576)::int
FROM pg_class own LEFT JOIN pg_inherits ON inhrelid = own.oid LEFT JOIN pg_class parent ON parent.oid = inhparent
WHERE own.relkind = 'r' AND own.relnamespace = 'public'::regnamespace
GROUP BY 1 HAVING sum(pg_total_relation_size(own.oid)) > 1048576 ORDER BY sum(pg_total_relation_size(own.oid)) DESC
"""
KEYS = """
SELECT (SELECT max(id) FROM automated_signals), (SELECT max(id) FROM signal_events),
       (SELECT id FROM deliveries ORDER BY id DESC LIMIT 1), (SELECT coalesce(max(id), 0) FROM signals_pricebar)
"""
FORGET = """
SET session_replication_role = replica;
DELETE FROM signal_events WHERE id > {1}; DELETE FROM automated_signals WHERE id > {0};
DELETE FROM delivery_bodies WHERE id > '{2}'; DELETE FROM deliveries WHERE id > '{2}';
DELETE FROM signals_pricebar WHERE id > {3};
"""

Pair = Sequence[Database]


def measure(size: Size, databases: Databases = postgres) -> Section:
    with stored(size, databases) as (history, filled), databases("week") as week:
        few, pair = fill(week, 1, size), (week, history)
        disk = sizes(history)
        cycles = cycle.in_turns([(week, few.opening), (history, filled.opening)], size)
        timed = pages.served(history, size)
        [keys] = execute(history.url, KEYS)
        took, (posts, paced) = taken(pair, size), posted(pair, size)
        micros = importing.probed(pair, size.history_rows, size.probes)
        execute(history.url, FORGET.format(*keys))  # so that one that stays can be measured again
    counts = few.events, filled.events
    parts = (
        explained(filled, size), steps(filled), taken_table(took, counts), table(HEAD, posts),
        importing.growth_table(micros, counts), cycle_table(cycles, counts), pages.times(timed), disk,
    )  # fmt: skip
    targets = [
        paced_target(paced),
        importing.rate_target(size.history_rows, 1e6 / micros["telemetry"][1]),
        importing.growth_target(micros),
        cycle.damaged_target(cycles[1]),
        *cycle.growth_targets(*cycles),
        *pages.targets(timed),
    ]
    return Section("Years of history", "\n\n".join(parts), targets)


@contextmanager
def stored(size: Size, databases: Databases) -> Iterator[tuple[Database, Filled]]:
    """The filled database: the one that stays, or one for this measuring."""
    if name := os.environ.get(KEPT):
        with found(name) as database:
            yield database, Filled.of(noted(database))
    else:
        with databases("history") as database:
            yield database, fill(database, size.history_events, size)


def taken(pair: Pair, size: Size) -> list[dict[str, Any]]:
    """What `take_in` cost in each database, by kind: seconds of CPU of each turn, and by the clock of each alert."""
    pooled: list[dict[str, Any]] = [{}, {}]
    for turn in range(size.turns):
        for database, kinds in zip(pair, pooled, strict=True):
            begin = (turn + 1) * NUMBERS
            told = json.loads(database.run("-m", "benchmarks.taker", str(size.taken), str(begin)))
            for kind, spent in told.items():
                kept = kinds.setdefault(kind, {"times": [], "cpu": [], "database": []})
                kept["times"] += spent["times"]
                kept["cpu"].append(spent["cpu"])
                kept["database"].append(spent["database"])
    return pooled


def taken_table(took: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> str:
    head = ("taken in by a process", *(f"{what}, {count:,} events" for count in counts for what in TAKEN))
    rows = [
        (kind, *(1000 * median(one[kind][name]) for one in took for name in ("times", "cpu", "database")))
        for kind in took[0]
    ]
    return table(head, rows)


def posted(pair: Pair, size: Size) -> tuple[Sequence[Sequence[object]], Load]:
    """What the front doors before both databases did in turns, as rows; and the second one at a given pace."""
    bodies = Bodies(datetime.now(UTC))
    groups = [[bodies.trade_id() for _ in range(BATCH)] for _ in range(CONNECTIONS)]
    with signalsync(pair[0], size.web_workers, "a week") as few, signalsync(pair[1], size.web_workers, "years") as many:
        servers = (few, many)
        for server in servers:
            server.post(bodies.entry(trade_id) for group in groups for trade_id in group)
        entries = in_turns(servers, bodies.entries(), size)
        batches = in_turns(servers, bodies.batches(groups), size, crowded=True)
        paced = [server.post(bodies.entries(), seconds=size.paced_seconds, pace=PACE) for server in servers]
    kinds = (("ENTRY", entries), ("batch", batches), (f"ENTRY, {PACE} posts/s", [[load] for load in paced]))
    rows = [
        row(f"{kind}, {server.name}", rounds)
        for kind, loads in kinds
        for server, rounds in zip(servers, loads, strict=True)
    ]
    return rows, paced[1]


def cycle_table(cycles: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> str:
    return table(
        cycle.HEAD,
        [
            cycle.line(f"{what}, {count:,} events stored", done[kind])
            for kind, what in (("damaged", "damaged signals"), ("idle", "idle"))
            for done, count in zip(cycles, counts, strict=True)
        ],
    )


def steps(filled: Filled) -> str:
    return table(("filling", "seconds"), filled.seconds.items())


def sizes(database: Database) -> str:
    rows = execute(database.url, SIZES)
    return table(("table", "rows", "MiB", "its indexes, MiB"), rows)


def explained(filled: Filled, size: Size) -> str:
    return (
        f"{filled.events:,} events of the years until now: a simulated week of the newest dialect (batches of updates"
        f" each minute, {LOSS:.0%} of the alerts lost), imported and synced, and its copies in the weeks before,"
        f" {A_WEEK} in each week, with their deliveries, bodies, fills, audit entries (sealed) and gap records"
        " (`benchmarks/filling.py`); two signals in five lack one gap's value. A copied body is that of its original."
        f" Then indexes, VACUUM ANALYZE, and {size.active_signals:,} running signals. Beside it a database with the"
        " week and one copy; both take turns. What is measured and the targets are those of Webhook, Import into a"
        f" grown database (logs of {size.history_rows:,} rows), Cycle and Pages."
    )
