"""Which process is what: read from the tree below the supervisor, by the titles that the processes give themselves."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

# The first that is in a process's title, with its parent's kind where titles are alike.
TITLES = {
    "gunicorn: master [signalsync]": "web master",
    "gunicorn: worker [signalsync]": "web worker",
    "gunicorn: master [signalsync-pages]": "pages master",
    "gunicorn: worker [signalsync-pages]": "pages worker",
}
MAIN, SENTINEL = "cluster main", "cluster sentinel"
ROLES = {"monitor": "cluster monitor", "pusher": "cluster pusher"}
WORKER = "cluster worker"
BACKEND = "postgres: signalsync"


class Victim(NamedTuple):
    kind: str
    pid: int


def children_of(pid: int) -> list[int]:
    """Of all its threads: a process is the child of the thread that forked it."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def title_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def below(pid: int, parent: str = "") -> Iterator[Victim]:
    """Everything below the supervisor whose kind is known yet; what is still starting is not."""
    for child in children_of(pid):
        kind = kind_of(title_of(child), parent)
        if kind:
            yield Victim(kind, child)
        yield from below(child, kind or parent)


def kind_of(title: str, parent: str) -> str | None:
    if title in TITLES:
        return TITLES[title]
    if not title.startswith("qcluster "):
        return None
    if parent == MAIN:
        return SENTINEL
    if parent == SENTINEL:
        return ROLES.get(title.rsplit(" ", 1)[-1], WORKER)
    return MAIN if "MainProcess" in title else None


def backends_of(postmaster: int) -> list[Victim]:
    """PostgreSQL's processes that serve a connection."""
    return [Victim("postgres backend", pid) for pid in children_of(postmaster) if title_of(pid).startswith(BACKEND)]


def send(pid: int, number: signal.Signals) -> bool:
    """Whether the process was there to get it."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


class Frozen:
    """A process that stands still until it is thawed: this one, and not another that has got its number since."""

    def __init__(self, pid: int) -> None:
        self.descriptor = os.pidfd_open(pid)
        signal.pidfd_send_signal(self.descriptor, signal.SIGSTOP)

    def thaw(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, signal.SIGCONT)
        os.close(self.descriptor)
