"""Eight senders of a simulated stream, who send each alert until they hear 2xx, and behave as relays do.

Each has two sources: one tells of markets long ago, as fast as it is let, and one of what happens now. Some posts come
twice, some stop in the middle of the body, some are sent and nobody waits for the answer: all these are sent again.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPResponse
from random import Random
from typing import NamedTuple

from signals.clock import floor_minute
from signals.simulator import DIALECTS, Alert, Scenario, stream

CLIENTS = 8
HISTORY, FUTURE = timedelta(days=2), timedelta(hours=6)
CUT, DEAF, TWICE = 0.03, 0.02, 0.05  # shares of posts: stop in mid-body, do not wait for the answer, come again
PATIENCE = 10.0  # seconds that a sender waits for an answer
AGAIN_AFTER = 0.3


class Line(NamedTuple):
    """A source as its sender sees it."""

    source: str
    path: str
    scenario: Scenario


class Try(NamedTuple):
    """One post: by our own clock when it began and ended, and its status; 0 without one."""

    begun: float
    ended: float
    status: int
    spooled: bool = False


@dataclass
class Sent:
    """What is known of one body of one source."""

    tries: list[Try] = field(default_factory=list)

    @property
    def acknowledged(self) -> list[Try]:
        return [each for each in self.tries if 200 <= each.status < 300]


def scenarios(seed: int, now: datetime) -> Iterator[tuple[str, Scenario]]:
    """Two sources for each client, each with a market that never closes."""
    dialects, today = list(DIALECTS), floor_minute(now)
    for number in range(2 * CLIENTS):
        start = today if number % 2 else today - HISTORY
        yield (
            f"torture-{number:02d}",
            Scenario(
                1000 * seed + number,
                start,
                start + (FUTURE if number % 2 else HISTORY),
                dialects[number // 2 % len(dialects)],
                ticker=f"BINANCE:TORT{number:02d}USDT, 1m",
                alert_id=str(9200000000 + number),
            ),
        )


class Client(threading.Thread):
    """See the module. `sent` is read once the thread has ended."""

    def __init__(self, number: int, seed: int, port: int, lines: Sequence[Line], fast: float) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.random = Random(f"{seed}/client/{number}")
        self.port, self.pause = port, 1 / fast
        self.old, self.live = lines
        self.sent: dict[tuple[str, bytes], Sent] = {}
        self.heard_at = 0.0
        self.answers: Counter[str] = Counter()
        self.stopping = threading.Event()
        self.given_up = threading.Event()

    def run(self) -> None:
        old, live = stream(self.old.scenario), stream(self.live.scenario)
        upcoming: Alert | None = next(live, None)
        while not self.stopping.wait(self.random.expovariate(1 / self.pause)):
            if upcoming and upcoming.fire_time <= datetime.now(UTC):
                self.deliver(self.live, upcoming.body)
                upcoming = next(live, None)
            elif alert := next(old, None):
                self.deliver(self.old, alert.body)

    def deliver(self, line: Line, body: bytes) -> None:
        """Until it is acknowledged."""
        sent = self.sent.setdefault((line.source, body), Sent())
        draw = self.random.random()
        if draw < CUT:
            sent.tries.append(self.post(line, body, part=self.random.randrange(len(body))))
        elif draw < CUT + DEAF:
            sent.tries.append(self.post(line, body, deaf=True))
        while not self.given_up.is_set():
            sent.tries.append(self.post(line, body))
            if 200 <= sent.tries[-1].status < 300:
                self.heard_at = sent.tries[-1].begun
                break
            self.given_up.wait(AGAIN_AFTER)
        if self.random.random() < TWICE:
            sent.tries.append(self.post(line, body))

    def post(self, line: Line, body: bytes, part: int | None = None, deaf: bool = False) -> Try:
        head = f"POST {line.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        message = f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body[:part]
        begun, status, text = time.time(), 0, b""
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)) as connection:
                connection.sendall(message)
                if part is None and not deaf:
                    status, text = answer_of(connection)
        except (OSError, HTTPException):
            pass  # killed in the middle, frozen, or still starting
        spooled = b'"spooled"' in text
        if part is not None:
            self.answers["cut off in the body"] += 1
        elif deaf:
            self.answers["left without listening"] += 1
        else:
            self.answers["spooled" if spooled else str(status or "no answer")] += 1
        return Try(begun, time.time(), status, spooled)


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """The status and text of a whole answer. Raises OSError and HTTPException."""
    response = HTTPResponse(connection)
    response.begin()
    return response.status, response.read()
