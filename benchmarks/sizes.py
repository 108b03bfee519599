"""How much each benchmark does: the sizes that RESULTS.md is made with, and small ones that only try everything out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    web_workers: int = 2
    rounds: int = 6  # of each server, in turns
    round_seconds: float = 5.0
    paced_seconds: float = 30.0
    profiled: int = 2_000  # requests
    rows: int = 100_000  # of the imported log with one event a row
    batch_rows: int = 20_000  # of the imported log of batches
    few_events: int = 10_000  # stored before the probes
    many_events: int = 1_000_000
    probe_rows: int = 5_000
    probes: int = 3  # of each kind, into each database
    seeds: int = 10  # of damage to each recorded log
    stored_signals: int = 1_000_000  # under the pages
    exported_signals: int = 1_000_000  # in the largest dataset
    seed_hours: int = 120  # of open market that they are cloned from
    active_signals: int = 1_000  # that a cycle mends
    many_active: int = 100_000
    sharing: tuple[int, ...] = (1, 2, 4)  # workers of one cycle over `many_active`
    sharing_turns: int = 3
    few_signals: int = 10_000  # stored, beside stored_signals
    bar_days: int = 254  # of trading, of each of twenty symbols: some seven million bars
    file_bars: int = 50_000  # of a file that is imported
    cycles: int = 5
    turns: int = 3
    asked: int = 7  # requests of each address
    bursts: tuple[int, ...] = (1_000, 2_000)  # posts at one instant
    held: int = 200  # connections that send nothing, or nothing more
    frozen_seconds: float = 20.0
    history_events: int = 100_000_000
    history_rows: int = 10_000  # of a log that is imported beside them
    taken: int = 400  # alerts of each kind that a process takes in, in each turn


FULL = Size()
QUICK = Size(
    web_workers=1,  # SQLite has one writer: under load two would have to spool
    rounds=1,
    round_seconds=0.5,
    paced_seconds=0.5,
    profiled=20,
    rows=300,
    batch_rows=100,
    few_events=1,
    many_events=500,
    probe_rows=50,
    probes=1,
    seeds=1,
    bursts=(20,),
    held=5,
    frozen_seconds=1.0,
    stored_signals=2_000,
    exported_signals=1_000,
    seed_hours=6,
    active_signals=80,
    many_active=120,
    sharing=(1, 2),
    sharing_turns=1,
    few_signals=300,
    bar_days=3,
    file_bars=500,
    cycles=1,
    turns=1,
    asked=2,
    history_events=5_000,
    history_rows=50,
    taken=5,
)
