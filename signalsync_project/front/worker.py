"""gunicorn's worker for the front door: one loop that reads and writes, few threads that answer alerts.

A connection that is idle, slow to send or slow to read costs a buffer, and no process. Alerts are answered here; every
other request goes to the processes of the pages (`signalsync_project.pages`), so that nothing done there can hold up
an alert. Without those, when gunicorn is started by itself, a few threads of this process answer pages.
"""

import asyncio
import gc
import json
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from itertools import count
from math import inf
from typing import Any

import uvloop
from gunicorn.http import get_parser, wsgi
from gunicorn.workers.base import Worker

from signalsync_project import started
from signalsync_project.masking import masked

from .alerts import ARRIVED, WEBHOOK
from .connection import Call, Connection
from .counter import Answer, Asked
from .following import Following
from .journal import Journal
from .waiting import MOST_TOGETHER, Rush, Waiting

PAGES = "SIGNALSYNC_PAGES"
"""Variable with the Unix socket of the processes that answer pages."""
ALERTS = WEBHOOK.encode()
ALIVE = b"/healthz"  # asks whether this process answers
WARM_UP = b"OPTIONS %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % ALERTS
WEBHOOK_THREADS = 2
PAGE_THREADS = 4
TURN_WITHIN = 0.8  # seconds that an alert waits for its turn
ANSWER_WITHIN = 1.8  # seconds from arrival to the journal, whatever a thread hangs in
ACCEPTED_AT_ONCE = 8
SWEEP = 0.5  # seconds between looks at what is overdue
MOST_CONNECTIONS = 1000
GATHERED_WITHIN = 0.006  # seconds that the first of a crowd may wait for the others
STILL_COMING = 0.001  # seconds after one has come that the next may take; uvloop makes it half of that, mostly
SOON_DONE = 0.05  # seconds after which another thread begins with what waits for one
YOUNG = 10_000  # objects after which Python looks for garbage; 700 otherwise, which is several times in a group
SPOOLED = re.compile(rb'"spooled": ?true')


class FrontWorker(Worker):  # type: ignore[misc]
    """See the module. Everything but `answer` runs in the loop's thread."""

    loop: asyncio.AbstractEventLoop
    journal: Journal
    following: Following
    rush: Rush
    body_limit = 0
    bound_to: Any = None
    crowd = 0  # so many alerts are waited for before the next are taken in, until `gathering` ends
    gathering: asyncio.TimerHandle | None = None
    gathered_by = 0.0

    def run(self) -> None:
        from signals.parcels import MAX_BODY
        from signals.receiving.draining import Keeper
        from signals.receiving.together import grouping
        from signals.storage.deadlines import give_up_in_time

        give_up_in_time()
        self.body_limit, self.keeper = MAX_BODY, Keeper()
        self.bound_to = self.sockets[0].getsockname()  # a socket that is closed, as when we stop, knows it no more
        self.connections: dict[Connection, None] = {}  # in order of their arrival
        self.tasks: set[asyncio.Task[None]] = set()  # the loop itself remembers them weakly
        self.running: dict[Call, float] = {}  # alerts that a thread is to answer, with the moment
        self.pages_at = os.environ.get(PAGES, "")
        self.waiting = Waiting()  # of these, what no thread has begun
        self.busy: dict[int, float] = {}  # what threads are at, by number, with the moment
        self.begun, self.grouping = count(), grouping
        self.alert_threads = ThreadPoolExecutor(WEBHOOK_THREADS, "alerts")
        self.page_threads = ThreadPoolExecutor(PAGE_THREADS, "pages")
        self.answer([WARM_UP], ("127.0.0.1", 0), time.time())  # loads what the first alert must not wait for
        gc.collect()
        started(YOUNG)  # to look through what is loaded takes a tenth of a second each time
        uvloop.run(self.serve())

    async def serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.journal, self.following, self.rush = Journal(self), Following(self.loop), Rush(self.loop)
        self.keeper.start()
        servers = [await self.listen(each.sock) for each in self.sockets]
        while self.alive and self.ppid == os.getppid():
            self.sweep()
            await asyncio.sleep(SWEEP)
        for server in servers:
            server.close()
        await self.finish()

    async def listen(self, listener: socket.socket) -> asyncio.AbstractServer:
        """asyncio takes as many connections at a time as the queue is long: few, so that the processes share them."""
        server = await self.loop.create_server(partial(Connection, self), sock=listener, backlog=ACCEPTED_AT_ONCE)
        listener.listen(self.cfg.backlog)
        return server

    async def finish(self) -> None:
        """Answer what is being answered, as long as gunicorn lets us."""
        end = self.loop.time() + self.cfg.graceful_timeout - 1
        self.following.close()
        while any(each.call for each in self.connections) and self.loop.time() < end:
            self.notify()
            self.sweep()
            await asyncio.sleep(0.05)
        self.keeper.stop()
        for each in list(self.connections):
            each.drop()
        # What hangs in a thread must not keep the process.
        for threads in (self.alert_threads, self.page_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    def sweep(self) -> None:
        now = self.loop.time()
        for each in [each for each in self.connections if each.overdue(now)]:
            each.drop()
        # A thread that hangs beyond every deadline is a reason to be ended, as it is in gunicorn's own workers.
        if all(now - since < self.timeout for since in self.running.values()):
            self.notify()

    # -- connections

    def admit(self, connection: Connection) -> None:
        """Make room by letting go of who has waited longest without a whole request."""
        self.connections[connection] = None
        if len(self.connections) > MOST_CONNECTIONS:
            idle = next((each for each in self.connections if each.call is None), connection)
            idle.drop()

    def is_alert(self, path: bytes) -> bool:
        return path.startswith(ALERTS) and path[len(ALERTS) : len(ALERTS) + 1] in (b"", b"/")

    def take(self, call: Call) -> None:
        """A whole request."""
        if call.alert:
            self.take_alert(call)
        elif self.pages_at and call.path.rstrip(b"/") != ALIVE:
            call.pass_on(self.loop, self.pages_at)
        else:
            self.submit(self.page_threads, call)

    # -- alerts

    def take_alert(self, call: Call) -> None:
        late = call.age() >= ANSWER_WITHIN  # it waited for us to start: that says nothing of the database
        if call.post and (late or not self.journal.breaker.allows()):
            self.journal.add(call)
            return
        if call.post and self.rush.takes(call, self.waiting):
            call.unasked = True
            self.journal.add(call)
            return
        self.running[call] = self.loop.time()
        self.waiting.add(call)
        self.loop.call_later(TURN_WITHIN, self.turn_is_over, call)
        self.loop.call_later(ANSWER_WITHIN - call.age(), self.time_is_over, call)
        self.go_on_gathering()
        self.begin()

    def not_kept(self) -> None:
        self.rush.fail()

    def begin(self) -> None:
        """Give what waits to a thread. While one is at work, alerts gather for it; another helps out if it is not soon
        done."""
        if not self.waiting.are(self.crowd):
            return
        now = self.loop.time()
        while self.waiting and len(self.busy) < WEBHOOK_THREADS:
            if (done_by := max(self.busy.values(), default=-inf) + SOON_DONE) > now:
                self.loop.call_at(done_by, self.begin)
                return
            calls, number = self.waiting.next(), next(self.begun)
            if len(calls) > 1 and not self.grouping.allows():
                del calls[1:]
            self.waiting.remove(calls)
            self.busy[number] = now
            future = self.alert_threads.submit(self.answer_alerts, calls)
            future.add_done_callback(partial(self.hand_back, number, calls))

    def gather(self, crowd: int) -> None:
        """After some were there together, wait a moment for as many again: each alone costs half as much again."""
        if self.gathering is not None:
            self.gathering.cancel()
        self.crowd, self.gathered_by = min(crowd, MOST_TOGETHER) if crowd > 1 else 0, self.loop.time() + GATHERED_WITHIN
        self.gathering = self.loop.call_later(GATHERED_WITHIN, self.gathered) if self.crowd else None

    def go_on_gathering(self) -> None:
        """One has come: so others are on their way, or else they went to another process."""
        if self.gathering is not None:
            self.gathering.cancel()
            left = min(STILL_COMING, self.gathered_by - self.loop.time())
            self.gathering = self.loop.call_later(left, self.gathered)

    def gathered(self) -> None:
        self.crowd, self.gathering = 0, None
        self.begin()

    def hand_back(self, number: int, calls: Sequence[Call], future: "Future[list[bytes]]") -> None:
        self.loop.call_soon_threadsafe(self.all_done, number, calls, future)

    def all_done(self, number: int, calls: Sequence[Call], future: "Future[list[bytes]]") -> None:
        if future.cancelled():
            return  # we are stopping
        del self.busy[number]
        for call in calls:
            self.running.pop(call, None)
        self.gather(len(calls) + len(self.waiting))
        self.begin()
        for call, data in zip(calls, future.result(), strict=True):
            call.answer(data)

    def turn_is_over(self, call: Call) -> None:
        if call.post and call in self.waiting:
            self.waiting.remove([call])
            del self.running[call]
            self.journal.add(call)

    def time_is_over(self, call: Call) -> None:
        """A thread hangs, in a database that is frozen for example. What it may store yet is the same delivery."""
        self.turn_is_over(call)
        if call.post and call in self.running and not call.answered:
            self.journal.breaker.failed()
            self.journal.add(call)

    def submit(self, threads: ThreadPoolExecutor, call: Call) -> None:
        future = threads.submit(self.answer, call.parts(), call.peer, call.arrived)
        future.add_done_callback(lambda done: self.loop.call_soon_threadsafe(self.done, call, done))

    def done(self, call: Call, future: "Future[bytes]") -> None:
        if not future.cancelled():
            call.answer(future.result())

    # -- in threads

    def answer_alerts(self, calls: Sequence[Call]) -> list[bytes]:
        """An answer each, once they are taken in together. Never raises."""
        try:
            return self.taken_in(calls)
        except Exception:
            self.log.exception("taking in %d alerts failed", len(calls))
        return [self.answer(call.parts(), call.peer, call.arrived) for call in calls]

    def taken_in(self, calls: Sequence[Call]) -> list[bytes]:
        from signals.receiving.door import answered
        from signals.storage.deadlines import look_after_connection

        look_after_connection()
        asked = [self.asked(call.parts(), call.peer, call.arrived) for call in calls]
        said = iter(answered([each.environ for each in asked if isinstance(each, Asked)]))
        return [self.said_to(each, next(said)) if isinstance(each, Asked) else each for each in asked]

    def answer(self, parts: Iterable[bytes], peer: Any, arrived: float) -> bytes:
        """What the application says to a request, as bytes. Never raises."""
        asked = self.asked(parts, peer, arrived)
        return self.said_to(asked) if isinstance(asked, Asked) else asked

    def asked(self, parts: Iterable[bytes], peer: Any, arrived: float) -> Asked | bytes:
        """A request, ready for the application; or the answer to what is none."""
        client, request = Answer(), None
        try:
            request = next(get_parser(self.cfg, iter(parts), peer))
            return Asked(request, client, peer, *self.environment(request, client, peer, arrived))
        except BaseException as error:  # noqa: BLE001 - as gunicorn's workers do: everything ends in an answer
            self.handle_error(request, client, peer, error)
            return bytes(client)

    def said_to(self, asked: Asked, decided: Any = None) -> bytes:
        """What the application says, or the answer of Django's that is `decided` already, as bytes. Never raises."""
        application = self.wsgi if decided is None else saying(decided)
        try:
            self.respond(application, asked.request, asked.response, asked.environ)
        except BaseException as error:
            if asked.client:
                self.log.exception("Error handling request")
            else:
                self.handle_error(asked.request, asked.client, asked.peer, error)
        return bytes(asked.client)

    def handle_error(self, request: Any, client: Answer, peer: Any, error: BaseException) -> None:
        """What is no request, or fails beyond the application: gunicorn's answer, and a note on the books."""
        super().handle_error(request, client, peer, error)
        self.note(request, peer, bytes(client))

    def timed(self, seconds: float, answer: bytes) -> None:
        from signals import measuring

        measuring.observe(measuring.WEBHOOK, seconds, in_a_word(answer))

    def note(self, request: Any, peer: Any, answer: bytes) -> None:
        from signals.receiving.refusals import Cause, Refusal, add

        add(
            Refusal(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                cause=Cause.UNREADABLE,
                status=int(answer[9:12] or 0),
                method=str(getattr(request, "method", "") or "")[:10],
                path=masked(str(getattr(request, "uri", "") or ""))[:200],
                host="",
                address=str(peer[0] if isinstance(peer, tuple) else peer)[:60],
                head=answer.rpartition(b"\r\n\r\n")[2][:200].decode(errors="replace"),
            )
        )

    def environment(self, request: Any, client: Answer, peer: Any, arrived: float) -> tuple[Any, dict[str, Any]]:
        response, environ = wsgi.create(request, client, peer, self.bound_to, self.cfg)
        environ |= {ARRIVED: arrived, "wsgi.multithread": True}
        response.force_close()
        return response, environ

    def respond(self, application: Any, request: Any, response: Any, environ: dict[str, Any]) -> None:
        start = datetime.now(UTC)
        parts = application(environ, response.start_response)
        try:
            for part in parts:
                response.write(part)
            response.close()
        finally:
            if self.log.access_log.isEnabledFor(logging.INFO):  # gunicorn composes what nobody reads
                self.log.access(response, request, environ, datetime.now(UTC) - start)
            getattr(parts, "close", lambda: None)()

    @staticmethod
    def plain(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> bytes:
        """An answer in JSON that the application did not write."""
        text = json.dumps(body).encode()
        lines = {"Content-Type": "application/json", "Content-Length": str(len(text)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in {**lines, "Connection": "close"}.items())
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode() + text


def saying(decided: Any) -> Callable[..., list[bytes]]:
    """An application that gives this answer."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response(f"{decided.status_code} {decided.reason_phrase}", list(decided.items()))
        return [decided.content]

    return application


def in_a_word(answer: bytes) -> str:
    """An answer to an alert: its status, or that it was acknowledged from the spool, by whoever wrote it."""
    return "spooled" if SPOOLED.search(answer) else answer[9:12].decode(errors="replace")
