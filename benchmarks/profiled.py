"""A process that profiles webhook requests in itself: `python -m benchmarks.profiled COUNT` prints JSON."""

import json
import pstats
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from cProfile import Profile
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.test import RequestFactory

from benchmarks.alerts import BATCH, Bodies

Function = tuple[str, int, str]
STATEMENTS = "database: statements"
# The first that is part of a function's file, or of a C function's name, says whose time it is.
PARTS = (
    ("method 'commit' of", "database: commit"),
    ("method 'execute' of", STATEMENTS),
    ("/signals/dialects/", "reading the body"),
    ("/signals/signal/registers.py", "projection"),
    ("/signals/signal/saving.py", "projection"),
    ("/signals/signal/deriving.py", "projection"),
    ("/signals/signal/zones.py", "projection"),
    ("/signals/clock.py", "projection"),
    ("/signals/market.py", "projection"),
    ("/signals/", "intake and webhook"),
    ("/rest_framework/", "DRF"),
    ("/django/db/", "ORM"),
    ("/django/", "Django: request, middleware, cache"),
    ("/whitenoise/", "Django: request, middleware, cache"),
    ("/axes/", "Django: request, middleware, cache"),
)
OTHER = "the rest"
DEEPEST = 30  # calls of library functions by library functions


def part_of(function: Function) -> str | None:
    file, _, name = function
    text = name if file == "~" else file.replace("\\", "/")
    return next((part for piece, part in PARTS if piece in text), None)


def grouped(stats: dict[Function, Any]) -> dict[str, float]:
    """Seconds by part. Functions of no part hand their time to their callers, in proportion, until all is placed."""
    spent = {function: entry[2] for function, entry in stats.items()}
    found: dict[str, float] = defaultdict(float)
    for _ in range(DEEPEST):
        rising: dict[Function, float] = defaultdict(float)
        for function, seconds in spent.items():
            callers = stats[function][4]
            share = sum(entry[3] for entry in callers.values())
            if (part := part_of(function)) or not share:
                found[part or OTHER] += seconds
                continue
            for caller, entry in callers.items():
                rising[caller] += seconds * entry[3] / share
        spent = rising
    found[OTHER] += sum(spent.values())
    return found


class Webhook:
    """SignalSync's WSGI application in this process, and the bodies that it has not seen yet."""

    def __init__(self) -> None:
        from signalsync_project.wsgi import application  # isort: skip - it sets Django up
        from signals.receiving.senders import default_source, new_token

        self.application: Any = application
        self.path = f"/api/automated-signals/webhook/{new_token(default_source())}"
        self.factory = RequestFactory(headers={"host": "127.0.0.1"})
        bodies = Bodies(datetime.now(UTC))
        group = [bodies.trade_id() for _ in range(BATCH)]
        self.bodies = {"ENTRY": bodies.entries(), "batch": bodies.batches([group])}
        # The batches' signals come first, and one of each kind, so that all is loaded and cached.
        self.serve(map(self.environment, map(bodies.entry, group)))
        for kind in self.bodies:
            self.serve(self.environments(kind, 1))

    def environment(self, body: bytes) -> dict[str, Any]:
        environ: dict[str, Any] = self.factory.post(self.path, data=body, content_type="application/json").environ
        return environ

    def environments(self, kind: str, count: int) -> list[dict[str, Any]]:
        return [self.environment(body) for body in islice(self.bodies[kind], count)]

    def serve(self, environments: Iterable[dict[str, Any]]) -> None:
        """Handle requests one after the other. Raises RuntimeError when an alert is not accepted."""
        for environment in environments:
            response = self.application(environment, lambda status, headers: None)
            answer = b"".join(response)
            response.close()
            if b'"accepted"' not in answer:
                raise RuntimeError(f"the webhook answered {answer!r}: nothing but accepted was expected")


def profiled(webhook: Webhook, kind: str, count: int) -> dict[str, Any]:
    plain, slowed, profile = webhook.environments(kind, count), webhook.environments(kind, count), Profile()
    start = time.perf_counter()
    webhook.serve(plain)
    seconds = time.perf_counter() - start
    profile.runcall(webhook.serve, slowed)
    stats: dict[Function, Any] = pstats.Stats(profile).stats
    statements = sum(entry[1] for function, entry in stats.items() if part_of(function) == STATEMENTS)
    parts = {part: 1000 * spent / count for part, spent in grouped(stats).items()}
    return {"plain_ms": 1000 * seconds / count, "statements": statements / count, "parts": parts}


if __name__ == "__main__":
    webhook = Webhook()
    print(json.dumps({kind: profiled(webhook, kind, int(sys.argv[1])) for kind in webhook.bodies}))
