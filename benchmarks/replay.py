"""Replay: half of a twin's alerts and all of one signal in ten lost, and what a cycle makes of the rest and bars."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.databases import Databases, sqlite
from benchmarks.recorded import RECORDED
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size

FILE, FORMS = "20240102.csv", ("telemetry", "batch")
TEXT = (
    "The alerts are those that the twin makes of the clean bars of a recorded file, in two forms: births, break-even"
    " and exits as telemetry with updates of one trade at a time (*telemetry*), or with a batch of all each minute"
    " (*batch*). Half of the deliveries are dropped, and every trace of one signal in ten; what is imported beside them"
    " is the file as it is, dirty bars included. Values are those that the signals have in truth, measurements as of"
    " the bar that is stored; *wrong* are different ones, *open* none. *Waiting* are found ones that wait for approval."
)
COST = (
    "What replay costs: the day's alerts, none lost, for 13 sources, which makes 1,014 signals with bars. Before each"
    " cycle what was filled is gone and all signals are in the queue. *Without* replay takes no part; who is first"
    " turns. CPU is the process's, SQLite's included. The last two lines are of half of the deliveries: replay then"
    " fills what without it stays open."
)
COUNTED = ("signals", "gaps_without_bars", "gaps_left", "values", "unheard", "found", "waiting", "filled_again",
           "open", "invented")  # fmt: skip
LISTED = ("wrong", "certain_and_wrong")


def measure(size: Size, databases: Databases = sqlite, folder: Path = RECORDED / "bars") -> Section:
    path = folder / FILE
    if not path.is_file():
        return Section("Replay", f"No bars here: there is no `{folder.parent.name}/{folder.name}/{FILE}`.")
    runs = {}
    for form in FORMS:
        with databases("replay") as database:
            seeds = [str(seed) for seed in range(1, size.seeds + 1)]
            runs[form] = json.loads(database.run("-m", "benchmarks.replayer", str(path), form, *seeds))
    head = ("form", *(name.replace("_", " ") for name in (*COUNTED, *LISTED)))
    lines = [(form, *(total(found, name) for name in (*COUNTED, *LISTED))) for form, found in runs.items()]
    targets = [target for form, found in runs.items() for target in targets_of(form, found)]
    with databases("replay") as database:
        seconds = json.loads(database.run("-m", "benchmarks.replayer", str(path), "cost", str(size.cycles)))
    cycles = table(
        ("cycle", "times", "median CPU s, or queries"),
        [(name, len(each), median(each)) for name, each in seconds.items()],
    )
    body = f"{TEXT}\n\n{size.seeds} seeds.\n\n{table(head, lines)}\n\n{COST}\n\n{cycles}"
    return Section("Replay", body, [*targets, *costs({name: median(each) for name, each in seconds.items()})])


def costs(seconds: dict[str, float]) -> list[Target]:
    asked = seconds["queries, idle, with replay"] - seconds["queries, idle, without"]
    idle = seconds["idle, with replay"] / seconds["idle, without"] - 1
    damaged = seconds["damaged, with replay"] / seconds["damaged, without"] - 1
    return [
        Target("queries that replay adds to an idle cycle", "0", f"{asked:.0f}", asked == 0),
        Target("replay in an idle cycle", "under 5 %", f"{idle:.1%}", idle < 0.05),
        Target("replay in a cycle over damaged signals", "under 20 %", f"{damaged:.1%}", damaged < 0.2),
    ]


def total(runs: list[dict[str, Any]], name: str) -> int:
    return sum(len(run[name]) if name in LISTED else run[name] for run in runs)


def targets_of(form: str, runs: list[dict[str, Any]]) -> list[Target]:
    def share(part: int, whole: int) -> float:
        return part / whole if whole else 0.0

    left = share(total(runs, "gaps_left"), total(runs, "gaps_without_bars"))
    faulty = share(total(runs, "open") + total(runs, "wrong"), total(runs, "values"))
    found = share(total(runs, "found"), total(runs, "unheard"))
    invented = share(total(runs, "invented"), total(runs, "found"))
    certain, again = total(runs, "certain_and_wrong"), total(runs, "filled_again")
    return [
        Target(f"{form}: gaps left, of those without bars", "at most 2 %", f"{left:.1%}", left <= 0.02),
        Target(f"{form}: wrong values at 1.0", "0", str(certain), certain == 0),
        Target(f"{form}: values wrong or open", "at most 2 %", f"{faulty:.1%}", faulty <= 0.02),
        Target(f"{form}: lost signals found", "at least 95 %", f"{found:.1%}", found >= 0.95),
        Target(f"{form}: invented signals, of those found", "at most 2 %", f"{invented:.1%}", invented <= 0.02),
        Target(f"{form}: fills of a second cycle", "0", str(again), again == 0),
    ]
