"""Which commands the documents tell people to type: in fenced blocks of sh, and in indented ones of commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path

FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
INDENTED = re.compile(r"(?:^    .*\n)+", re.M)
SHELLS = {"sh", "bash"}
BEGINS = re.compile(r"\s*(manage\.py|make|curl|\.venv/bin/\w+)\b")
JOINT = re.compile(r" && |; | \| ")
ASSIGNED = re.compile(r"[A-Z_]+=")
MANAGE = re.compile(r".*?\bmanage\.py ")


@dataclass(frozen=True)
class Command:
    """One command as it is typed, without what comes before and after it in its line."""

    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

    @property
    def program(self) -> str:
        """What it starts: a program, a module of Python, or `manage.py`, whoever starts that; else `=`."""
        words = list(dropwhile(ASSIGNED.match, self.words))
        if any(word.endswith("manage.py") for word in words):
            return "manage.py"
        if not words:
            return "="
        name = words[0].rpartition("/")[2]
        return words[2] if name.startswith("python") and words[1] == "-m" else name

    @property
    def arguments(self) -> list[str]:
        """Of `manage.py`: what it is called with; where its output goes is left out."""
        words = shlex.split(MANAGE.sub("", self.text, count=1), comments=True)
        return words[: words.index(">")] if ">" in words else words

    def __str__(self) -> str:
        return self.text


def blocks(text: str) -> Iterator[str]:
    yield from (found[2] for found in FENCED.finditer(text) if found[1] in SHELLS)
    for found in INDENTED.finditer(FENCED.sub("", text)):
        if BEGINS.match(found[0]):
            yield found[0]


def lines(block: str) -> Iterator[str]:
    """Its lines; what stands in quotes over several is one."""
    line = ""
    for each in block.splitlines():
        line += each.strip() + "\n"
        try:
            whole = shlex.split(line, comments=True)
        except ValueError:  # a quote is open
            continue
        if whole:
            yield line.strip()
        line = ""


def commands(document: Path) -> list[Command]:
    found = (part for block in blocks(document.read_text()) for line in lines(block) for part in parts(line))
    return [Command(part) for part in found]


def parts(line: str) -> list[str]:
    return JOINT.split(re.sub(r"\s+# .*$", "", line))
