"""Damage and repair: every recorded log with 30 % of its deliveries dropped, synced, and made whole again.

The alignments of higher timeframes are looked at with 50 % dropped.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.databases import Databases, sqlite
from benchmarks.recorded import RECORDED
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size
from reconciliation.calibration.accuracy import Judgement, Rating, Tally, rating

Runs = dict[str, list[dict[str, Any]]]
TEXT = (
    "Of each log a random 30 % of the deliveries are dropped and the rest is imported and synced as of its last row;"
    " then the whole log is imported and synced as of the same moment. *Determined* are gaps left open although the"
    " surviving data give their value (`benchmarks.repairer.is_determined`). A difference is one field of one signal,"
    " provenance included, that is not what importing the whole log at once gives."
)
ALIGNED = (
    "Higher timeframes, with 50 % of the deliveries dropped: signals of which no event that is left tells the"
    " alignment, in the logs that report any. A timeframe that the nearest signals do not determine is left out."
    " Strangers, whose own alignment was never recorded, are closed and not judged."
)


def measure(size: Size, databases: Databases = sqlite, folder: Path = RECORDED) -> Section:
    logs = sorted(folder.glob("*.csv"))
    if not logs:
        return Section(
            "Damage and repair", f"None here: there is no `{folder.parent.name}/{folder.name}` beside the project."
        )
    runs: Runs = {}
    aligned: Runs = {}
    for log in logs:
        with databases("repair") as database:
            seeds = [str(seed) for seed in range(1, size.seeds + 1)]
            done = json.loads(database.run("-m", "benchmarks.repairer", str(log), *seeds))
            runs[log.stem] = done["repaired"]
            if any(run["told"] for run in done["aligned"]):
                aligned[log.stem] = done["aligned"]
    claims = tallies(runs)
    tables = f"{by_log(runs)}\n\n{by_claim(claims)}\n\n{ALIGNED}\n\n{by_seed(aligned)}\n\n{by_timeframe(aligned)}"
    body = f"{TEXT}\n\n{size.seeds} seeds.\n\n{tables}"
    return Section("Damage and repair", body, [*targets(runs, claims), *targets_of_alignments(aligned)])


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


def by_seed(aligned: Runs) -> str:
    head = ("log", "seed", "told", "gaps", "closed", "share closed", "wrong at 1.0")
    lines = [
        (f"`{log}.csv`", seed, *(run[name] for name in ("told", "gaps", "closed")), share(run["closed"], run["gaps"]),
         run["certain_and_wrong"])
        for log, runs in aligned.items()
        for seed, run in enumerate(runs, 1)
    ]  # fmt: skip
    return table(head, lines)


def by_timeframe(aligned: Runs) -> str:
    """How often each timeframe was filled right, and all that were filled of a signal (`all`)."""
    found: dict[str, list[bool]] = defaultdict(list)
    for runs in aligned.values():
        for frame, _, right in (each for run in runs for each in run["judged"]):
            found[frame].append(right)
    lines = [(frame, len(rights), sum(rights), share(sum(rights), len(rights))) for frame, rights in found.items()]
    return table(("timeframe", "judged", "right", "share right"), lines)


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def targets_of_alignments(aligned: Runs) -> list[Target]:
    every = [run for runs in aligned.values() for run in runs]
    gaps, closed = sum(run["gaps"] for run in every), sum(run["closed"] for run in every)
    rights = [right for run in every for frame, _, right in run["judged"] if frame == "all"]
    right = sum(rights)
    return [
        Target("alignments closed with 50 % lost", "9 in 10", share(closed, gaps), closed >= 0.9 * gaps),
        Target("of these right as a whole", "9 in 10", share(right, len(rights)), right >= 0.9 * len(rights)),
    ]


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
