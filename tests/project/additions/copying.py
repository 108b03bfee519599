"""A copy of the project to add things to, and the lists in its documents of what adding them takes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "build", "var", "__pycache__", "*.sqlite3*"
)
STEP = re.compile(r"^\d+\. .*(?:\n {3}.*)*", re.M)
FILE = re.compile(r"`([\w<>./-]+/[\w<>.-]+\.(?:py|html|md))`")


class Copy:
    """The project's tree in a folder of its own. `touched` are the files that were written, by their paths in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.var = folder / "var"
        self.touched: set[str] = set()
        shutil.copytree(ROOT, self.root, ignore=LEFT_OUT)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.touched.add(path)

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert text.count(old) == 1, f"{path} has {text.count(old)} places that read {old!r}: adapt this test to it"
        self.write(path, text.replace(old, new))

    def insert(self, path: str, text: str, *, before: str) -> None:
        self.replace(path, before, text + before)

    def append(self, path: str, text: str) -> None:
        self.write(path, (self.root / path).read_text() + text)

    def run(self, *command: str) -> str:
        """What the command says; it must end well."""
        own = {"VAR_DIR": str(self.var), "DATABASE_URL": "", "DEMO": "0", "PRODUCTION": "0", "PYTHONPATH": ""}
        done = subprocess.run(
            [sys.executable, *command], cwd=self.root, env={**os.environ, **own}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def passes(self, *tests: str) -> None:
        """These tests of the copy pass, and none of them is left out."""
        said = self.run("-m", "pytest", "-q", "-p", "no:randomly", *tests)
        assert re.search(r"\d+ passed", said)
        assert "skipped" not in said


def listed(document: str, heading: str, name: str) -> set[str]:
    """The files that the steps below the heading name, with `name` for <name>."""
    text = (ROOT / "docs" / document).read_text()
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return {file.replace("<name>", name) for step in STEP.findall(section) for file in FILE.findall(step)}
