"""`make fuzz ARGS="--inputs 10000000 --seed 1"`: goes on where the last run with this folder ended."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import django


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalsync_project.settings")
    django.setup()
    from . import campaign, guided, telling
    from .targets import TARGETS

    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="in all, those of earlier runs included")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=[*TARGETS, "webhook", "all"], default="all")
    parser.add_argument("--folder", type=Path, default=Path("var/fuzzing"), help="state, corpus and failing inputs")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--guided", type=int, default=0, help="first so many inputs of each target led by coverage")
    parser.add_argument("--results", action="store_true", help="write it into benchmarks/, too")
    parser.add_argument("--again", type=Path, help="only this file, as an input that failed before")
    asked = parser.parse_args()
    if asked.target == "webhook":
        return through_the_webhook(asked.inputs, asked.seed)
    names = list(TARGETS) if asked.target == "all" else [asked.target]
    if asked.again:
        return again(names, asked.again)
    asked.folder.mkdir(parents=True, exist_ok=True)
    state = campaign.State.of(asked.folder, asked.seed)
    if asked.guided:
        guided.explore(state, names, asked.guided, asked.folder)
    campaign.run(state, names, asked.inputs, asked.folder, asked.workers)
    campaign.say(state, 0)
    if asked.results:
        telling.keep(state, asked.folder, asked.inputs)
    for where, error in state.failures.items():
        sys.stdout.write(f"{where}: {error}\n")
    return 1 if state.failures else 0


def through_the_webhook(inputs: int, seed: int) -> int:
    """With a database, which pytest makes; what is accepted is shown, exported and rebuilt."""
    told = os.environ | {"FUZZ_INPUTS": str(inputs), "FUZZ_SEED": str(seed)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/fuzzing/test_webhook.py"]
    return subprocess.run(command, check=False, env=told).returncode


def again(names: list[str], path: Path) -> int:
    from . import campaign

    found = [failure for name in names if (failure := campaign.failure_of(name, path.read_bytes()))]
    for each in found:
        sys.stdout.write(f"{each.target} {each.where}: {each.error}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
