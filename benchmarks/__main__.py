"""`python -m benchmarks [NAME…] [--quick]`: measure, print, and keep what was found in RESULTS.md."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable

from benchmarks import (
    bars,
    burst,
    cycle,
    export,
    freeze,
    history,
    importing,
    pages,
    profiling,
    recorded,
    repair,
    replay,
    shards,
    webhook,
)
from benchmarks.report import Section, circumstances, write
from benchmarks.sizes import FULL, QUICK, Size

BENCHMARKS: dict[str, Callable[[Size], Section]] = {
    "webhook": webhook.measure,
    "burst": burst.measure,
    "freeze": freeze.measure,
    "profile": profiling.measure,
    "import": importing.measure,
    "growth": importing.measure_growth,
    "recorded": recorded.measure,
    "repair": repair.measure,
    "replay": replay.measure,
    "cycle": cycle.measure,
    "shards": shards.measure,
    "pages": pages.measure,
    "export": export.measure,
    "bars": bars.measure,
    "history": history.measure,
}
APART = {"history"}  # it takes an hour and 60 GB of the disk: only by name


def main() -> int:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; without any: all but {', '.join(APART)}"
    )
    parser.add_argument("--quick", action="store_true", help="try everything out at small sizes, and keep nothing")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    missed = []
    for name in options.names or [name for name in BENCHMARKS if name not in APART]:
        start = time.monotonic()
        section = BENCHMARKS[name](QUICK if options.quick else FULL)
        took = f"It took {time.monotonic() - start:.0f} s."
        print(f"{section.markdown()}\n\n{took}\n", flush=True)
        missed += [target.measure for target in section.targets if not target.met]
        if not options.quick:
            write(name, section, f"{circumstances(f'python -m benchmarks {name}')} {took}")
    if missed and not options.quick:
        print(f"Missed: {'; '.join(missed)}.", file=sys.stderr)
    return int(bool(missed) and not options.quick)


if __name__ == "__main__":
    sys.exit(main())
