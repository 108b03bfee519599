"""The recorded alert logs, each into an empty database of either kind."""

from pathlib import Path

from benchmarks.databases import ROOT, Databases, postgres, sqlite
from benchmarks.importing import run
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size

RECORDED = ROOT.parent / "shared" / "recorded"
ENGINES: dict[str, Databases] = {"PostgreSQL": postgres, "SQLite": sqlite}
COUNTS = ("rows", "accepted", "duplicates", "repaired", "quarantined", "events", "signals_created")


def measure(size: Size, engines: dict[str, Databases] = ENGINES, folder: Path = RECORDED) -> Section:
    """Every log whole, whatever the size."""
    logs = sorted(folder.glob("*.csv"))
    if not logs:
        return Section(
            "Recorded logs", f"None here: there is no `{folder.parent.name}/{folder.name}` beside the project."
        )
    lines, quarantined = [], 0
    for log in logs:
        seconds = []
        for databases in engines.values():
            with databases("recorded") as database:
                done = run(database, log)["logs"][0]
            seconds.append(done["seconds"])
            quarantined += done["quarantined"]
        lines.append((f"`{log.name}`", *(done[key] for key in COUNTS), *seconds))
    head = ("log", *(key.replace("_created", "") for key in COUNTS), *(f"{name}, s" for name in engines))
    text = "Seconds of the command, which loads the market calendar once; starting Python and Django is not counted."
    goal = Target("quarantined rows", "0", str(quarantined), quarantined == 0)
    return Section("Recorded logs", f"{text}\n\n{table(head, lines)}", [goal])
