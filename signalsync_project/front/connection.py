"""One connection of a sender or a browser: read whole, answered, closed. Everything here runs in the loop's thread."""

import asyncio
import socket
import struct
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, cast

from .counter import Counter
from .following import CHANGES, is_allowed
from .framing import Incoming

READ_WITHIN = 20.0  # seconds for an alert from its first byte; of anything else, between two parts
WRITE_WITHIN = 15.0  # seconds in which a reader must have taken something
PAGE_WITHIN = 40.0  # seconds; the pages' own limit, 30, comes first
LINGER = 2.0  # seconds in which a sender that is refused early may finish, to hear why
UNSENT = 4 * 1024 * 1024  # bytes of an answer that wait in memory for a slow reader; beyond it the page waits, too
PAGE_LIMIT = 110 * 1024 * 1024  # bytes of a body; the console's uploads end below it
PAGES_START = 10.0  # seconds that a page waits for its processes to start
AGAIN = 0.1
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Of Linux's tcp_info: eight bytes, then numbers of 32 bits, the twelfth being milliseconds since data came last.
LAST_DATA_RECEIVED = struct.Struct("=52xI")


def arrival(sock: Any) -> float:
    """When the bytes that wait in a socket reached this machine, in seconds since 1970: the kernel remembers.

    A process that was stopped or busy sees them late, and an alert's minute must not depend on that.
    """
    now = time.time()
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECEIVED.size)
        return now - float(LAST_DATA_RECEIVED.unpack(info)[0]) / 1000
    except (OSError, AttributeError, struct.error):
        return now


class Connection(asyncio.Protocol):
    """Carries one request. `until` is when it is dropped unless something moves, in the loop's time."""

    def __init__(self, worker: Counter) -> None:
        self.worker, self.incoming = worker, Incoming()
        self.until = worker.loop.time() + READ_WITHIN
        self.call: Call | None = None
        self.arrived = 0.0
        self.unsent = 0
        self.passing: Passing | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(UNSENT)
        self.worker.admit(self)

    def data_received(self, data: bytes) -> None:
        if self.call is not None:
            return  # of a request that was refused early: thrown away, so that its sender can read why
        incoming = self.incoming
        if not self.arrived:
            self.arrived = arrival(self.transport.get_extra_info("socket"))
        if incoming.head is None:
            if not incoming.take_head(data):
                return
            if incoming.too_long:
                self.begin()
                return
            incoming.most = self.worker.body_limit if self.alert else PAGE_LIMIT
            data = b""
        enough = incoming.take_body(data)
        if enough:
            self.begin()
        elif not data and (head := incoming.head) and head.waits:
            self.transport.write(CONTINUE)
        if not self.alert:
            self.until = self.worker.loop.time() + READ_WITHIN

    @property
    def alert(self) -> bool:
        return self.incoming.head is not None and self.worker.is_alert(self.incoming.head.path)

    def begin(self, cut_off: bool = False) -> None:
        self.call = Call(self)
        self.until = self.worker.loop.time() + PAGE_WITHIN
        self.transport.pause_reading()
        if cut_off:
            self.call.refuse(HTTPStatus.BAD_REQUEST, "The body was cut off.")
        elif self.incoming.head is None:
            self.call.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too long.")
        elif self.incoming.too_long and not self.call.alert:
            self.call.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body may have at most {PAGE_LIMIT} bytes.")
        else:
            self.worker.take(self.call)

    def eof_received(self) -> bool:
        """Half closed. Who has sent all may still read."""
        if self.call is None and self.alert:
            self.begin(cut_off=True)
        return self.call is not None and not self.call.answered

    def connection_lost(self, error: Exception | None) -> None:
        self.worker.connections.pop(self, None)
        if self.passing is not None:
            self.passing.stop()
        self.incoming.body.close()

    def finish(self) -> None:
        """All is written, or waits in the transport to be sent."""
        now = self.worker.loop.time()
        self.until = now + WRITE_WITHIN
        if not self.incoming.too_long:
            self.transport.close()
        elif self.transport.can_write_eof() and not self.transport.is_closing():
            self.until = now + LINGER
            self.transport.write_eof()
            self.transport.resume_reading()

    def overdue(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent < self.unsent:
            self.until = max(self.until, now + WRITE_WITHIN)
        self.unsent = unsent
        return now > self.until

    def drop(self) -> None:
        self.worker.connections.pop(self, None)
        self.transport.abort()

    def pause_writing(self) -> None:
        if self.passing is not None:
            self.passing.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.passing is not None:
            self.passing.transport.resume_reading()


class Call:
    """A whole request, and what becomes of it."""

    def __init__(self, connection: Connection) -> None:
        head = connection.incoming.head
        self.connection, self.worker = connection, connection.worker
        self.arrived = connection.arrived
        self.peer: Any = connection.transport.get_extra_info("peername") or ""
        self.alert = connection.alert
        self.size = len(connection.incoming.block) + connection.incoming.size
        self.path = head.path if head else b""
        self.post = head is not None and head.method == b"POST" and not connection.incoming.too_long
        self.answered = False
        self.unasked = False  # whether the journal has it though the database could be asked
        self.follows = self.path == CHANGES.encode() and head is not None and head.method == b"GET"

    def parts(self) -> Iterator[bytes]:
        return self.connection.incoming.parts()

    def age(self) -> float:
        """Seconds since its first byte came."""
        return max(0.0, time.time() - self.arrived)

    def answer(self, data: bytes) -> None:
        """Only the first answer counts: a thread that was too slow says what nobody waits for any more."""
        if self.follows and not self.answered and is_allowed(data):
            self.follow()
        elif not self.answered:
            self.answered = True
            if self.alert:
                self.worker.timed(self.age(), data)
            if not self.connection.transport.is_closing():
                self.connection.transport.write(data)
                self.connection.finish()

    def follow(self) -> None:
        if not self.connection.transport.is_closing() and not self.worker.following.add(self):
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many follow already.")

    def hold(self, seconds: float, data: bytes) -> None:
        """Begin an answer that goes on, for at most so long; and notice when its reader goes."""
        self.answered = True
        self.connection.until = self.worker.loop.time() + seconds
        self.connection.transport.resume_reading()
        self.connection.transport.write(data)

    def tell(self, data: bytes, unread: int) -> bool:
        """Go on with it; False once nobody is there or reads it."""
        transport = self.connection.transport
        if transport.is_closing() or transport.get_write_buffer_size() > unread:
            return False
        transport.write(data)
        return True

    def end(self) -> None:
        self.connection.finish()

    def refuse(self, status: HTTPStatus, detail: str) -> None:
        said = self.worker.plain(status, {"status": "refused", "detail": detail})
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self.worker.note(None, self.peer, said)
        self.answer(said)

    def pass_on(self, loop: asyncio.AbstractEventLoop, path: str) -> None:
        """Have the processes of the pages answer."""
        task = loop.create_task(self._pass_on(loop, path))
        self.worker.tasks.add(task)
        task.add_done_callback(self.worker.tasks.discard)

    async def _pass_on(self, loop: asyncio.AbstractEventLoop, path: str) -> None:
        deadline = loop.time() + PAGES_START
        while not self.connection.transport.is_closing():
            try:
                await loop.create_unix_connection(lambda: (Asking if self.follows else Passing)(self), path)
                return
            except OSError:  # starting, or its queue is full
                if loop.time() > deadline:
                    self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too busy, or starting. Please try again.")
                    return
            await asyncio.sleep(AGAIN)


class Passing(asyncio.Protocol):
    """The other half of a connection whose request is passed on: to the pages, with whose it is in front."""

    def __init__(self, call: Call) -> None:
        self.call, self.client = call, call.connection
        self.parts: Iterator[bytes] = call.parts()
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.client.passing = self
        if self.client.transport.is_closing():
            self.transport.abort()
            return
        self.transport.write(self.proxy_line())
        self.send()

    def proxy_line(self) -> bytes:
        """As the PROXY protocol has it: the address that the request came from."""
        if not isinstance(self.call.peer, tuple):
            return b""
        ours = self.client.transport.get_extra_info("sockname")
        (peer, port), (host, own) = self.call.peer[:2], ours[:2]
        family = "TCP6" if ":" in peer else "TCP4"
        return f"PROXY {family} {peer.split('%')[0]} {host.split('%')[0]} {port} {own}\r\n".encode()

    def send(self) -> None:
        while not self.paused and (part := next(self.parts, b"")):
            self.transport.write(part)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.send()

    def data_received(self, data: bytes) -> None:
        if not self.client.transport.is_closing():
            self.call.answered = True
            self.client.until = self.call.worker.loop.time() + WRITE_WITHIN
            self.client.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.call.answered:
            self.call.refuse(HTTPStatus.BAD_GATEWAY, "Answering failed; see the log.")
        elif not self.client.transport.is_closing():
            self.client.finish()

    def stop(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


class Asking(Passing):
    """A passing that keeps the answer: it says whether somebody may follow, and goes back only where not."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.said = bytearray()

    def data_received(self, data: bytes) -> None:
        self.said += data

    def connection_lost(self, error: Exception | None) -> None:
        if self.said:
            self.call.answer(bytes(self.said))
        else:
            super().connection_lost(error)
