"""What a run has come to, for benchmarks/RESULTS.md, and the state from which anybody can go on with it."""

import shutil
from pathlib import Path

from benchmarks.report import RESULTS, Section, Target, circumstances, table, write

from .campaign import State

KEPT = RESULTS.with_name("fuzzing.json")


def keep(state: State, folder: Path, inputs: int) -> None:
    """Write the section, and keep the state beside it."""
    command = f'make fuzz ARGS="--inputs {inputs} --seed {state.seed}"'
    write("fuzzing", section(state, inputs), circumstances(command))
    shutil.copyfile(folder / "state.json", KEPT)


def section(state: State, inputs: int) -> Section:
    """`inputs` are those that were asked for."""
    done, failed = sum(state.inputs.values()), len(state.failures)
    rows = [
        (f"`{name}`", number, state.accepted[name], 1e6 * state.seconds[name] / number, state.guided.get(name, 0))
        for name, number in state.inputs.items()
    ]
    head = ("target", "inputs", "accepted", "CPU µs an input", "led by coverage before")
    body = (
        f"{table(head, rows)}\n\n{sum(state.seconds.values()):,.0f} s of the processor, in one run or several; an input"
        " is dearer while the machine does much else. What is done and what must hold:"
        " [docs/reliability.md](../docs/reliability.md#fuzzing). To go on:"
        " `mkdir -p var/fuzzing && cp benchmarks/fuzzing.json var/fuzzing/state.json`, and the same command."
    )
    targets = [
        Target("inputs", f"{inputs:,}", f"{done:,}", done >= inputs),
        Target("kinds of failure in them", "0", str(failed), not failed),
    ]
    return Section("Fuzzing", body, targets)
