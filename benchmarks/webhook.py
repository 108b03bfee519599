"""The webhook beside a bare Django view that parses the JSON and does one INSERT, under the same load."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from math import inf
from time import perf_counter, sleep

from benchmarks.alerts import BATCH, Bodies
from benchmarks.databases import Database, Databases, postgres
from benchmarks.load import Load, busy_seconds, request, send
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size
from benchmarks.web import Address, serving
from signals.receiving.spool import Spool

CONNECTIONS = 16
LOOK = 0.01  # seconds
CROWD = 64  # connections: more batches than can be stored as they come
PACE = 100  # posts a second
BARE = "benchmarks.bare.settings"
SYNC = ("--worker-class", "sync")  # gunicorn's own: the front door knows the webhook only
MAKE_TOKEN = "from signals.receiving.senders import default_source, new_token; print(new_token(default_source()))"
HEAD = ("", "posts/s", "slowest round", "fastest", "p50 ms", "p99 ms", "CPU ms a post", "spooled")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and the path that takes alerts there."""

    name: str
    address: Address
    path: str
    spool: Spool | None = None  # that may hold what was answered and is not stored yet

    def post(self, bodies: Iterable[bytes], *, seconds: float = inf, pace: float | None = None) -> Load:
        """Raises RuntimeError unless every alert was accepted, and stored rather than spooled."""
        requests = (request(self.path, body) for body in bodies)
        load = send(self.address, requests, connections=CONNECTIONS, seconds=seconds, pace=pace)
        if set(load.answers) != {"200 accepted"}:
            raise RuntimeError(f"{self.name} answered {dict(load.answers)}: nothing but 200 accepted was expected")
        return load

    def post_crowded(self, bodies: Iterable[bytes], *, seconds: float) -> Load:
        """From more connections than alerts can be stored from as they come. Time and CPU count until all are stored.

        Raises RuntimeError unless every alert was accepted.
        """
        requests, start, busy = (request(self.path, body) for body in bodies), perf_counter(), busy_seconds()
        load = send(self.address, requests, connections=CROWD, seconds=seconds)
        if load.answered < len(load.latencies):
            raise RuntimeError(f"{self.name} answered {dict(load.answers)}: nothing but 200 was expected")
        while self.spool and self.spool.pending_bytes():
            sleep(LOOK)
        load.seconds, load.busy = perf_counter() - start, busy_seconds() - busy
        return load


@contextmanager
def signalsync(database: Database, workers: int, name: str = "SignalSync") -> Iterator[Server]:
    """SignalSync's front door, running on this database."""
    token = database.manage("shell", "--verbosity=0", "-c", MAKE_TOKEN).split()[-1]
    with serving(database, "signalsync_project.wsgi", "signalsync_project.settings", workers) as address:
        yield Server(name, address, f"/api/automated-signals/webhook/{token}", Spool(database.directory / "spool"))


@contextmanager
def servers(database: Database, workers: int) -> Iterator[tuple[Server, Server]]:
    """SignalSync and the bare view, both running on one database."""
    database.run("-m", "django", "migrate", "--run-syncdb", "--verbosity=0", DJANGO_SETTINGS_MODULE=BARE)
    with (
        signalsync(database, workers) as ours,
        serving(database, "django.core.wsgi:get_wsgi_application()", BARE, workers, *SYNC) as bare,
    ):
        yield ours, Server("bare", bare, "/alerts")


def measure(size: Size, databases: Databases = postgres) -> Section:
    bodies = Bodies(datetime.now(UTC))
    groups = [[bodies.trade_id() for _ in range(BATCH)] for _ in range(CONNECTIONS)]
    with databases("webhook") as database, servers(database, size.web_workers) as pair:
        ours, bare = pair
        ours.post(bodies.entry(trade_id) for group in groups for trade_id in group)
        bare.post(islice(bodies.entries(), 2 * CONNECTIONS))
        database.tidy()  # before the first ANALYZE nothing is known of new tables: plans are those of empty ones
        entries = in_turns(pair, bodies.entries(), size)
        batches = in_turns(pair, bodies.batches(groups), size, crowded=True)
        paced = ours.post(bodies.entries(), seconds=size.paced_seconds, pace=PACE)
    rows = [
        *(row(f"ENTRY, {server.name}", rounds) for server, rounds in zip(pair, entries, strict=True)),
        *(row(f"batch, {server.name}", rounds) for server, rounds in zip(pair, batches, strict=True)),
        row(f"ENTRY, {ours.name}, {PACE} posts/s", [paced]),
    ]
    lengths = len(next(bodies.entries())), len(next(bodies.batches(groups)))
    return Section("Webhook", f"{explained(size, *lengths)}\n\n{table(HEAD, rows)}", targets(entries, batches, paced))


def in_turns(pair: Sequence[Server], bodies: Iterator[bytes], size: Size, *, crowded: bool = False) -> list[list[Load]]:
    """The rounds of each server. They take turns, so that what else the machine does falls on both."""

    def turn(server: Server) -> Load:
        post = server.post_crowded if crowded else server.post
        return post(bodies, seconds=size.round_seconds)

    rounds = [[turn(server) for server in pair] for _ in range(size.rounds)]
    return [list(each) for each in zip(*rounds, strict=True)]


def pooled(rounds: Sequence[Load]) -> Load:
    return sum(rounds, start=Load())


def ratio(rounds: list[list[Load]]) -> float:
    ours, bare = rounds
    return pooled(ours).rate / pooled(bare).rate


def row(name: str, rounds: Sequence[Load]) -> tuple[str | float, ...]:
    load, rates = pooled(rounds), [each.rate for each in rounds]
    latencies, spooled = (load.percentile(50), load.percentile(99)), load.answers["spooled"] / len(load.latencies)
    return name, load.rate, min(rates), max(rates), *latencies, load.busy_ms, f"{spooled:.0%}"


def targets(entries: list[list[Load]], batches: list[list[Load]], paced: Load) -> list[Target]:
    shares = ratio(entries), ratio(batches)
    return [
        Target("ENTRY posts/s, share of the bare view's", "at least 0.8", f"{shares[0]:.2f}", shares[0] >= 0.8),
        Target("posts/s of batches, share of the bare view's", "at least 0.4", f"{shares[1]:.2f}", shares[1] >= 0.4),
        paced_target(paced),
    ]


def paced_target(paced: Load) -> Target:
    p99 = paced.percentile(99)
    return Target(f"p99 at {PACE} ENTRY posts/s", "under 100 ms", f"{p99:.1f} ms", p99 < 100)


def explained(size: Size, entry: int, batch: int) -> str:
    return (
        f"gunicorn with {size.web_workers} workers, the front door's before SignalSync and gunicorn's sync ones before"
        f" the bare view, {CONNECTIONS} connections over loopback, {size.rounds} rounds of {size.round_seconds:g} s"
        f" for each server in turns, {CROWD} connections for batches, whose time counts until the last is stored:"
        " more come than can be stored as they come, so that the journal on disk has them and they are taken in by the"
        " hundred. Both close the connection after each answer, so every post opens one. ENTRY:"
        f" telemetry of {entry} bytes, each a new signal. Batch: {BATCH} MFE updates in {batch} bytes, for"
        f" {CONNECTIONS} groups of signals in turn. These signals are stored, and VACUUM ANALYZE has run, before it"
        " begins. Both servers share one database,"
        " its persistent connections and the gunicorn configuration, and the cores with PostgreSQL and with the load"
        " generator. At a given pace latency counts from when a post was due. CPU is what all processes of the machine"
        " used, per post: the web server's, PostgreSQL's, the load generator's and the kernel's."
    )
