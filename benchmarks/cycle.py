"""The cycle: damaged signals, an idle turn, and a change among few and among very many signals. Only PostgreSQL."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from benchmarks.active import NOW, OPENING, TAKEN_IN, UPDATES, clone_active
from benchmarks.databases import Database, Databases, postgres
from benchmarks.populate import clone_signals, seed
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size

MEMORY = 512  # MiB
IDLE_CYCLES = 10
HEAD = ("cycle", "signals examined", "fills", "times", "median s", "fastest", "slowest", "CPU s")

Cycles = Sequence[Mapping[str, Any]]


def measure(size: Size, databases: Databases = postgres) -> Section:
    alone = damaged_alone(size.active_signals, size.cycles, databases)
    many = damaged_alone(size.many_active, 1, databases)
    few, grown = side_by_side(size, databases)
    rows = [
        line("damaged signals, nothing else stored", alone["damaged"]),
        line("damaged signals, nothing else stored", many["damaged"]),
        *(line(f"damaged signals among {stored:,}", found["damaged"]) for stored, found in (few, grown)),
        *(line(f"idle, {stored:,} stored", found["idle"]) for stored, found in (few, grown)),
    ]
    text = f"{explained(size)}\n\nPeak memory of the process with the most signals: {many['peak_mib']:.0f} MiB."
    body = f"{text}\n\n{table(HEAD, rows)}\n\n{phases(alone['damaged'], many['damaged'])}"
    return Section("Cycle", body, targets(alone, many, few[1], grown[1]))


def run(database: Database, damaged: int, idle: int, opening: datetime = OPENING) -> dict[str, Any]:
    """Cycles in a process of their own (benchmarks/cycler.py). Raises RuntimeError unless they mended everything."""
    found: dict[str, Any] = json.loads(
        database.run("-m", "benchmarks.cycler", str(damaged), str(idle), opening.isoformat())
    )
    for cycle in found["damaged"]:
        if cycle["errors"] or cycle["healed"] != cycle["signals_examined"]:
            raise RuntimeError(f"not all of the damaged signals were mended: {cycle}")
    if any(cycle["signals_examined"] for cycle in found["idle"]):
        raise RuntimeError("an idle cycle was none: it examined signals")
    return found


def damaged_alone(count: int, times: int, databases: Databases) -> dict[str, Any]:
    with databases("cycle") as database:
        database.run("-m", "benchmarks.active")
        clone_active(database, count)
        return run(database, times, 0)


def side_by_side(size: Size, databases: Databases) -> list[tuple[int, dict[str, Any]]]:
    """What is stored and what was found, with few and with many signals. They take turns."""
    with databases("few") as few, databases("many") as many:
        pair = (few, many)
        stored = [fill(few, size.few_signals, size), fill(many, size.stored_signals, size)]
        found = in_turns([(database, OPENING) for database in pair], size)
    return list(zip(stored, found, strict=True))


def in_turns(places: Sequence[tuple[Database, datetime]], size: Size) -> list[dict[str, Any]]:
    """The cycles of each database, with when its running signals opened."""
    found: list[dict[str, Any]] = [{"damaged": [], "idle": []} for _ in places]
    for _ in range(size.turns):
        for (database, opening), pooled in zip(places, found, strict=True):
            turn = run(database, size.cycles, IDLE_CYCLES, opening)
            for kind in pooled:
                pooled[kind] += turn[kind]
    return found


def fill(database: Database, signals: int, size: Size) -> int:
    """Store so many signals of the weeks before, and the running ones; returns how many signals that makes."""
    seed(database, NOW - timedelta(days=1), size.seed_hours)
    stored = clone_signals(database, signals - size.active_signals)
    database.run("-m", "benchmarks.active")
    clone_active(database, size.active_signals)
    return stored + size.active_signals


def middle(cycles: Cycles, name: str = "seconds") -> float:
    return median(cycle[name] for cycle in cycles)


def line(name: str, cycles: Cycles) -> tuple[object, ...]:
    seconds = [cycle["seconds"] for cycle in cycles]
    counts = cycles[0]["signals_examined"], cycles[0]["fills"], len(cycles)
    return name, *counts, middle(cycles), min(seconds), max(seconds), middle(cycles, "cpu_seconds")


def phases(*measured: Cycles) -> str:
    """Where the time of the damaged signals goes, in seconds."""
    names: Iterable[str] = measured[0][0]["phases"]
    rows = [
        (f"{cycles[0]['signals_examined']:,}", *(median(cycle["phases"][name] for cycle in cycles) for name in names))
        for cycles in measured
    ]
    return table(("signals: seconds a phase", *names), rows)


def targets(
    alone: Mapping[str, Any], many: Mapping[str, Any], few: Mapping[str, Any], grown: Mapping[str, Any]
) -> list[Target]:
    lot, peak = middle(many["damaged"]), many["peak_mib"]
    examined = many["damaged"][0]["signals_examined"]
    return [
        damaged_target(alone),
        Target(f"a cycle over {examined:,} of them", "under 90 s", f"{lot:.1f} s", lot < 90),
        Target("its process's peak memory", f"under {MEMORY} MiB", f"{peak:.0f} MiB", peak < MEMORY),
        *growth_targets(few, grown),
    ]


def damaged_target(found: Mapping[str, Any]) -> Target:
    one, examined = middle(found["damaged"]), found["damaged"][0]["signals_examined"]
    return Target(f"a cycle over {examined:,} damaged signals", "under 1 s", f"{one:.2f} s", one < 1)


def growth_targets(few: Mapping[str, Any], grown: Mapping[str, Any]) -> list[Target]:
    idle = middle(grown["idle"])
    growth = {kind: middle(grown[kind]) / middle(few[kind]) for kind in ("idle", "damaged")}
    return [
        Target("an idle cycle, very many stored", "under 150 ms", f"{1000 * idle:.0f} ms", idle < 0.15),
        Target("an idle cycle, many against few", "at most 1.2", f"{growth['idle']:.2f}", growth["idle"] <= 1.2),
        Target("a change, many against few", "at most 1.5", f"{growth['damaged']:.2f}", growth["damaged"] <= 1.5),
    ]


def explained(size: Size) -> str:
    return (
        f"A process as the worker's runs cycles; its first one, which loads the calendar, is not counted. The damaged"
        f" signals are {TAKEN_IN} that the intake took in (SIGNAL_CREATED, ENTRY and {UPDATES} updates each), copied by"
        " the database with their events; before each cycle their rows lose higher timeframes, confirmation, session,"
        " date, targets and MFE, and the fills of the cycle before. The signals beside them are a simulated week,"
        f" synced and copied into the weeks before it. Few and many take turns: {size.turns} times {size.cycles}"
        f" cycles over damaged signals and {IDLE_CYCLES} idle ones. Medians decide; CPU is the process's, without"
        " PostgreSQL's."
    )
