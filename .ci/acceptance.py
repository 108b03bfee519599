"""The acceptance checks on PostgreSQL, where .ci/run has them on SQLite: a database of its own for each of their boxes.

`python .ci/acceptance.py [CHECK…]` from the project's root takes some minutes. TEST_POSTGRES_URL names a server where
databases can be made. Exits with the number of checks that do not hold.
"""

import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ROOT.parent / "shared" / "acceptance"
POSTGRES = os.environ.get("TEST_POSTGRES_URL") or "postgres://root@127.0.0.1:5432/test"
NAME = f"signalsync_acceptance_{os.getpid()}"


@contextmanager
def databases() -> Iterator[list[str]]:
    """The names of databases that were made, which are dropped at the end."""
    from benchmarks.databases import execute

    made: list[str] = []
    try:
        yield made
    finally:
        for name in made:
            execute(POSTGRES, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def holds(check: str) -> bool:
    """Whether a check holds. It says itself what it found."""
    import box  # type: ignore[import-not-found]

    from benchmarks.databases import execute

    own: Any = box.Box.__init__
    with databases() as made:

        def on_postgres(self: Any, url: str | None = None) -> None:
            made.append(f"{NAME}_{len(made)}")
            execute(POSTGRES, f'CREATE DATABASE "{made[-1]}"')
            own(self, url or f"{POSTGRES.rpartition('/')[0]}/{made[-1]}")

        try:
            with patch.object(box.Box, "__init__", on_postgres), patch.object(sys, "argv", [check]):
                runpy.run_path(str(CHECKS / check), run_name="__main__")
        except SystemExit as ended:
            return not ended.code
    return True


def main() -> int:
    if not CHECKS.is_dir():
        sys.stdout.write(f"There are no checks: {CHECKS} is not here.\n")
        return 0
    sys.path[:0] = [str(CHECKS), str(ROOT)]
    failed = 0
    for check in sys.argv[1:] or ["intake", "order", "mission", "damage"]:
        sys.stdout.write(f"{check}: ")
        sys.stdout.flush()
        failed += not holds(check)
    return failed


if __name__ == "__main__":
    sys.exit(main())
