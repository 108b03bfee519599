"""Led by coverage, where atheris is installed: it keeps the inputs that reach code which none has reached before.

They become seeds of all further inputs. It is ten times slower than mutating alone, so it goes first and does a part.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from .seeds import of_folder

if TYPE_CHECKING:
    from .campaign import State

WATCHED = ("signals.dialects", "signals.bars", "signals.receiving.alertlog", "signals.signal", "signals.facts")
SECONDS = 3600  # at most, of one target
EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")  # as libFuzzer ends


def explore(state: "State", targets: Sequence[str], inputs: int, folder: Path) -> None:
    """Fill the corpus, and count in the state what was tried. Without atheris it says so and does nothing.

    An input that fails is kept in the folder by libFuzzer, which ends with it; the state tells that it did.
    """
    if find_spec("atheris") is None:
        sys.stdout.write("atheris is not installed (tests/fuzzing/requirements.txt): nothing is led by coverage\n")
        return
    for target in targets:
        (corpus := folder / "corpus" / target).mkdir(parents=True, exist_ok=True)
        options = [
            f"-runs={inputs}",
            f"-seed={state.seed}",
            f"-max_total_time={SECONDS}",
            f"-artifact_prefix={folder}/{target}-",
            "-print_final_stats=1",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzzing.guided", target, *options, str(corpus)],
            check=False, env=os.environ, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        if (tried := EXECUTED.search(done.stderr)) is None:
            raise SystemExit(f"{target} could not be led by coverage:\n{done.stderr}")
        state.guided[target] = state.guided.get(target, 0) + int(tried[1])
        if done.returncode:
            state.failures[f"{target} guided"] = done.stderr[-1000:]
        state.save(folder)
        kept = sum(1 for _ in of_folder(corpus))
        sys.stdout.write(f"{target}: {state.guided[target]:,} inputs led by coverage, {kept} kept\n")
        sys.stdout.flush()


def main() -> None:
    """One target, in a process of its own: libFuzzer ends it."""
    import atheris

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalsync_project.settings")
    target, *options = sys.argv[1:]
    with atheris.instrument_imports(include=list(WATCHED)):
        import django

        django.setup()
        from .targets import TARGETS

    from .mutating import MOST, mutated

    one = TARGETS[target]
    seeds = one.seeds()

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        return mutated([data, data, data, random.choice(seeds)], random)[: min(most, MOST)]

    def once(data: bytes) -> None:
        one.once(data)

    atheris.Setup([sys.argv[0], *options, f"-max_len={MOST}"], once, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
