"""Damage and repair: every recorded log with 30 % of its deliveries dropped, synced, and made whole again."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.databases import Databases, sqlite
from benchmarks.recorded import RECORDED
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size
from reconciliation.calibration.accuracy import Judgement, Rating, Tally, rating

TEXT = (
    "Of each log a random 30 % of the deliveries are dropped and the rest is imported and synced as of its last row;"
    " then the whole log is imported and synced as of the same moment. *Determined* are gaps left open although the"
    " surviving data give their value (`benchmarks.repairer.is_determined`). A difference is one field of one signal,"
    " provenance included, that is not what importing the whole log at once gives."
)


def measure(size: Size, databases: Databases = sqlite, folder: Path = RECORDED) -> Section:
    logs = sorted(folder.glob("*.csv"))
    if not logs:
        return Section(
            "Damage and repair", f"None here: there is no `{folder.parent.name}/{folder.name}` beside the project."
        )
    runs = {}
    for log in logs:
        with databases("repair") as database:
            seeds = [str(seed) for seed in range(1, size.seeds + 1)]
            runs[log.stem] = json.loads(database.run("-m", "benchmarks.repairer", str(log), *seeds))
    claims = tallies(runs)
    body = f"{TEXT}\n\n{size.seeds} seeds.\n\n{by_log(runs)}\n\n{by_claim(claims)}"
    return Section("Damage and repair", body, targets(runs, claims))


Runs = dict[str, list[dict[str, Any]]]
Claims = dict[tuple[str, str, str, float], Tally]


def tallies(runs: Runs) -> Claims:
    """Fills that claim the same, pooled over logs and seeds."""
    found: Claims = defaultdict(Tally)
    for log, repaired in runs.items():
        for run in repaired:
            for tier, field, method, confidence, trade_id, exact, within in run["fills"]:
                found[tier, field, method, confidence].add(f"{log} {trade_id}", Judgement(exact, within))
    return found


def by_log(runs: Runs) -> str:
    head = ("log", "dropped", "signals", "gaps", "left", "determined", "fills judged", "wrong at 1.0", "differences")
    counted = ("dropped", "signals", "gaps_before", "gaps_after")
    listed = ("determined", "fills", "certain_and_wrong", "differences")
    lines = []
    for log, repaired in runs.items():
        sums = [sum(run[name] for run in repaired) for name in counted]
        lengths = [sum(len(run[name]) for run in repaired) for name in listed]
        lines.append((f"`{log}.csv`", *sums, *lengths))
    return table(head, lines)


def by_claim(claims: Claims) -> str:
    head = ("tier", "field", "method", "n", "signals", "exact", "within tolerance", "declared", "verdict")
    lines = [
        (tier, f"`{field}`", method, t.n, len(t.signals), t.exact, t.within, claimed, rating(t, claimed).value)
        for (tier, field, method, claimed), t in sorted(claims.items())
    ]
    return table(head, lines)


def targets(runs: Runs, claims: Claims) -> list[Target]:
    def every(name: str) -> int:
        return sum(len(run[name]) for repaired in runs.values() for run in repaired)

    again = sum(run["filled_again"] for repaired in runs.values() for run in repaired)
    boasting = sum(rating(tally, kind[3]) == Rating.OVERCONFIDENT for kind, tally in claims.items())
    return [
        Target("determined gaps left open", "0", str(found := every("determined")), found == 0),
        Target("wrong fills of confidence 1.0", "0", str(found := every("certain_and_wrong")), found == 0),
        Target("kinds of fill that claim too much", "0", str(boasting), boasting == 0),
        Target("fills of a second cycle", "0", str(again), again == 0),
        Target("differences after repair", "0", str(found := every("differences")), found == 0),
    ]
