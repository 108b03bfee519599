"""A cycle that several workers share: very many damaged signals by 1, 2 and 4 workers, and PostgreSQL's part of it."""

import json
import os
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.active import clone_active
from benchmarks.databases import Databases, postgres
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size

SHARD = 2000  # signals, as in reconciliation.cycle.sharding
MANY, MACHINES, CORES = 1_000_000, 4, 2  # what is reckoned from it

Runs = Mapping[int, Sequence[Mapping[str, Any]]]


def measure(size: Size, databases: Databases = postgres) -> Section:
    found = measured(size, databases)
    rows = [line(workers, runs, found) for workers, runs in found.items()]
    head = ("workers", "times", "median s", "fastest", "slowest", "speed-up", "Python ms", "PostgreSQL ms", "its share")
    signals = found[1][0]["signals_examined"]
    body = f"{explained(signals)}\n\n{table(head, rows)}\n\n{reckoned(found)}"
    return Section("Workers that share a cycle", body, [target(found, signals)])


def measured(size: Size, databases: Databases) -> dict[int, list[dict[str, Any]]]:
    """What was found, by the number of workers, who take turns on one database."""
    found: dict[int, list[dict[str, Any]]] = {workers: [] for workers in size.sharing}
    shard = min(SHARD, size.many_active // 10)
    with databases("shards") as database:
        database.run("-m", "benchmarks.active")
        clone_active(database, size.many_active)
        for _ in range(size.sharing_turns):
            for workers, runs in found.items():
                run = json.loads(database.run("-m", "benchmarks.sharer", str(workers), str(shard)))
                if run["errors"] or run["healed"] != run["signals_examined"]:
                    raise RuntimeError(f"not all of the damaged signals were mended: {run}")
                runs.append(run)
                database.tidy()
    return found


def each(run: Mapping[str, Any], name: str) -> float:
    """Milliseconds of CPU a signal."""
    return 1000 * float(run[name]) / int(run["signals_examined"])


def line(workers: int, runs: Sequence[Mapping[str, Any]], found: Runs) -> tuple[object, ...]:
    seconds = [run["seconds"] for run in runs]
    alone = median(run["seconds"] for run in found[1])
    python, database = (median(each(run, name) for run in runs) for name in ("cpu", "database"))
    share = f"{100 * database / (python + database):.0f} %"
    middle = median(seconds)
    return workers, len(runs), middle, min(seconds), max(seconds), alone / middle, python, database, share


def target(found: Runs, signals: int) -> Target:
    two = median(run["seconds"] for run in found[2])
    return Target(f"a cycle over {signals:,} damaged signals by 2 workers", "at most 60 s", f"{two:.1f} s", two <= 60)


def reckoned(found: Runs) -> str:
    """What four machines would do: workers on their cores, PostgreSQL on a machine of its own with so many cores."""
    runs = found[max(found)]
    python, database = (median(each(run, name) for run in runs) for name in ("cpu", "database"))
    serial = median(1000 * run["phases"]["find"] / run["signals_examined"] for run in runs)
    workers = MACHINES * CORES
    rows = []
    for cores in (2, 4, 8):
        shared = max(python / workers, database / cores)
        by = "workers" if python / workers > database / cores else "PostgreSQL"
        rows.append((cores, MANY * python / workers / 1000, MANY * database / cores / 1000, by,
                     MANY * (serial + shared) / 1000))  # fmt: skip
    head = ("cores of PostgreSQL", "workers' s", "PostgreSQL's s", "the longer", "finding and the longer, s")
    return (
        f"Reckoned from {max(found)} workers, not measured: {MANY:,} signals by {MACHINES} machines of {CORES} cores"
        f" with {workers} workers, PostgreSQL on another machine. The coordinator finds the work by itself"
        f" ({serial:.3f} ms a signal); then the longer of the two parts decides.\n\n{table(head, rows)}"
    )


def explained(signals: int) -> str:
    return (
        f"{signals:,} signals as in the section on the cycle, damaged before each run, in shards of at most {SHARD:,}."
        " Each worker is a process, as a cluster's are; the helpers wait when the cycle begins. Milliseconds are CPU a"
        " signal, of all workers and of their backends, without PostgreSQL's other processes (WAL writer, checkpointer,"
        f" autovacuum). Workers and PostgreSQL share {os.cpu_count()} cores here. Numbers of workers take turns."
    )
