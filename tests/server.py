"""Who we post to: a real HTTP server on this machine that keeps what it was sent, and answers as it is told."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Barrier, Event

from tests.listening import Handler, listening


@dataclass
class Server:
    """`status` is what it answers, with `body`. With `silent` it takes the request and says nothing; with `drip` its
    head never ends, with `endless` its body.

    With `together` it answers nobody until as many are waiting.
    """

    url: str = ""
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    silent: bool = False
    drip: bool = False
    endless: bool = False
    together: Barrier | None = None
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    closing: Event = field(default_factory=Event)


@contextmanager
def serving() -> Iterator[Server]:
    told = Server()

    class Told(Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.received.append((dict(self.headers), body))
            if told.together:
                told.together.wait(30)
            if told.silent:
                told.closing.wait(30)
                return
            if told.drip:
                while not told.closing.wait(0.05):
                    self.wfile.write(b"X")  # a status line that never ends
                return
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(told.body)
                while told.endless and not told.closing.is_set():
                    self.wfile.write(b"a" * 1000)

    with listening(Told) as address:
        told.url = f"{address}/requests"
        try:
            yield told
        finally:
            told.closing.set()
