"""A vendor: a real HTTP server on this machine that speaks the protocols of the feeds, and fails as it is told."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

from signals.clock import MINUTE
from tests.servers import listening

KEY = "a-key-of-nobody"
START = datetime(2025, 12, 10, 15, 0, tzinfo=UTC)  # a Wednesday, 10:00 in New York
Row = tuple[datetime, float, float, float, float]


def calm(minutes: range, level: float = 25_700) -> list[Row]:
    """Bars that begin so many minutes after START, their closes in turn 0, 1 and 2 points above the level."""
    closes = [(START + minute * MINUTE, level + minute % 3) for minute in minutes]
    return [(time, close, close + 1, close - 1, close) for time, close in closes]


@dataclass
class Vendor:
    """What it has, and how it fails: `failures` are status and headers of the next answers, in turn.

    With `silent` it takes the request and says nothing; with `drip` its answer never ends.
    """

    url: str = ""
    rows: list[Row] = field(default_factory=list)
    page: int = 50_000
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    body: bytes | None = None  # whatever it should say
    upto: datetime | None = None  # up to where Databento lets the key look
    silent: bool = False
    drip: bool = False
    asked: list[str] = field(default_factory=list)
    closing: Event = field(default_factory=Event)

    def between(self, start: datetime, end: datetime) -> list[Row]:
        return [row for row in self.rows if start <= row[0] < end]

    def massive(self, path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """Pages by a cursor: the place of the first row."""
        futures, first = path.startswith("/futures/"), int(query.get("cursor", ["0"])[0])
        if futures:
            unit, bounds = 10**9, (int(query["window_start.gte"][0]), int(query["window_start.lt"][0]))
        else:
            unit, bounds = 1000, (int(path.split("/")[-2]), int(path.rsplit("/", maxsplit=1)[-1]) + 1)
        rows = self.between(*(datetime.fromtimestamp(bound / unit, UTC) for bound in bounds))
        names = ("window_start", "open", "high", "low", "close") if futures else ("t", "o", "h", "l", "c")
        shown = rows[first : first + self.page]
        told = [dict(zip(names, (int(row[0].timestamp()) * unit, *row[1:]), strict=True)) for row in shown]
        body: dict[str, Any] = {"status": "OK", "results": told} if told else {"status": "OK"}
        if first + self.page < len(rows):
            rest = "&".join(f"{name}={values[0]}" for name, values in query.items() if name != "cursor")
            body["next_url"] = f"{self.url}{path}?{rest}&cursor={first + self.page}"
        return body

    def databento(self, form: dict[str, list[str]]) -> tuple[int, bytes]:
        start, end = (datetime.fromisoformat(form[name][0]) for name in ("start", "end"))
        if self.upto and end > self.upto:
            says = f"The dataset GLBX.MDP3 has data available up to '{self.upto}'. Ask for less."
            detail = {"detail": {"case": "data_end_after_available_end", "message": says, "status_code": 422}}
            return 422, json.dumps(detail).encode()
        lines = ["ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume"]
        for time, *prices in self.between(start, end):
            fixed = ",".join(str(int(price * 10**9)) for price in prices)
            lines.append(f"{int(time.timestamp()) * 10**9},33,1,42,{fixed},7")
        return 200, "\n".join(lines).encode()


@contextmanager
def selling(**options: Any) -> Iterator[Vendor]:
    vendor = Vendor(**options)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            allowed = self.headers.get("Authorization") == f"Bearer {KEY}"
            self.reply(allowed, lambda: (200, json.dumps(vendor.massive(parts.path, parse_qs(parts.query))).encode()))

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.reply("Basic " in self.headers.get("Authorization", ""), lambda: vendor.databento(form))

        def reply(self, allowed: bool, answer: Callable[[], tuple[int, bytes]]) -> None:
            vendor.asked.append(self.path)
            if vendor.silent:
                vendor.closing.wait(30)
                return
            if vendor.failures:
                status, headers = vendor.failures.pop(0)
                body = b'{"message": "as it was told"}'
            else:
                headers = {"X-RateLimit-Remaining": "3"}
                status, body = answer() if allowed else (401, b'{"error": "Unknown API Key"}')
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            while vendor.drip and not vendor.closing.wait(0.05):
                self.wfile.write(b" ")
            self.wfile.write(body if vendor.body is None else vendor.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with listening(Handler) as address:
        vendor.url = address
        try:
            yield vendor
        finally:
            vendor.closing.set()


@dataclass
class Clock:
    """Seconds that only sleeping makes go by."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def hours(number: float) -> timedelta:
    return timedelta(hours=number)
