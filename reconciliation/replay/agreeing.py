"""Agreement: how much of what was heard the twin says in the same bar, and how far it is believed for that. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from reconciliation.intervals import shrunk, wilson

LEAST = Decimal("0.8")  # under it replay fills nothing
SURE = Decimal("0.95")  # from it on signals that nobody heard of need no approval
# Confidence goes in steps: with every alert it would move, and every fill with it.
STEP = Decimal("0.05")
# The trend depends on the chart's first bar. So long after a stretch's first bar what disagrees is the warm-up.
WARM_UP = timedelta(minutes=300)


class Heard(NamedTuple):
    """One triangle or confirmation that was heard: its bar, its signal's, and whether the twin has it there too."""

    bar: datetime
    triangle: datetime
    agreed: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """What came of a comparison; see models.Agreement."""

    heard: int
    agreed: int
    low: float
    high: float
    confidence: Decimal
    since: datetime | None


def measure(told: Iterable[Heard], warm_at: datetime, before: tuple[int, int] = (0, 0)) -> Measure:
    """The agreement with what was heard on a stretch.

    What was heard before `warm_at` may count from behind one of its disagreements on: until there the twin was warming
    up. That is from the earliest from which on it is sure, else good enough, else from where it is best; and it is
    believed from the first agreement there. `before` are (heard, agreed) of the stretch that went on into this one;
    only the confidence counts them.
    """
    rows = sorted(told)
    starts = [0, *(number + 1 for number, row in enumerate(rows) if not row.agreed and row.bar < warm_at)]
    measures = [measured(rows[start:], before) for start in starts]
    for enough in (SURE, LEAST):
        for each in measures:
            if each.confidence >= enough:
                return each
    return max(measures, key=lambda each: each.confidence)


def measured(rows: Sequence[Heard], before: tuple[int, int]) -> Measure:
    heard, agreed = len(rows), sum(row.agreed for row in rows)
    low, high = wilson(agreed / heard, heard) if heard else (0.0, 1.0)
    since = min((row.triangle for row in rows if row.agreed), default=None)
    return Measure(heard, agreed, low, high, confidence_of(heard + before[0], agreed + before[1]), since)


def confidence_of(heard: int, agreed: int) -> Decimal:
    """How far the twin is believed, from 0 to below 1, in steps."""
    steps = Decimal(shrunk(agreed, heard)) / STEP
    return steps.to_integral_value(ROUND_FLOOR) * STEP
