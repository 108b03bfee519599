"""Health and gaps over time: the cycles' snapshots, thinned out here so that a page gets at most POINTS of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconciliation.models import SignalHealthMetric
from signals.clock import instant, local

from . import reader

POINTS = 120
PERIODS: Mapping[str, tuple[str, timedelta]] = {
    "1h": ("1 hour", timedelta(hours=1)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
DAY = timedelta(days=1)
TICKS: Mapping[str, tuple[timedelta, str]] = {
    "1h": (timedelta(minutes=10), "%H:%M"),
    "24h": (timedelta(hours=4), "%H:%M"),
    "7d": (DAY, "%a %d"),
    "30d": (timedelta(days=5), "%d %b"),
}
DEFAULT = "24h"


@dataclass(frozen=True, slots=True)
class Point:
    """The worst of a stretch of time: a mean would hide dips. `health` in percent, None when unknown throughout."""

    at: datetime
    health: float | None
    actionable: int
    waiting: int


def marks(period: str, now: datetime) -> list[tuple[datetime, str]]:
    """Where the time axis has its ticks, at round times of the reader's clock, and what they say."""
    every, form = TICKS[period]
    midnight = local(now - PERIODS[period][1], reader.zone()).replace(hour=0, minute=0, second=0, microsecond=0)
    walls = (midnight.replace(tzinfo=None) + n * every for n in range(1 + (PERIODS[period][1] + DAY) // every))
    moments = (instant(wall, reader.zone()) for wall in walls)
    within = (moment for moment in moments if now - PERIODS[period][1] <= moment <= now)
    return [(moment, local(moment, reader.zone()).strftime(form)) for moment in within]


def bucket(period: timedelta) -> timedelta:
    return max(timedelta(minutes=2), period / POINTS)


def thinned(points: Iterable[Point], width: timedelta) -> list[Point]:
    """One point for each stretch of this length that has any, at its last moment. `points` in order of time. Pure."""
    kept: list[Point] = []
    number = None
    for point in points:
        n = (point.at - datetime(1970, 1, 1, tzinfo=UTC)) // width
        if n == number:
            kept[-1] = worst(kept[-1], point)
        else:
            kept.append(point)
        number = n
    return kept


def worst(one: Point, later: Point) -> Point:
    known = [health for health in (one.health, later.health) if health is not None]
    return Point(
        later.at,
        min(known, default=None),
        max(one.actionable, later.actionable),
        max(one.waiting, later.waiting),
    )


def trend(period: str, now: datetime) -> list[Point]:
    """The snapshots of the period, thinned. Those of cycles over some signals only count only those: left out."""
    length = PERIODS[period][1]
    whole = SignalHealthMetric.objects.filter(at__gt=now - length, at__lte=now, run__options__trade_ids=[])
    rows = whole.order_by("at").values_list("at", "health", "actionable_gaps", "waiting_gaps")
    return thinned((Point(*row) for row in rows.iterator(chunk_size=5000)), bucket(length))
