"""Datasets of very many signals: rows per second, and memory that does not follow them; and the figures of Analysis."""

import json
from datetime import UTC, datetime
from typing import Any

from benchmarks.databases import Database, Databases, postgres
from benchmarks.exporter import ANALYSIS
from benchmarks.populate import clone_signals, seed
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size

FORMATS = ("jsonl", "csv", "parquet")
RATE = 1_000  # rows a second
MEMORY = 400  # MiB; of it some 200 are numpy's and pyarrow's own
FLAT = 1.2  # of the memory for a tenth of the rows
ANALYSED = 60.0  # seconds; a task of the worker is ended after 100


def run(database: Database, kind: str) -> dict[str, Any]:
    done: dict[str, Any] = json.loads(
        database.run("-m", "benchmarks.exporter", kind, str(database.directory / "export"))
    )
    return done


def measure(size: Size, databases: Databases = postgres) -> Section:
    """Each format at a tenth of the rows and at all of them, in a process of its own."""
    results: dict[tuple[str, int], dict[str, Any]] = {}
    for wanted in (size.exported_signals // 10, size.exported_signals):
        with databases("export") as database:
            seed(database, datetime.now(UTC), size.seed_hours)
            stored = clone_signals(database, wanted)
            for kind in (*FORMATS, ANALYSIS):
                results[kind, stored] = run(database, kind)
    head = ("what", "signals stored", "seconds", "rows/s", "CPU s", "peak MiB", "MB written")
    lines = [
        (kind, stored, one["seconds"], stored / one["seconds"] if kind != ANALYSIS else "", one["cpu_seconds"],
         one["peak_mib"], one["bytes"] / 1e6)
        for (kind, stored), one in results.items()
    ]  # fmt: skip
    text = (
        "`export_signals --dataset --format …` with all fields, and what the worker does for the page Analysis: figures"
        " of the newest 50,000 signals. Starting Python and Django is not counted."
    )
    return Section("Export", f"{text}\n\n{table(head, lines)}", targets(results))


def targets(results: dict[tuple[str, int], dict[str, Any]]) -> list[Target]:
    few, many = sorted({stored for _, stored in results})
    slowest = min(many / results[kind, many]["seconds"] for kind in FORMATS)
    peak = max(results[kind, many]["peak_mib"] for kind in FORMATS)
    growth = max(results[kind, many]["peak_mib"] / results[kind, few]["peak_mib"] for kind in FORMATS)
    analysed = results[ANALYSIS, many]["seconds"]
    return [
        Target("rows/s, the slowest format", f"at least {RATE:,}", f"{slowest:,.0f}", slowest >= RATE),
        Target("peak memory of the process", f"under {MEMORY} MiB", f"{peak:.0f} MiB", peak < MEMORY),
        Target("peak memory, against a tenth of the rows", f"at most {FLAT}", f"{growth:.2f}", growth <= FLAT),
        Target("figures by the worker", f"under {ANALYSED:.0f} s", f"{analysed:.1f} s", analysed < ANALYSED),
    ]
