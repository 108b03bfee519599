"""The tests on SQLite, then those that use a database on PostgreSQL where one answers; arguments go to pytest."""

import os
import re
import subprocess
import sys

import psycopg2

POSTGRES = os.environ.get("TEST_POSTGRES_URL") or "postgres://root@127.0.0.1:5432/test"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(database: str, url: str, *options: str) -> tuple[int, str]:
    """pytest's exit status and closing line, while its output is shown as it comes."""
    say(f"\n=== tests on {database}")
    command = [sys.executable, "-m", "pytest", "-n", "2", *options, *sys.argv[1:]]
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


def main() -> int:
    results = {"SQLite": run("SQLite", "")}
    if why := why_no_postgres():
        results["PostgreSQL"] = (0, f"not tested: none answers at TEST_POSTGRES_URL ({why})")
    else:
        results["PostgreSQL"] = run("PostgreSQL", POSTGRES, "--database-only")
    say("")
    for database, (_, closing) in results.items():
        say(f"{database + ':':<12}{closing}")
    return max(status for status, _ in results.values())


if __name__ == "__main__":
    sys.exit(main())
