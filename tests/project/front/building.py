"""The web half as it runs, before a database of its own, and senders with as little between as a socket."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from benchmarks.databases import migrated
from tests.processes import PATIENCE, wait_for
from tests.project.durability.web import ROOT, Web

PATH = "/api/automated-signals/webhook"
TRADINGVIEW_WAITS = 3  # seconds
OTHERS = 20  # requests that tell what this machine takes for one, as busy as it is
PREPARE = """
import django; django.setup()
from signals.receiving.senders import default_source
source = default_source()
source.open_on_loopback = True
source.save()
"""


def answer_to(sender: socket.socket) -> HTTPResponse:
    response = HTTPResponse(sender)
    response.begin()
    return response


class Door:
    """gunicorn with the front door on SQLite; its source is open to this machine."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        environment = {"DATABASE_URL": "", "VAR_DIR": str(folder), "LOG_LEVEL": "WARNING", "DEMO": "0", **more}
        self.environment = {**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "signalsync_project.settings"}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        (self.folder / "signalsync.sqlite3").write_bytes(migrated())
        self.run(PREPARE)
        self.web = Web(self.folder, self.environment)
        self._stack.callback(self.web.close)
        self.web.start()
        wait_for(self.is_up, "the front door answers")
        self.within = PATIENCE
        self.within = TRADINGVIEW_WAITS + max(self.seconds_of_an_answer() for _ in range(OTHERS))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=self.environment)

    def is_up(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.web.port), timeout=PATIENCE) as client:
            client.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            return bool(client.recv(1))

    def seconds_of_an_answer(self) -> float:
        asked = monotonic()
        self.get("/healthz")
        return monotonic() - asked

    def connect(self, opening: bytes) -> socket.socket:
        sender = socket.create_connection(("127.0.0.1", self.web.port), timeout=self.within)
        sender.sendall(opening)
        return sender

    def message(self, body: bytes, path: str = PATH, host: str = "127.0.0.1") -> bytes:
        return f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def request(self, method: str, path: str, body: bytes | None = None) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.web.port, timeout=self.within)
        connection.request(method, path, body)
        response = connection.getresponse()
        response.text = response.read().decode()
        connection.close()
        return response

    def get(self, path: str) -> HTTPResponse:
        return self.request("GET", path)

    def post(self, number: int) -> HTTPResponse:
        return self.request("POST", PATH, json.dumps({"event_type": "HEARTBEAT", "timestamp": number}).encode())

    def measured(self, name: str, label: str) -> int:
        """How often it was, as far as it is stored by now."""
        with sqlite3.connect(self.folder / "signalsync.sqlite3") as database:
            asked = "SELECT number FROM measurements WHERE name = ? AND labels = ?"
            found = database.execute(asked, [name, json.dumps([label])]).fetchone()
        return int(found[0]) if found else 0

    def received(self, body: bytes) -> list[datetime]:
        """When the deliveries of this body that are stored by now arrived."""
        with sqlite3.connect(self.folder / "signalsync.sqlite3") as database:
            rows = database.execute(
                "SELECT received_at FROM deliveries JOIN delivery_bodies USING (id) WHERE raw = ?", [body]
            ).fetchall()
        return [datetime.fromisoformat(text).replace(tzinfo=UTC) for (text,) in rows]
