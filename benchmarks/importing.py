"""`import_alerts`: rows per second, memory, and whether either follows what is stored already."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.alerts import write
from benchmarks.databases import Database, Databases, postgres
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size

RATE = 3_000  # rows a second
MEMORY = 200  # MiB
LONG_AGO = datetime(2010, 1, 4, tzinfo=UTC)
LATELY = datetime(2025, 1, 6, tzinfo=UTC)
KINDS = {"telemetry": "one event a row", "mixed": "batches"}
MIX = (
    "One event a row: telemetry (ENTRY, an MFE_UPDATE a minute, BE, both exits). Batches: telemetry and a batch a"
    " minute, which makes 15 events a row. Both from `signals.simulator`, seed 1, of 7 signals an hour."
)


def run(database: Database, *logs: Path) -> dict[str, Any]:
    """Import logs one after the other in one process of its own (benchmarks/importer.py)."""
    done: dict[str, Any] = json.loads(database.run("-m", "benchmarks.importer", *map(str, logs)))
    return done


def measure(size: Size, databases: Databases = postgres) -> Section:
    results = {}
    for dialect, rows in (("telemetry", size.rows), ("mixed", size.batch_rows)):
        with databases("import") as database:
            log = write(database.directory / "log.csv", dialect, rows, LATELY)
            done = run(database, log)
            results[dialect] = {**done["logs"][0], "peak_mib": done["peak_mib"]}
    head = ("log", "rows", "events", "signals", "seconds", "rows/s", "events/s", "CPU s", "peak MiB")
    lines = [
        (KINDS[dialect], *(one[key] for key in ("rows", "events", "signals_created")), *speed(one))
        for dialect, one in results.items()
    ]
    text = "The command in a process of its own on an empty database; starting Python and Django is not counted."
    return Section("Import", f"{text} {MIX}\n\n{table(head, lines)}", import_targets(results))


def speed(one: dict[str, Any]) -> tuple[float, ...]:
    seconds = one["seconds"]
    return seconds, one["rows"] / seconds, one["events"] / seconds, one["cpu_seconds"], one["peak_mib"]


def import_targets(results: dict[str, dict[str, Any]]) -> list[Target]:
    one = results["telemetry"]
    peak = max(each["peak_mib"] for each in results.values())
    return [
        rate_target(one["rows"], one["rows"] / one["seconds"]),
        Target("peak memory of the process", f"under {MEMORY} MiB", f"{peak:.0f} MiB", peak < MEMORY),
    ]


def rate_target(rows: int, rate: float) -> Target:
    return Target(f"rows/s of {rows:,} rows", f"at least {RATE:,}", f"{rate:,.0f}", rate >= RATE)


def measure_growth(size: Size, databases: Databases = postgres) -> Section:
    """Time per row with few and with many events stored. The same probes go into both databases, in turns."""
    with databases("few") as few, databases("many") as many:
        stored = [fill(few, size.few_events), fill(many, size.many_events)]
        micros = probed((few, many), size.probe_rows, size.probes)
    body = f"{how_grown(size)}\n\n{growth_table(micros, stored)}"
    return Section("Import into a grown database", body, [growth_target(micros)])


def probed(pair: Sequence[Database], rows: int, turns: int) -> dict[str, list[float]]:
    """Microseconds a row, by kind of log, of each database. The same logs of so many rows go into both, in turns."""
    times: dict[str, list[list[float]]] = {kind: [[], []] for kind in KINDS}
    for turn in range(turns):
        for dialect in KINDS:
            logs = probe(pair[0].directory, dialect, rows, turn)
            for database, seconds in zip(pair, times[dialect], strict=True):
                seconds.append(run(database, *logs)["logs"][-1]["seconds"] / rows)
    return {kind: [1e6 * median(each) for each in both] for kind, both in times.items()}


def growth_table(micros: dict[str, list[float]], stored: Sequence[int]) -> str:
    head = ("log", f"µs a row at {stored[0]:,} events", f"at {stored[1]:,}", "growth")
    return table(head, [(KINDS[kind], few, many, many / few) for kind, (few, many) in micros.items()])


def growth_target(micros: dict[str, list[float]]) -> Target:
    worst = max(many / few for few, many in micros.values())
    return Target("time per row, many stored against few", "no worse (at most 1.10)", f"{worst:.2f}", worst <= 1.1)


def how_grown(size: Size) -> str:
    return (
        "Filled by importing batches of years before, then VACUUM ANALYZE. The probes are"
        f" {size.probe_rows:,} rows of new signals: {size.probes} of each kind into both databases in turns, each"
        f" behind a tenth of its size that warms up the process. Medians. {MIX}"
    )


def fill(database: Database, events: int) -> int:
    """Import logs until so many events are stored; returns how many are."""
    stored, start = 0, LONG_AGO
    while stored < events:
        rows = max(200, (events - stored) // 10)
        stored += run(database, write(database.directory / "fill.csv", "mixed", rows, start))["logs"][0]["events"]
        start += timedelta(minutes=2 * rows) + timedelta(days=7)
    database.tidy()
    return stored


def probe(directory: Path, dialect: str, rows: int, turn: int) -> Sequence[Path]:
    """A short log and a long one, of months of their own: no trade id is stored yet."""
    start = LATELY + timedelta(days=90 * (2 * turn + list(KINDS).index(dialect)))
    warm = write(directory / "warm.csv", dialect, rows // 10, start)
    return warm, write(directory / "probe.csv", dialect, rows, start + timedelta(days=30))
