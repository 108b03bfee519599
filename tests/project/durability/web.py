"""The web half as `manage.py serve` runs it, and senders that do not give up."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from signalsync_project.gunicorn import LISTENING_FD
from tests.processes import PATIENCE, children_of, wait_for

ROOT = Path(__file__).resolve().parents[3]
SENDERS = 4
RETRY_AFTER = 0.05  # seconds between a sender's tries
KINDS = ("SIGNAL_CREATED", "ENTRY", "MFE_UPDATE")


class Web:
    """gunicorn on a listening socket that outlives it: what arrives while it restarts waits in the queue."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.listener.set_inheritable(True)
        fd = self.listener.fileno()
        self.environment = {**environment, LISTENING_FD: str(fd)}
        self.log = (folder / "web.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def start(self) -> None:
        web = ("gunicorn", "-c", "python:signalsync_project.gunicorn", "signalsync_project.wsgi:application")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "signalsync_project.supervised", str(os.getpid()), *web],
            cwd=ROOT,
            env=self.environment,
            pass_fds=[self.listener.fileno()],
            stdout=self.log,
            stderr=self.log,
        )

    def workers(self) -> list[int]:
        assert self.process is not None
        return children_of(self.process.pid)

    def kill_worker(self) -> None:
        wait_for(lambda: bool(self.workers()), "gunicorn has a worker")
        os.kill(self.workers()[0], signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL for the master; the kernel kills the workers with it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.listener.close()
        self.log.close()


def alerts() -> Iterator[bytes]:
    """Distinct bodies without end: three alerts a trade."""
    number = 0
    while True:
        hour, minute, second = number // 3600 % 24, number // 60 % 60, number % 60
        trade = f"20251211_{hour:02}{minute:02}{second:02}000_BULLISH"
        for kind in KINDS:
            fields = {"event_type": kind, "trade_id": trade, "direction": "Bullish", "be_mfe": 0.25, "no_be_mfe": 0.25}
            yield json.dumps(fields | ({"entry_price": 25740, "stop_loss": 25730} if kind == "ENTRY" else {})).encode()
        number += 1


class Senders:
    """Threads that post bodies and, as TradingView should, send again until they hear 2xx."""

    def __init__(self, port: int, path: str) -> None:
        self.port, self.path = port, path
        self.answers: dict[bytes, list[dict[str, Any]]] = defaultdict(list)
        self.tries: Counter[bytes] = Counter()
        self.refused: list[tuple[int, bytes]] = []
        self._bodies = alerts()
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(SENDERS)]
        self._offered = 0
        for thread in self._threads:
            thread.start()

    def offer(self, count: int) -> None:
        for _ in range(count):
            self._queue.put(next(self._bodies))
        self._offered += count

    def wait_until_answered(self, all_but: int = 0) -> None:
        wanted = self._offered - all_but
        wait_for(lambda: len(self.answers) >= wanted or bool(self.refused), f"{wanted} alerts are answered with 2xx")
        assert not self.refused, self.refused[:3]

    def close(self) -> None:
        self._stop.set()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (body := self._queue.get()) is not None:
            while not self._stop.is_set() and not self._answered(body):
                self._stop.wait(RETRY_AFTER)

    def _answered(self, body: bytes) -> bool:
        self.tries[body] += 1
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            # Every third alert comes as a proxy may send it, in chunks.
            chunked = body.find(b"MFE_UPDATE") > 0
            connection.request(
                "POST",
                self.path,
                body=iter([body[:20], body[20:]]) if chunked else body,
                headers={"Content-Type": "application/json"},
                encode_chunked=chunked,
            )
            response = connection.getresponse()
            status, text = response.status, response.read()
        except (OSError, HTTPException):
            return False  # killed in the middle, or still starting
        finally:
            connection.close()
        if 200 <= status < 300:
            self.answers[body].append(json.loads(text))
            return True
        if status < 500:
            self.refused.append((status, text))
            return True
        return False
