"""Pages that follow what happens, by server-sent events: that something has changed, and no more than that.

A stream is held by the loop of the front door and costs a buffer. Who may have one is said by the processes of the
pages: they are asked as for any page, and answer with the header ALLOWED. One thread looks for changes while anybody
follows, whatever their number.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

CHANGES = "/console/changes/"
ALLOWED = "X-Follow"
LOOK_EVERY = 1.0  # seconds between two looks for a change
STILL_EVERY = 15.0  # seconds; proxies end what is silent for longer
FOLLOWED_FOR = 300.0  # seconds; then the browser comes again, and is asked again who it is
MOST_FOLLOWERS = 200  # of one worker
UNREAD = 64 * 1024  # bytes that somebody has not taken: he is gone
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store, no-transform\r\n"
    b"X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nretry: 3000\n"
)

log = logging.getLogger(__name__)


class Reader(Protocol):
    """Somebody who follows: a call that is answered as long as it is held."""

    def hold(self, seconds: float, data: bytes) -> None: ...
    def tell(self, data: bytes, unread: int) -> bool: ...
    def end(self) -> None: ...


def is_allowed(answer: bytes) -> bool:
    """Whether the pages let whoever asked follow."""
    head = answer.partition(b"\r\n\r\n")[0].lower()
    return head.startswith(b"http/1.1 200") and f"\r\n{ALLOWED.lower()}: yes".encode() in head


def event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def version() -> str:
    """In a thread of its own; "" while the database does not answer."""
    from django.db import Error as DatabaseError
    from django.db import close_old_connections

    from dashboard.replica import current, reading
    from dashboard.watching.changes import version as of_now

    try:
        close_old_connections()
        with reading(current()):  # as the pages do that are told of it
            return of_now()
    except DatabaseError as error:
        log.warning("whether anything has changed cannot be told: %s", error)
        return ""


class Following:
    """Everything but `look` runs in the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, look: Callable[[], str] = version) -> None:
        self.loop, self.look = loop, look
        self.followers: dict[Reader, float] = {}  # with the moment at which each ends
        self.known = ""
        self.task: asyncio.Task[None] | None = None
        self.thread = ThreadPoolExecutor(1, "changes")

    def add(self, call: Reader) -> bool:
        """Let somebody follow; False where that would be one too many."""
        if len(self.followers) >= MOST_FOLLOWERS:
            return False
        self.followers[call] = self.loop.time() + FOLLOWED_FOR
        call.hold(FOLLOWED_FOR + STILL_EVERY, HEAD + event("begin", self.known))
        if self.task is None or self.task.done():
            self.task = self.loop.create_task(self.watch())
        return True

    async def watch(self) -> None:
        said = self.loop.time()
        while self.followers:
            found = await self.loop.run_in_executor(self.thread, self.look)
            now = self.loop.time()
            if found and found != self.known:
                self.known, said = found, now
                self.tell(event("changed", found), now)
            elif now - said >= STILL_EVERY:
                said = now
                self.tell(event("still", self.known), now)
            await asyncio.sleep(LOOK_EVERY)

    def tell(self, data: bytes, now: float) -> None:
        for call, ends in list(self.followers.items()):
            if now > ends or not call.tell(data, UNREAD):
                self.leave(call)

    def leave(self, call: Reader) -> None:
        del self.followers[call]
        call.end()

    def close(self) -> None:
        for call in list(self.followers):
            self.leave(call)
        self.thread.shutdown(wait=False, cancel_futures=True)
