"""Alerts that no thread has begun: what one transaction takes of them, and when they are too many for that."""

from collections.abc import Iterable

from .connection import Call

MOST_TOGETHER = 16  # alerts that one transaction takes in, and of how many bytes: a slow machine must be done in time
TOGETHER_BYTES = 16 * 1024
QUEUE = 32  # alerts that may wait, and their bytes: two transactions; what comes then would be late
QUEUE_BYTES = 2 * TOGETHER_BYTES


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
        return len(self.calls) >= QUEUE or self.bytes >= QUEUE_BYTES

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
