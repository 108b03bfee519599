"""Waiting for what must happen, with a deadline."""

import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds
POLL = 0.01


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE:.0f} s in vain: {what}")
        time.sleep(POLL)
