"""Alerts while the database is frozen: it answers nothing and closes nothing, and then goes on, on both databases."""

import selectors
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

from benchmarks.alerts import Bodies
from benchmarks.burst import messages, stored
from benchmarks.databases import Database, Databases, postgres, sqlite
from benchmarks.load import Load, send
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size
from benchmarks.web import PATIENCE
from benchmarks.webhook import servers

PACE = 5  # posts a second
ANSWERED = 2.5  # seconds
HEAD = ("", "frozen s", "posts", "answered 2xx", "of these spooled", "p50 s", "last answer s", "stored after s")

Freeze = Callable[[], AbstractContextManager[None]]
Icebox = Callable[[Database], AbstractContextManager[tuple[Database, Freeze]]]


@dataclass(frozen=True, slots=True)
class Frozen:
    """One freeze. `after` are the seconds from its end until every alert was stored."""

    name: str
    seconds: float
    load: Load
    after: float

    @property
    def row(self) -> tuple[str | float, ...]:
        posts, spooled = len(self.load.latencies), self.load.answers["spooled"]
        median = self.load.percentile(50) / 1000
        return self.name, self.seconds, posts, self.load.answered, spooled, median, self.load.last, self.after


@contextmanager
def behind_a_relay(database: Database) -> Iterator[tuple[Database, Freeze]]:
    """PostgreSQL through a relay that swallows, while frozen, what either side says: as a network does."""
    parts = urlsplit(database.url)
    with Relay((parts.hostname or "127.0.0.1", parts.port or 5432)) as relay:
        host, port = relay.address
        user = f"{parts.username}@" if parts.username else ""
        yield replace(database, url=urlunsplit(parts._replace(netloc=f"{user}{host}:{port}"))), relay.frozen


@contextmanager
def behind_a_lock(database: Database) -> Iterator[tuple[Database, Freeze]]:
    """SQLite, which freezes when another process keeps its lock."""

    @contextmanager
    def locked() -> Iterator[None]:
        path = database.directory / "signalsync.sqlite3"
        with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    yield database, locked


class Relay:
    """Passes bytes between clients and a server, in a thread of its own, until it is frozen."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.listening.getsockname()
        self.flows, self.ended = threading.Event(), threading.Event()
        self.flows.set()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> "Relay":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.flows.set()
        self.ended.set()
        self.thread.join()
        self.listening.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.flows.clear()
        yield
        self.flows.set()

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.listening, selectors.EVENT_READ)
            while not self.ended.is_set():
                self.flows.wait()
                for key, _ in selector.select(0.05):
                    if not self.flows.is_set():
                        break
                    if key.fileobj is self.listening:
                        self.connect(selector)
                    else:
                        self.pass_on(selector, key)
            for key in list(selector.get_map().values()):
                if key.data:
                    key.data.close()

    def connect(self, selector: selectors.BaseSelector) -> None:
        client, _ = self.listening.accept()
        upstream = socket.create_connection(self.server)
        selector.register(client, selectors.EVENT_READ, upstream)
        selector.register(upstream, selectors.EVENT_READ, client)

    def pass_on(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        here, there = key.fileobj, key.data
        assert isinstance(here, socket.socket)
        with suppress(OSError):
            if part := here.recv(65536):
                there.sendall(part)
                return
        for each in (here, there):
            if each.fileno() >= 0:
                selector.unregister(each)
                each.close()


BOTH: Sequence[tuple[str, Databases, Icebox]] = (
    ("PostgreSQL, its network swallows everything", postgres, behind_a_relay),
    ("SQLite, locked by another process", sqlite, behind_a_lock),
)


def measure(size: Size, kinds: Sequence[tuple[str, Databases, Icebox]] = BOTH) -> Section:
    bodies = Bodies(datetime.now(UTC))
    found = []
    for kind, databases, icebox in kinds:
        with (
            databases("freeze") as database,
            icebox(database) as (seen, freeze),
            servers(seen, size.web_workers) as (ours, _),
        ):
            send(ours.address, messages(ours, bodies, 20), connections=2, seconds=PATIENCE)
            alerts = list(messages(ours, bodies, max(3, int(size.frozen_seconds * PACE))))
            before = stored(database)
            with freeze():
                load = send(ours.address, alerts, connections=64, seconds=PATIENCE + size.frozen_seconds, pace=PACE)
            found.append(Frozen(kind, size.frozen_seconds, load, seconds_until(database, before + len(alerts))))
    return Section("A frozen database", f"{EXPLAINED}\n\n{table(HEAD, [each.row for each in found])}", targets(found))


def seconds_until(database: Database, count: int) -> float:
    """How long it takes until so many alerts are stored."""
    start = time.perf_counter()
    while (there := stored(database)) < count:
        if time.perf_counter() > start + 2 * PATIENCE:
            raise RuntimeError(f"{2 * PATIENCE:.0f} s after the freeze only {there} of {count} alerts are stored")
        time.sleep(0.1)
    return time.perf_counter() - start


def targets(found: Sequence[Frozen]) -> list[Target]:
    lost = sum(len(each.load.latencies) - each.load.answered for each in found)
    last = max(each.load.last for each in found)
    return [
        Target("alerts of a freeze not answered 2xx", "0", str(lost), not lost),
        Target("last answer in a freeze", f"within {ANSWERED:g} s", f"{last:.2f} s", last <= ANSWERED),
    ]


EXPLAINED = (
    f"ENTRYs, each a new signal, are posted {PACE} a second while the database neither answers nor closes a connection;"
    " latency counts from when a post was due. Spooled are those acknowledged from the journal on disk. *Stored after*"
    " is how long after the freeze the last of them was in the database, by nobody's doing but the web server's."
)
