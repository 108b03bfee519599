"""Measuring: durations and counts, added up in memory and now and then in the database, for /metrics.

Processes come and go, on several machines perhaps, and none answers for the others: so what is measured is added to one
table. Nothing here may cost what it measures: what cannot be stored waits, and what a process that is killed had
not stored yet, a few seconds' worth, is lost.
"""

import json
import logging
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from django.db import Error as DatabaseError
from django.db import connection, transaction

from .models import Measurement

log = logging.getLogger(__name__)
FLUSH_EVERY = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured. With `bounds` (of the unit in its name) a histogram, else a counter."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()


WEBHOOK = Metric(
    "signalsync_webhook_seconds",
    "From an alert's first byte until its answer, by the answer's status; 200 from the spool is spooled.",
    ("answer",),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.8, 3, 5),
)
DELAY = Metric(
    "signalsync_projection_delay_seconds",
    "From an alert's receipt until it is stored and its signal shows it; directly, or by way of the spool.",
    ("way",),
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600),
)
CYCLE = Metric(
    "signalsync_cycle_seconds",
    "How long a sync cycle took, by what started it.",
    ("trigger",),
    (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
FILLS = Metric("signalsync_fills_total", "Values that cycles put in, by tier.", ("tier",))
IMPORTED = Metric(
    "signalsync_import_rows_total", "Rows of imported files, by kind of file and what became of them.", ("file", "row")
)
POSTED = Metric(
    "signalsync_outbound_seconds",
    "How long an endpoint took to answer an event, by endpoint and outcome (taken or failed).",
    ("endpoint", "outcome"),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
METRICS = (WEBHOOK, DELAY, CYCLE, FILLS, IMPORTED, POSTED)


@dataclass(slots=True)
class Sum:
    """What one metric with one set of labels has come to."""

    counts: list[int]
    total: float = 0.0
    number: int = 0

    def add(self, other: "Sum") -> None:
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
        self.number += other.number


Key = tuple[str, str]  # name, labels as JSON


@dataclass(slots=True)
class Waiting:
    """What this process has measured and not stored yet."""

    sums: dict[Key, Sum] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    flushed_at: float = 0.0

    def add(self, key: Key, found: Sum) -> None:
        """With the lock held."""
        if key in self.sums:
            self.sums[key].add(found)
        else:
            self.sums[key] = found


_waiting = Waiting()


def observe(metric: Metric, value: float, *labels: str, number: int = 1) -> None:
    """Note a duration in seconds, or of a counter how many. In memory: who measures calls `settle` when it is done."""
    seen = Sum([0] * (len(metric.bounds) + 1) if metric.bounds else [], value, number)
    if metric.bounds:
        seen.counts[bisect_left(metric.bounds, value)] += number
    with _waiting.lock:
        _waiting.add((metric.name, json.dumps(labels)), seen)


def settle() -> None:
    """Store what this process has measured, where that is not a part of somebody's transaction."""
    if not connection.in_atomic_block:
        flush()


def flush_if_due() -> None:
    if monotonic() - _waiting.flushed_at >= FLUSH_EVERY:
        flush()


def flush() -> None:
    """Add what waits to what is stored. Never raises: what cannot be stored goes on waiting."""
    with _waiting.lock:
        taken, _waiting.sums = _waiting.sums, {}
        _waiting.flushed_at = monotonic()
    if not taken:
        return
    try:
        store(taken)
    except (DatabaseError, ValueError):
        log.debug("what was measured could not be stored", exc_info=True)
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        with _waiting.lock:
            for key, found in taken.items():
                _waiting.add(key, found)


def store(sums: dict[Key, Sum]) -> None:
    """In one order, so that processes do not wait for each other in a circle."""
    with transaction.atomic():
        for (name, labels), found in sorted(sums.items()):
            empty = {"counts": [0] * len(found.counts)}
            Measurement.objects.get_or_create(name=name, labels=labels, defaults=empty)
            row = Measurement.objects.select_for_update().get(name=name, labels=labels)
            if len(row.counts) != len(found.counts):
                row.counts, row.total, row.number = [0] * len(found.counts), 0.0, 0  # its bounds are others now
            row.counts = [a + b for a, b in zip(row.counts, found.counts, strict=True)]
            row.total += found.total
            row.number += found.number
            row.save()


@dataclass(frozen=True, slots=True)
class Sample:
    """What is stored of a metric, as it is told: `upto` counts all up to each bound, the last one all there are."""

    labels: tuple[str, ...]
    upto: tuple[int, ...]
    total: float


def samples(metric: Metric, rows: Iterable[Measurement]) -> list[Sample]:
    found = []
    for row in rows:
        labels = tuple(json.loads(row.labels))
        fits = len(row.counts) == (len(metric.bounds) + 1 if metric.bounds else 0)
        if row.name == metric.name and fits and len(labels) == len(metric.labels):
            upto = tuple(sum(row.counts[: place + 1]) for place in range(len(row.counts)))
            found.append(Sample(labels, upto, row.total))
    return found
