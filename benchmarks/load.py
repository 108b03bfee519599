"""The load generator: one thread, non-blocking sockets, as little work per request as Python allows.

The front door and gunicorn's sync workers close the connection after each answer, so every request opens one of its
own; at most `connections` are open at a time. The generator shares the machine with what it measures, which is why it
must be cheap.
"""

import os
import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import cast

from benchmarks.web import PATIENCE, Address

WORD = re.compile(rb'"status": ?"(\w+)"')


@dataclass(slots=True)
class Load:
    """What came back: a latency in seconds for each request, statuses, and the seconds that it took in all.

    `busy` are the seconds that the machine's cores worked meanwhile, on whatever: the answer, and the question.
    """

    seconds: float = 0.0
    busy: float = 0.0
    latencies: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def busy_ms(self) -> float:
        """Milliseconds of a core's work for each request."""
        return 1000 * self.busy / len(self.latencies)

    def percentile(self, percent: float) -> float:
        """The nearest-rank percentile of the latencies, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]

    @property
    def answered(self) -> int:
        """How many were answered 2xx."""
        return sum(count for answer, count in self.answers.items() if answer[:1] == "2" or answer == "spooled")

    @property
    def last(self) -> float:
        """The longest latency: when the last of what was due at one instant was answered."""
        return max(self.latencies)

    def __add__(self, other: "Load") -> "Load":
        return Load(
            self.seconds + other.seconds,
            self.busy + other.busy,
            self.latencies + other.latencies,
            self.answers + other.answers,
        )


@dataclass(slots=True)
class Exchange:
    """One request on its way. `start` is when it was due or, unpaced, when it was sent."""

    start: float
    answer: bytes = b""


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def schedule(requests: Iterable[bytes], seconds: float, pace: float | None) -> Iterator[tuple[float, bytes]]:
    """Each request with the moment that it is due: at once (0), or `pace` of them a second. Ends after `seconds`."""
    start = time.perf_counter()
    for n, message in enumerate(requests):
        due = start + n / pace if pace else 0.0
        if (due or time.perf_counter()) >= start + seconds:
            return
        yield due, message


def send(
    address: Address, requests: Iterable[bytes], *, connections: int, seconds: float, pace: float | None = None
) -> Load:
    """Send requests for so long, or until there are no more, and wait for every answer.

    Without `pace` each connection sends its next request when the last is answered. With it, requests are due at so
    many a second whatever the answers do, and their latency counts from then: a stall is seen by all who wait.
    Raises RuntimeError when no answer comes for PATIENCE seconds.
    """
    load, opened, start, busy = Load(), 0, time.perf_counter(), busy_seconds()
    queue = schedule(requests, seconds, pace)
    upcoming = next(queue, None)
    with selectors.DefaultSelector() as selector:
        while upcoming or opened:
            wait = PATIENCE
            if upcoming and opened < connections:
                (due, message), now = upcoming, time.perf_counter()
                if due <= now:
                    selector.register(post(address, message), selectors.EVENT_READ, Exchange(due or now))
                    opened, upcoming = opened + 1, next(queue, None)
                    continue
                wait = due - now
            ready = selector.select(wait)
            if not ready and wait == PATIENCE:
                raise RuntimeError(f"{opened} requests had no answer for {PATIENCE:.0f} s")
            for key, _ in ready:
                opened -= finished(key, selector, load)
    load.seconds, load.busy = time.perf_counter() - start, busy_seconds() - busy
    return load


def busy_seconds() -> float:
    """Seconds that all cores together have worked since the machine started, by the kernel's count."""
    user, nice, system, _idle, _waiting, *rest = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def post(address: Address, message: bytes) -> socket.socket:
    """A connection with the request sent: on loopback neither waits, while both fit into the kernel's buffers."""
    client = socket.create_connection(address)
    client.sendall(message)
    return client


def finished(key: selectors.SelectorKey, selector: selectors.BaseSelector, load: Load) -> bool:
    """Read what is there; at its end note the answer and close."""
    client, exchange = cast(socket.socket, key.fileobj), cast(Exchange, key.data)
    try:
        part = client.recv(65536)
    except ConnectionError:
        part = b""
    if part:
        exchange.answer += part
        return False
    load.latencies.append(time.perf_counter() - exchange.start)
    load.answers[verdict(exchange.answer)] += 1
    selector.unregister(client)
    client.close()
    return True


def verdict(answer: bytes) -> str:
    """The answer's status, and the word in it that tells storing from spooling."""
    if b'"spooled"' in answer:
        return "spooled"
    word = WORD.search(answer)
    return f"{answer[9:12].decode() or 'no answer'} {word[1].decode() if word else ''}".strip()
