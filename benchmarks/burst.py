"""Many posts at one instant, as at a bar's close, and posts while others hold connections, on both databases."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from benchmarks.alerts import Bodies
from benchmarks.databases import Database, Databases, postgres, sqlite
from benchmarks.load import Load, request, send
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size
from benchmarks.web import PATIENCE, Address
from benchmarks.webhook import Server, servers

CONNECTIONS = 200
AT_ONCE = 1e9  # posts a second
PACE = 20
BOTH: Sequence[tuple[str, Databases]] = (("PostgreSQL", postgres), ("SQLite", sqlite))
ANSWERED, VISIBLE, HELD_MS = 3.0, 5.0, 300.0
HEAD = ("", "posts", "answered 2xx", "of these spooled", "p50 s", "last answer s", "all visible s")
HELD = ("", "posts", "p50 ms", "p99 ms", "most ms")


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst: seconds count from its instant, `visible` is when the last one was found in the database."""

    name: str
    count: int
    load: Load
    visible: float | None

    @property
    def row(self) -> tuple[str | float, ...]:
        spooled, median = self.load.answers["spooled"], self.load.percentile(50) / 1000
        return self.name, self.count, self.load.answered, spooled, median, self.load.last, self.visible or "-"


def measure(size: Size, kinds: Sequence[tuple[str, Databases]] = BOTH) -> Section:
    bursts: list[Burst] = []
    held: list[tuple[str, Load]] = []
    for kind, databases in kinds:
        bodies = Bodies(datetime.now(UTC))
        with databases("burst") as database, servers(database, size.web_workers) as (ours, bare):
            for server in (ours, bare):
                send(server.address, messages(server, bodies, 20), connections=2, seconds=PATIENCE)
            for count in size.bursts:
                bursts.append(burst(f"{kind}, SignalSync", ours, bodies, count, database))
                bursts.append(burst(f"{kind}, bare view", bare, bodies, count, None))
            with holding(ours.address, ours.path, size.held):
                held.append((f"{kind}, webhook", paced(ours, bodies, size)))
                held.append((f"{kind}, a page", pages(ours.address, size)))
    own = [each for each in bursts if each.visible is not None]
    rows = [(name, len(load.latencies), *map(load.percentile, (50, 99, 100))) for name, load in held]
    body = f"{explained(size)}\n\n{table(HEAD, [each.row for each in bursts])}\n\n{table(HELD, rows)}"
    return Section("Bursts and held connections", body, targets(own, held))


def messages(server: Server, bodies: Bodies, count: int) -> Iterator[bytes]:
    return (request(server.path, body) for body in islice(bodies.entries(), count))


def burst(name: str, server: Server, bodies: Bodies, count: int, database: Database | None) -> Burst:
    """Post so many at one instant; of our own database wait until all are there."""
    before = stored(database) if database else 0
    prepared = list(messages(server, bodies, count))
    start = time.perf_counter()
    load = send(server.address, prepared, connections=CONNECTIONS, seconds=PATIENCE, pace=AT_ONCE)
    if database is None:
        return Burst(name, count, load, None)
    while stored(database) < before + count:
        if time.perf_counter() > start + PATIENCE:
            raise RuntimeError(f"{name}: after {PATIENCE:.0f} s only {stored(database) - before} of {count} are stored")
    return Burst(name, count, load, time.perf_counter() - start)


def stored(database: Database) -> int:
    """Asked on a connection of its own: what another process sees."""
    return len(database.rows("SELECT DISTINCT checksum FROM deliveries"))


@contextmanager
def holding(address: Address, path: str, count: int) -> Iterator[None]:
    """Connections that say nothing, or begin and go no further."""
    openings = (b"", f"POST {path} HTTP/1.1\r\nHost: a\r\n".encode(), request(path, b"{}" * 500)[:-900])
    with ExitStack() as held:
        for number in range(count):
            client = held.enter_context(closing(socket.create_connection(address, timeout=PATIENCE)))
            client.sendall(openings[number % len(openings)])
        yield


def paced(server: Server, bodies: Bodies, size: Size) -> Load:
    count = max(5, int(size.paced_seconds * PACE / 3))
    return send(server.address, messages(server, bodies, count), connections=16, seconds=PATIENCE, pace=PACE)


def pages(address: Address, size: Size) -> Load:
    asked = b"GET /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return send(address, [asked] * max(5, size.asked), connections=1, seconds=PATIENCE)


def targets(bursts: Sequence[Burst], held: Sequence[tuple[str, Load]]) -> list[Target]:
    lost = sum(each.count - each.load.answered for each in bursts)
    last, visible = max(each.load.last for each in bursts), max(each.visible or 0.0 for each in bursts)
    slowest = max(load.percentile(99) for name, load in held if name.endswith("webhook"))
    return [
        Target("posts of bursts not answered 2xx", "0", str(lost), not lost),
        Target("last answer of a burst", f"within {ANSWERED:g} s", f"{last:.2f} s", last <= ANSWERED),
        Target("last alert of a burst visible", f"within {VISIBLE:g} s", f"{visible:.2f} s", visible <= VISIBLE),
        Target("p99 with held connections", f"under {HELD_MS:g} ms", f"{slowest:.0f} ms", slowest < HELD_MS),
    ]


def explained(size: Size) -> str:
    return (
        f"gunicorn with {size.web_workers} workers. Bursts: ENTRYs, each a new signal, all due at one instant, over"
        f" {CONNECTIONS} connections that each carry one post; latency counts from that instant. Spooled are those"
        " acknowledged from the journal on disk, to be taken into the database in batches at once. Visible is when the"
        " last one is found in the database. The bare view parses the JSON and does one INSERT, in gunicorn's sync"
        f" workers. Held: {size.held} connections that send nothing, half a head or half a body, while {PACE} posts a"
        " second and pages one after the other are answered. The load generator shares the machine."
    )
