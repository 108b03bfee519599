"""A turn of asking, as a task of the worker beside the cycle: what fails or hangs here delays no cycle."""

from datetime import datetime

from django.utils import timezone

from signals.feeds.asking import take_turn
from signals.feeds.overview import fed
from signals.feeds.registry import unusable

from .needs import needs_of

SECONDS = 75.0  # of a turn, shared by the feeds; the worker may take 100 for a task (settings.Q_CLUSTER)


def task() -> str:
    """As the worker calls it. Returns what was done, for django-q2's list."""
    return step(timezone.now())


def step(now: datetime) -> str:
    """Ask each feed for what is needed. Bars that come are fresh: the next cycle plans with them."""
    done = []
    needed = needs_of([source for source in fed() if not unusable(source.feed)], now)
    for name, needs in sorted(needed.items()):
        turn = take_turn(name, needs, now=now, seconds=SECONDS / len(needed))
        if turn:
            failed = f", {turn.error}" if turn.error else ""
            done.append(f"{name}: {turn.requests} requests, {turn.bars} bars{failed}")
    return "; ".join(done) or "nothing to ask"
