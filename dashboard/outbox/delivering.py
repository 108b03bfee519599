"""Sending what is due: lanes side by side, one for each destination, each message in a thread with a deadline.

The database is asked by the calling thread alone. A thread that does not come back is abandoned, and its destination
left alone until it does.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from time import monotonic

from dashboard.models import Outgoing

from .keeping import claim, due, failed, sent
from .pacing import take_turn
from .senders import RefusedError, Sender, senders

log = logging.getLogger(__name__)
SIDE_BY_SIDE = 8
BATCH = 50
FAILURES_IN_A_ROW = 3
"""After so many a lane rests until the next turn: the destination is down, or its first messages cannot be sent."""
TURN = 0.5  # seconds, between two looks at the deadlines

_abandoned: dict[str, threading.Thread] = {}


@dataclass(slots=True)
class Done:
    """What became of the messages of one turn."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0

    def __str__(self) -> str:
        return f"{self.sent} sent, {self.failed} put off, {self.given_up} given up"


@dataclass(slots=True, eq=False)
class Sending:
    """A message on its way, in a thread."""

    message: Outgoing
    sender: Sender
    ends: float
    thread: threading.Thread | None = None


@dataclass(slots=True)
class Lane:
    """The messages of one destination that are due, oldest first; one at a time."""

    destination: str
    kinds: Collection[str]
    keys: deque[int] = field(default_factory=deque)
    failures: int = 0
    closed: bool = False

    def next(self, now: datetime) -> int | None:
        if not self.keys:
            waiting = due(now).filter(destination=self.destination, kind__in=self.kinds).order_by("due_at", "pk")
            self.keys.extend(waiting.values_list("pk", flat=True)[:BATCH])
        return self.keys.popleft() if self.keys else None


def deliver_due(now: datetime, *, deadline: float = 20.0, by: Mapping[str, Sender] | None = None) -> Done:
    """Send what is due, beginning nothing after `deadline` seconds. Any number of processes may do so at once."""
    return Turn(now, deadline, senders() if by is None else by).run()


class Turn:
    """One turn of sending. Its moments are `now` and what has passed since."""

    def __init__(self, now: datetime, deadline: float, by: Mapping[str, Sender]) -> None:
        self.start, self.began = now, monotonic()
        self.until, self.by = self.began + deadline, by
        self.done = Done()
        self.ended: SimpleQueue[tuple[Sending, Exception | None]] = SimpleQueue()
        self.running: dict[str, tuple[Lane, Sending]] = {}
        there = due(now).filter(kind__in=by).order_by().values_list("destination", flat=True).distinct()
        self.idle = deque(Lane(destination, by.keys()) for destination in there if not hangs(destination))

    def now(self) -> datetime:
        return self.start + timedelta(seconds=monotonic() - self.began)

    def run(self) -> Done:
        while True:
            self.begin()
            if not self.running:
                return self.done
            self.wait()
            self.abandon()

    def begin(self) -> None:
        """Set going what may be; lanes take turns."""
        while self.idle and len(self.running) < SIDE_BY_SIDE and monotonic() < self.until:
            lane = self.idle.popleft()
            if not self.take(lane) and not lane.closed:
                self.idle.append(lane)

    def take(self, lane: Lane) -> bool:
        """Claim the lane's next message and set it going. False when that one was not; the lane may be closed then."""
        key = lane.next(self.now())
        if key is None:
            lane.closed = True
            return False
        row = Outgoing.objects.filter(pk=key).first()
        if row is None:
            return False
        sender = self.by[row.kind]
        if not take_turn(lane.destination, sender, self.now()):
            lane.closed = True  # it has had as many as it may get for now
            return False
        message = claim(row.pk, self.now(), sender.within)
        if message is None:
            return False
        try:
            if message.attempts > sender.most_attempts:
                raise RefusedError(message.last_error or "Whoever sent it did not come back.")
            send = sender.prepare(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other messages go on
            self.fail(lane, message, sender, error)
            return False
        self.set_going(lane, Sending(message, sender, monotonic() + sender.within), send)
        return True

    def set_going(self, lane: Lane, sending: Sending, send: Callable[[], None]) -> None:
        ended = self.ended

        def work() -> None:
            error: Exception | None = None
            try:
                send()
            except Exception as raised:  # noqa: BLE001 - it is told where it is waited for
                error = raised
            ended.put((sending, error))

        sending.thread = threading.Thread(target=work, name=f"outbox {lane.destination}", daemon=True)
        self.running[lane.destination] = lane, sending
        sending.thread.start()

    def wait(self) -> None:
        """Take in what ends within a moment."""
        try:
            sending, error = self.ended.get(timeout=TURN)
        except Empty:
            return
        lane, current = self.running.get(sending.message.destination, (None, None))
        if lane is None or current is not sending:
            return  # it was abandoned
        del self.running[lane.destination]
        if error is None:
            lane.failures = 0
            self.done.sent += sent(sending.message, self.now())
        else:
            self.fail(lane, sending.message, sending.sender, error)
        if not lane.closed:
            self.idle.append(lane)

    def abandon(self) -> None:
        """Wait no longer for what takes too long. Its thread may still be at it, so its lane is closed."""
        for lane, sending in list(self.running.values()):
            if sending.thread is not None and monotonic() >= sending.ends:
                del self.running[lane.destination]
                _abandoned[lane.destination] = sending.thread
                lane.closed = True
                took = f"It was not taken within {sending.sender.within:g} seconds."
                self.fail(lane, sending.message, sending.sender, TimeoutError(took))

    def fail(self, lane: Lane, message: Outgoing, sender: Sender, error: Exception) -> None:
        give_up = isinstance(error, RefusedError) or message.attempts >= sender.most_attempts
        log.warning("message %d (%s) was not sent: %s", message.pk, message, error)
        if failed(message, str(error) or type(error).__name__, self.now(), give_up=give_up):
            self.done.given_up += give_up
            self.done.failed += not give_up
        lane.failures += 1
        lane.closed = lane.closed or lane.failures >= FAILURES_IN_A_ROW


def hangs(destination: str) -> bool:
    """Whether a thread that was abandoned still sends to the destination."""
    thread = _abandoned.get(destination)
    if thread is not None and not thread.is_alive():
        del _abandoned[destination]
        return False
    return thread is not None


def within(seconds: float, what: Callable[[], None]) -> None:
    """Do something in a thread that is waited for so long. Raises what it raises, or TimeoutError."""
    failed: list[Exception] = []

    def work() -> None:
        try:
            what()
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            failed.append(error)

    thread = threading.Thread(target=work, name="outbox, once", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"It did not end within {seconds:g} seconds.")
    if failed:
        raise failed[0]
