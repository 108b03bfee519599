"""Tier 1: the queue of requests that ask the indicator again for what nothing else could tell.

Nothing waits for it: a cycle's other tiers have run when `step` looks at what they left, and a request without an
answer expires. An answer is an ordinary delivery, so it fills gaps by the projection; here it only ends its request.
`rules` decides, `requesting` makes requests, `delivery` and `companion` bring them there, `endings` ends them,
`overview` tells operators. docs/tier1.md has the whole, also for whoever writes a companion.
"""

from dataclasses import dataclass
from datetime import datetime

from .delivery import deliver
from .endings import end_requests
from .overview import Asked, overview
from .requesting import enqueue

__all__ = ["Asked", "Stepped", "overview", "step"]


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step did. `asked` and `answered` count gaps of signals; the rest counts requests."""

    asked: int
    answered: int
    withdrawn: int
    expired: int
    delivered: int
    undelivered: int


def step(*, now: datetime, as_of: datetime | None = None, by_hand: bool = False) -> Stepped:
    """End what is answered, needless or expired, ask about what the cycle left open, and deliver what is due.

    `now` is wall-clock time, `as_of` the moment that the cycle judges by; a step `by_hand` asks again without waiting
    for back-offs. Call it outside of transactions, when the other tiers have run: delivering takes up to
    companion.DEADLINE seconds. Any number of steps may run at once.
    """
    ended = end_requests(now)
    asked = enqueue(now, as_of or now, by_hand=by_hand)
    delivered, undelivered = deliver(now)
    return Stepped(asked, ended.answered, ended.withdrawn, ended.expired, delivered, undelivered)
