"""What a connection and the journal need of the worker that they belong to, so that neither imports it."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from .following import Following


class Answer(bytearray):
    """Stands for a socket where gunicorn writes an answer."""

    def sendall(self, data: bytes) -> None:
        self += data

    def send(self, data: bytes) -> int:
        return len(data)  # "100 Continue", which was said before the body came

    def gettimeout(self) -> float:
        return 0.0


class Asked(NamedTuple):
    """A request as gunicorn has read it, and what the application needs to answer it into `client`."""

    request: Any
    client: Answer
    peer: Any
    response: Any
    environ: dict[str, Any]


class Counter(Protocol):
    """The worker, as `worker.FrontWorker` is one. Everything runs in the loop's thread, but what the journal asks."""

    loop: asyncio.AbstractEventLoop
    body_limit: int  # bytes of an alert
    pages_at: str  # the pages' Unix socket; "" where a thread here answers them
    connections: dict[Any, None]
    tasks: set["asyncio.Task[None]"]
    following: Following
    cfg: Any
    log: Any

    def admit(self, connection: Any) -> None: ...
    def is_alert(self, path: bytes) -> bool: ...
    def take(self, call: Any) -> None: ...
    def not_kept(self) -> None: ...
    def timed(self, seconds: float, answer: bytes) -> None: ...
    def note(self, request: Any, peer: Any, answer: bytes) -> None: ...
    def asked(self, parts: Iterable[bytes], peer: Any, arrived: float) -> Asked | bytes: ...
    def plain(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> bytes: ...
