"""Health: the percentage of the window's signals without an actionable gap, live, by the catalogue's conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.conf import settings
from django.db.models import BooleanField, Count, ExpressionWrapper, Q, QuerySet

from signals.models import AutomatedSignal
from signals.vocabulary import Status

from .gaps import CATALOGUE, LIVE, GapView
from .models import GapTotal

Grouped: TypeAlias = QuerySet[AutomatedSignal, tuple[Any, ...]]
ACTIVE = (Status.PENDING, Status.CONFIRMED)


@dataclass(frozen=True)
class Health:
    """`score` is percent, or None when no signal is in the window: nothing is known then, which is not healthy."""

    signals: int
    without_gap: int

    @property
    def score(self) -> float | None:
        return round(100 * self.without_gap / self.signals, 1) if self.signals else None


def window(now: datetime, hours: int | None = None) -> Q:
    """Signals first heard of in the last hours (by default settings.HEALTH_WINDOW_HOURS), or still active."""
    since = now - timedelta(hours=settings.HEALTH_WINDOW_HOURS if hours is None else hours)
    return Q(first_event_at__lte=now) & (Q(first_event_at__gt=since) | Q(status__in=ACTIVE))


def health(view: GapView, hours: int | None = None, signals: Q | None = None) -> Health:
    """Of all (or some) signals of the window, in one pass; without sources that owe nothing, as the self-test's."""

    def asked() -> Grouped:
        within = AutomatedSignal.objects.filter(window(view.now, hours), view.judged, signals or Q())
        return grouped(within, {"gap": view.q_any_actionable()})

    found = view.rows("health", asked) if hours is None and signals is None else asked()
    return Health(sum(number for _, number in found), sum(number for gap, number in found if not gap))


def grouped(signals: QuerySet[AutomatedSignal], conditions: Mapping[str, Q]) -> Grouped:
    """Which of the conditions hold, and of how many signals, in one pass. Filters of aggregates say the same, and take
    Django twice as long to compose: half of an idle cycle."""
    told = {name: ExpressionWrapper(condition, BooleanField()) for name, condition in conditions.items()}
    return signals.order_by().annotate(**told).values_list(*told).annotate(Count("pk"))


@dataclass(frozen=True)
class GapCounts:
    """Signals with each gap: actionable, and waiting."""

    actionable: dict[str, int]
    waiting: dict[str, int]

    @property
    def by_type(self) -> dict[str, int]:
        return {name: self.actionable[name] + self.waiting[name] for name in CATALOGUE}

    @property
    def total(self) -> int:
        return sum(self.by_type.values())


def count_gaps(view: GapView, signals: Q | None = None) -> GapCounts:
    """All gaps of all (or some) signals, counted by the conditions themselves in one pass over the table."""
    rows = AutomatedSignal.objects.filter(signals or Q())
    counted = rows.aggregate(
        **{f"{name}_due": Count("pk", filter=view.q_actionable(name)) for name in CATALOGUE},
        **{f"{name}_waits": Count("pk", filter=view.q_waiting(name)) for name, gap in CATALOGUE.items() if gap.live},
    )
    return GapCounts(
        {name: counted[f"{name}_due"] for name in CATALOGUE},
        {name: counted.get(f"{name}_waits", 0) for name in CATALOGUE},
    )


def count_waiting(view: GapView) -> dict[str, int]:
    """Waiting gaps only: those are of active trades, which an index knows."""

    def asked() -> Grouped:
        active = AutomatedSignal.objects.filter(status=Status.CONFIRMED)
        return grouped(active, {name: view.q_waiting(name) for name, _ in LIVE})

    found = view.rows("waiting", asked)
    return {name: sum(row[-1] for row in found if row[place]) for place, (name, _) in enumerate(LIVE)}


def gap_counts(view: GapView) -> dict[str, dict[str, int]]:
    """By gap: how many are actionable, as the last run left them, and how many wait now. Cheap on large tables."""
    actionable = dict(GapTotal.objects.values_list("gap", "open"))
    waiting = count_waiting(view)
    return {name: {"actionable": actionable.get(name, 0), "waiting": waiting.get(name, 0)} for name in CATALOGUE}
