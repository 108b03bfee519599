"""Very many stored signals in a few minutes: a simulated week, cloned into the weeks before it by the database itself.

Only PostgreSQL. A clone has the shape of its original (status, values, fills, gaps, audit) at another time and under a
trade id of its own; the newest clones have deliveries and events, too, which nobody reads of the others.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from benchmarks.databases import Database, execute
from signals.simulator import Alert, sample_history, stream, write_log

SEED_HOURS = 120  # of open market: a week
A_WEEK = 10  # clones of a signal in the same week: 60 signals an hour
WITH_EVENTS = 50  # one clone in so many
RUNS = 20_000  # a month of cycles
# Two of five originals get clones that lack what this gap asks for, so that it has very many signals.
MANY = "no_htf_alignment"

# Of less than a week, and of a minute one, so that no two have the same clone.
SETTLED = (
    "status IN ('COMPLETED', 'CANCELLED') AND trade_id ~ '^[0-9]{8}_[0-9]{6}000_'"
    " AND first_event_at > (SELECT max(first_event_at) - interval '160 hours' FROM automated_signals)"
)
SHIFTED = {
    "timestamp with time zone": "seed.{0} - copy.week * interval '7 days'",
    "date": "seed.{0} - (7 * copy.week)::int",
}
TRADE_ID = (
    "to_char(to_date(left({0}.trade_id, 8), 'YYYYMMDD') - 7 * copy.week, 'YYYYMMDD') || substr({0}.trade_id, 9, 7)"
    " || lpad(copy.nth::text, 3, '0') || substr({0}.trade_id, 19)"
)
# The key of a delivery begins with its time.
DELIVERY = (
    "(lpad(to_hex((extract(epoch FROM {0}.received_at - copy.week * interval '7 days') * 1000)::bigint), 12, '0')"
    " || '7' || substr(md5({0}.id::text || copy.n), 1, 3) || '8' || substr(md5({0}.id::text || copy.n), 4, 15))::uuid"
)
SIGNAL = {
    "trade_id": TRADE_ID.format("seed"),
    "htf_alignment": "CASE WHEN seed.id % 5 < 2 THEN NULL ELSE seed.htf_alignment END",
    "health_score": "CASE WHEN seed.id % 5 < 2 THEN greatest(0, seed.health_score - 5) ELSE seed.health_score END",
    "needs_sync": "false",
    "check_at": "NULL",
}
# Every foreign key leads to what is copied or cloned: checking that a million times takes minutes.
START = f"""
SET session_replication_role = replica; SET synchronous_commit = off; SET work_mem = '64MB';
CREATE TEMPORARY TABLE copy AS SELECT n, 1 + (n - 1) / {A_WEEK} AS week, 1 + (n - 1) % {A_WEEK} AS nth
  FROM generate_series(1, {{copies}}) n;
CREATE TEMPORARY TABLE original AS SELECT id, trade_id FROM automated_signals WHERE {SETTLED};
ANALYZE copy; ANALYZE original;
"""
# Of each original the clones' keys.
MAP = f"""
CREATE TEMPORARY TABLE made AS SELECT original.id AS old, copy.*, clone.id AS new FROM original CROSS JOIN copy
  JOIN automated_signals clone ON clone.trade_id = {TRADE_ID.format("original")};
CREATE INDEX ON made (old); ANALYZE made;
"""
# What a cycle that found them would have left.
GAPS = f"""
INSERT INTO signal_gaps (signal_id, gap, state, opened_at, tier, reason, actor)
  SELECT made.new, '{MANY}', 'open', signal.last_event_at, '', '', ''
  FROM made JOIN automated_signals signal ON signal.id = made.new WHERE made.old % 5 < 2;
"""
GAP_TOTALS = """
DELETE FROM gap_totals; INSERT INTO gap_totals (gap, open)
  SELECT gap, count(*) FROM signal_gaps WHERE state = 'open' GROUP BY gap;
"""
# As cycles do with time. Before millions of entries that are not sealed each of them would, for its two seconds.
SEAL = ("verify_audit", "--seal", "--head")


def seed(database: Database, now: datetime, hours: int = SEED_HOURS) -> None:
    """Import the sample history up to `now`, and run a cycle over it."""
    take_logs(database, map(stream, sample_history(now, hours)))
    database.manage("runsync")


def take_logs(database: Database, alerts: Iterable[Iterable[Alert]]) -> None:
    """Import logs of these alerts."""
    logs = []
    for number, each in enumerate(alerts):
        logs.append(database.directory / f"seed-{number}.csv")
        with logs[-1].open("w", newline="") as file:
            write_log(each, file)
    database.manage("import_alerts", *map(str, logs), "--json")


def clone_signals(database: Database, count: int) -> int:
    """Clone what is settled of the stored signals until there are `count`; returns how many there are then."""
    [[stored]] = execute(database.url, "SELECT count(*) FROM automated_signals")
    [[settled]] = execute(database.url, f"SELECT count(*) FROM automated_signals WHERE {SETTLED}")
    copies = -(-(count - stored) // settled)
    if copies > 0:
        execute(database.url, script(database, copies))
    database.tidy()
    [[total]] = execute(database.url, "SELECT count(*) FROM automated_signals")
    database.manage(*SEAL)
    return int(total)


def script(database: Database, copies: int) -> str:
    """The statements that clone every settled signal so often."""
    recent = max(1, copies // WITH_EVENTS)
    made = "JOIN made copy ON copy.old = seed.signal_id"
    of_signal = {"signal_id": "copy.new"}
    return "\n".join([
        START.replace("{copies}", str(copies)),
        cloned(database, "automated_signals", "JOIN original USING (id) CROSS JOIN copy", SIGNAL),
        MAP,
        cloned(database, "signal_fills", made, of_signal),
        cloned(database, "sync_audit_log", f"{made} ORDER BY seed.at - copy.week * interval '7 days'", of_signal),
        cloned(database, "signal_gaps", f"{made} WHERE seed.gap <> '{MANY}'", of_signal),
        GAPS,
        GAP_TOTALS,
        cloned(database, "deliveries", f"JOIN copy ON copy.n <= {recent}",
               {"id": DELIVERY.format("seed"), "checksum": "md5(seed.checksum || copy.n)"}),
        cloned(database, "delivery_bodies",
               f"JOIN deliveries delivery ON delivery.id = seed.id JOIN copy ON copy.n <= {recent}",
               {"id": DELIVERY.format("delivery")}),
        cloned(database, "signal_events",
               f"{made} JOIN deliveries delivery ON delivery.id = seed.delivery_id WHERE copy.n <= {recent}",
               of_signal | {"delivery_id": DELIVERY.format("delivery")}),
    ])  # fmt: skip


def clone_runs(database: Database) -> None:
    """A month of cycles like the one that there is, two minutes apart, with their snapshots."""
    minutes = f"CROSS JOIN (SELECT n / 5040.0 AS week FROM generate_series(1, {RUNS}) n ORDER BY n DESC) copy"
    other = "JOIN sync_runs run ON run.id <> seed.run_id CROSS JOIN (SELECT 0 AS week) copy"
    runs = cloned(database, "sync_runs", minutes, {"trigger": "'schedule'"})
    metrics = cloned(database, "signal_health_metrics", other, {"run_id": "run.id", "at": "run.as_of"})
    execute(database.url, runs + metrics)


def cloned(database: Database, name: str, rest: str, others: Mapping[str, str], origin: str = "") -> str:
    """INSERT … SELECT of all columns of a table but its key, times shifted, some replaced. `seed` is the original, of
    the same table or of `origin`."""
    columns = execute(
        database.url,
        "SELECT column_name, data_type FROM information_schema.columns"
        f" WHERE table_name = '{name}' AND table_schema = 'public' ORDER BY ordinal_position",
    )
    shifted = {column: SHIFTED.get(kind, "seed.{0}").format(column) for column, kind in columns}
    values = shifted | dict(others)
    if "id" not in others:
        values.pop("id")
    names, found = ", ".join(values), ", ".join(values.values())
    return f"INSERT INTO {name} ({names}) SELECT {found} FROM {origin or name} seed {rest} ON CONFLICT DO NOTHING;"
