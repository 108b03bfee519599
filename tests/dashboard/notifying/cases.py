"""Destinations, and a small server that notes what it is sent."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dashboard.models import Destination
from dashboard.outbox.sealing import seal


def destination(name: str = "phone", url: str = "json://localhost:9/", **more: Any) -> Destination:
    return Destination.objects.create(name=name, sealed=seal(url), service="JSON", **more)


@dataclass
class Listener:
    """What came: paths and bodies. `answer` is the status it answers with; `before` is done before it answers."""

    port: int = 0
    paths: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    answer: int = 200
    before: Callable[[], object] = lambda: None

    def url(self, path: str = "", scheme: str = "json") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{path}"


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            listener.paths.append(self.path)
            listener.bodies.append(json.loads(body) if body else None)
            listener.before()
            self.send_response(listener.answer)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - http.server asks for it by this name

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    listener.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
