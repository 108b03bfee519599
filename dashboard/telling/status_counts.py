"""How many signals a set holds, by status: one grouped query, kept for a moment where it is expensive."""

from collections import Counter
from hashlib import blake2b
from typing import Any

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db.models import Count, QuerySet

from signals.models import AutomatedSignal
from signals.vocabulary import Status

# Counting a small set is cheap, and there a new signal must show at once.
LARGE = 20_000
KEPT_SECONDS = 5


def counts_by_status(signals: QuerySet[AutomatedSignal]) -> dict[str, int]:
    """Signals of the set by status; statuses without a signal are absent."""
    grouped = signals.order_by().values("status").annotate(n=Count("*"))
    try:
        question = repr(grouped.query.sql_with_params())
    except EmptyResultSet:  # the filters contradict each other
        return {}
    key = f"counts:{blake2b(question.encode(), digest_size=16).hexdigest()}"
    counts: dict[str, int] | None = cache.get(key)
    if counts is None:
        counts = {row["status"]: row["n"] for row in grouped}
        if sum(counts.values()) >= LARGE:
            cache.set(key, counts, KEPT_SECONDS)
    return counts


def statuses(signals: QuerySet[AutomatedSignal], without: QuerySet[AutomatedSignal]) -> Counter[str]:
    """The set's signals by status. `without` is a small part of it that is not to count: an index counts the whole by
    status, not by source."""
    counts = Counter(counts_by_status(signals))
    counts.subtract(counts_by_status(without))
    return counts


def summary(signals: QuerySet[AutomatedSignal]) -> dict[str, Any]:
    return summarised(Counter(counts_by_status(signals)))


def summarised(counts: Counter[str]) -> dict[str, Any]:
    """Counts of a set, and the percentage of its signals that were confirmed (null when it is empty). Pure."""
    total = counts.total()
    confirmed = counts.get(Status.CONFIRMED, 0) + counts.get(Status.COMPLETED, 0)
    return {
        "total": total,
        "confirmed": confirmed,
        "cancelled": counts.get(Status.CANCELLED, 0),
        "pending": counts.get(Status.PENDING, 0),
        "confirmation_rate": round(100 * confirmed / total, 1) if total else None,
    }
