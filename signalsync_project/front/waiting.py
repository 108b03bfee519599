"""Alerts that no thread has begun: what one transaction takes of them, and what is done when they are too many.

Everything here runs in the loop's thread.
"""

import asyncio
import logging
from collections.abc import Iterable

from .connection import Call

log = logging.getLogger(__name__)

MOST_TOGETHER = 16  # alerts that one transaction takes in, and of how many bytes: a slow machine must be done in time
TOGETHER_BYTES = 16 * 1024
QUEUE = 32  # alerts that may wait: two transactions; what comes then would be late
QUEUE_BYTES = 2 * TOGETHER_BYTES  # or so many bytes of at least FEW
LOOK_SECONDS = 0.25
FEW, FEW_BYTES = 8, 64 * 1024  # that came between two looks: some half of what could have been stored as it came
LONGEST_RUSH = 10.0  # seconds
NO_RUSH_WITHIN = 5.0  # seconds after the journal failed


class Waiting:
    """In the order of their arrival."""

    def __init__(self) -> None:
        self.calls: dict[Call, None] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self.calls)

    def __contains__(self, call: Call) -> bool:
        return call in self.calls

    def add(self, call: Call) -> None:
        self.calls[call] = None
        self.bytes += call.size

    def remove(self, calls: Iterable[Call]) -> None:
        for call in calls:
            del self.calls[call]
            self.bytes -= call.size

    def are(self, crowd: int) -> bool:
        """Whether so many are there, or as many as one transaction takes."""
        return len(self.calls) >= crowd or self.bytes >= TOGETHER_BYTES

    def are_too_many(self) -> bool:
        return len(self.calls) >= QUEUE or (len(self.calls) >= FEW and self.bytes >= QUEUE_BYTES)

    def next(self) -> list[Call]:
        """Those for a thread to take, which stay: from the first on what fits into one transaction, or the first."""
        taken: list[Call] = []
        size = 0
        for call in self.calls:
            if not call.post or size + call.size > TOGETHER_BYTES or len(taken) == MOST_TOGETHER:
                break
            taken.append(call)
            size += call.size
        return taken or [next(iter(self.calls))]


class Rush:
    """More comes than can be stored as it comes: all of it is left to the journal, until little comes.

    Taken in by the hundred, alerts cost less than half (docs/performance.md). Whether that is still so is tried again
    and again, for what is drained, and whether it is, is not known here.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop, self.on = loop, False
        self.calls = self.bytes = 0  # that came since the last look
        self.ends = self.none_before = 0.0

    def takes(self, call: Call, waiting: Waiting) -> bool:
        """Whether this one is for the journal."""
        many = waiting.are_too_many()
        if many and not self.on and self.loop.time() >= self.none_before:
            self.begin()
        if self.on:
            self.calls += 1
            self.bytes += call.size
        return self.on or many

    def begin(self) -> None:
        log.warning("more alerts come than can be stored as they come: they are spooled, and stored by the hundred")
        self.on, self.ends = True, self.loop.time() + LONGEST_RUSH
        self.calls = self.bytes = 0
        self.loop.call_later(LOOK_SECONDS, self.look)

    def look(self) -> None:
        few = self.calls < FEW or self.bytes < FEW_BYTES
        self.calls = self.bytes = 0
        if few or self.loop.time() >= self.ends:
            self.on = False
        if self.on:
            self.loop.call_later(LOOK_SECONDS, self.look)

    def fail(self) -> None:
        """The journal refused something that the database might have stored."""
        self.on, self.none_before = False, self.loop.time() + NO_RUSH_WITHIN
