"""`make torture`, `python -m tests.torture --kills 200 --seed 7 --database sqlite|postgresql`."""

import json
import os
import shutil
import signal
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .machine import Machine


def main() -> int:
    parser = ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many processes are killed (200)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--fast", type=float, default=3.0, help="posts a second of a client, about (3)")
    parser.add_argument("--keep", type=Path, help="folder in which progress, logs and the outcome are kept")
    parser.add_argument("--json", action="store_true", help="machine-readable outcome")
    parser.add_argument("--results", action="store_true", help="write it into benchmarks/RESULTS.md, too")
    parser.add_argument("--tell", type=Path, metavar="FILE", help="run nothing: an outcome that was kept")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and all is removed
    outcome = json.loads(options.tell.read_text()) if options.tell else run(options)
    tell(outcome, options)
    return int(not outcome["kept"])


def run(options: Namespace) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    with ExitStack() as stack:
        machine = Machine(folder, options.database, stack)
        if options.keep:
            stack.callback(keep, folder, options.keep)
        os.environ.update(machine.own_environment)
        import django

        django.setup()
        from .running import torture

        outcome = torture(machine, options.kills, options.seed, options.fast).as_json()
        (folder / "outcome.json").write_text(json.dumps(outcome, indent=1))
        return outcome


def keep(folder: Path, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for path in (*folder.glob("*.json*"), *folder.glob("*.log"), *folder.glob("var/*sqlite3*")):
        shutil.copy2(path, place)


def tell(outcome: dict[str, Any], options: Namespace) -> None:
    from .telling import as_text, command, section

    sys.stdout.write((json.dumps(outcome) if options.json else as_text(outcome)) + "\n")
    if options.results:
        from benchmarks.report import circumstances, write

        write(f"torture-{outcome['database']}", section(outcome), circumstances(command(outcome)))


if __name__ == "__main__":
    sys.exit(main())
