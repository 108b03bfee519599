"""The tests on SQLite, then those that use a database on PostgreSQL where one answers; arguments go to pytest.

With --lf, each of the two runs what failed in it, and nothing where nothing did.
"""

import os
import re
import subprocess
import sys
from collections.abc import Collection

import psycopg2

POSTGRES = os.environ.get("TEST_POSTGRES_URL") or "postgres://root@127.0.0.1:5432/test"
NOTHING_COLLECTED = 5  # pytest's exit status
LAST_FAILED = {"--lf", "--last-failed"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(database: str, url: str, *options: str) -> tuple[int, str]:
    """pytest's exit status and closing line, while its output is shown as it comes."""
    say(f"\n=== tests on {database}")
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", *options, *sys.argv[1:]]
    if LAST_FAILED & set(sys.argv):
        command.append("--last-failed-no-failures=none")
    if sys.stdout.isatty():
        command.append("--color=yes")
    last = ""
    with subprocess.Popen(  # noqa: S603 - our own arguments
        command, env={**os.environ, "DATABASE_URL": url}, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as pytest:
        assert pytest.stdout is not None
        for line in pytest.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            last = line.strip() or last
    return pytest.returncode, COLOURS.sub("", last).strip("= ")


def why_no_postgres() -> str | None:
    try:
        psycopg2.connect(POSTGRES, connect_timeout=2).close()
    except psycopg2.Error as error:
        return str(error).strip().splitlines()[0]
    return None


def overall(statuses: Collection[int]) -> int:
    """The exit status of all passes. A selection may hold nothing for one database, but not nothing for all."""
    failed = [status for status in statuses if status not in {0, NOTHING_COLLECTED}]
    if failed:
        return max(failed)
    return 0 if 0 in statuses else NOTHING_COLLECTED


def main() -> int:
    results = {"SQLite": run("SQLite", "")}
    if why := why_no_postgres():
        results["PostgreSQL"] = (NOTHING_COLLECTED, f"not tested: none answers at TEST_POSTGRES_URL ({why})")
    else:
        results["PostgreSQL"] = run(
            "PostgreSQL", POSTGRES, "--database-only", "-o", "cache_dir=.pytest_cache/postgresql"
        )
    say("")
    for database, (_, closing) in results.items():
        say(f"{database + ':':<12}{closing}")
    return overall([status for status, _ in results.values()])


if __name__ == "__main__":
    sys.exit(main())
