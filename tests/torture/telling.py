"""A run's outcome for people: Markdown tables, as docs/reliability.md and RESULTS.md have them."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.report import Section, Target, table

Outcome = Mapping[str, Any]
"""As `running.Outcome.as_json` makes it."""


def as_text(outcome: Outcome) -> str:
    lines = [section(outcome).markdown()]
    for promise in outcome["promises"]:
        lines += [f"BROKEN: {promise['promise']}: {line}" for line in promise["broken"]]
    return "\n".join(lines)


def section(outcome: Outcome) -> Section:
    targets = [
        Target(each["promise"], "holds", each["counted"] or "nothing found", each["kept"])
        for each in outcome["promises"]
    ]
    return Section(f"Torture, {outcome['database']}", "\n\n".join(parts(outcome)), targets)


def parts(outcome: Outcome) -> Iterator[str]:
    kills = sum(outcome["kills"].values())
    yield (
        f"Seed {outcome['seed']}: {kills} kills in {outcome['torture_seconds']:.0f} s; healthy"
        f" {outcome['seconds_to_healthy']:.0f} s after the last. What is done and what is promised:"
        " [docs/reliability.md](../docs/reliability.md)."
    )
    yield table(("killed", "times"), outcome["kills"].items())
    if outcome["faults"]:
        yield table(("beside", "times"), outcome["faults"].items())
    yield table(("senders heard", "times"), outcome["answers"].items())
    yield from outcome["notes"]
    if outcome["database"] == "postgresql":
        yield (
            "The private PostgreSQL runs without fsync, whatever stands below of the usual one: what a killed process"
            " has written, the kernel keeps. Only a power cut would tell the difference, and none is made here."
        )


def command(outcome: Outcome) -> str:
    kills = sum(outcome["kills"].values())
    return f'make torture ARGS="--kills {kills} --seed {outcome["seed"]} --database {outcome["database"]}"'
