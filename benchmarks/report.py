"""What a benchmark found, and the file that keeps it: each run replaces its own section of RESULTS.md."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.databases import ROOT, SERVER, execute

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
HEAD = """# Results

Written by `python -m benchmarks`: each benchmark replaces its own section. What is measured, how, and what follows
from it is in [docs/performance.md](../docs/performance.md).
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What was to be reached, and what was."""

    measure: str
    wanted: str
    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark's findings; `body` is Markdown."""

    title: str
    body: str
    targets: Sequence[Target] = ()

    def markdown(self) -> str:
        verdicts = [(t.measure, t.wanted, t.measured, "met" if t.met else "**missed**") for t in self.targets]
        parts = [
            f"## {self.title}",
            table(("measure", "target", "measured", ""), verdicts) if verdicts else "",
            self.body,
        ]
        return "\n\n".join(part for part in parts if part)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; numbers stand right, whole ones with thousands apart."""
    cells = [list(row) for row in rows]
    numeric = [all(isinstance(row[i], int | float) for row in cells) for i in range(len(head))]
    lines = [head, ["---:" if each else "---" for each in numeric], *([shown(cell) for cell in row] for row in cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if cell >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def circumstances(command: str) -> str:
    """The machine, the versions, the moment and the command, in one paragraph."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = ("django", "djangorestframework", "gunicorn", "psycopg2-binary")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M}Z, commit {commit or 'unknown'}: {os.cpu_count()} cores"
        f" ({model[1].strip() if model else platform.machine()}), {memory:.0f} GiB RAM, Linux {platform.release()};"
        f" Python {platform.python_version()}, {versions}, {postgres_settings()}."
    )


def postgres_settings() -> str:
    names = ("server_version", "synchronous_commit", "fsync", "shared_buffers")
    values = {name: execute(SERVER, f"SHOW {name}")[0][0] for name in names}
    return f"PostgreSQL {values.pop('server_version').split()[0]} ({', '.join(map(' '.join, values.items()))})"


def write(name: str, section: Section, paragraph: str, path: Path = RESULTS) -> None:
    """Replace the section of this name, or append it."""
    text = path.read_text() if path.exists() else HEAD
    block = f"<!-- {name}: written by the benchmark -->\n{section.markdown()}\n\n{paragraph}\n<!-- end of {name} -->\n"
    old = re.compile(rf"<!-- {name}: .*?<!-- end of {name} -->\n", re.DOTALL)
    if old.search(text):
        path.write_text(old.sub(lambda _: block, text))
    else:
        path.write_text(f"{text.rstrip()}\n\n{block}")
