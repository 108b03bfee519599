"""Health over several windows: the system's own (a day), a week, and everything that was ever heard of.

The first two are always counted live. Everything is counted live by `syncstatus`, and elsewhere as long as it is few;
of many signals the worker counts it now and then, so that neither a page nor a cycle has to read the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, IntegerField, Q, Value, When

from signals.formats import iso
from signals.models import AutomatedSignal

from .gaps import GapView
from .health import Health, window
from .models import HealthTotal

WEEK = 7 * 24
ALL = "all"
# Of at most so many signals everything is counted while somebody waits: some 30 ms.
FEW = 20_000
# The worker counts everything for at most a hundredth of its time.
REST = 100


@dataclass(frozen=True)
class Window:
    """The health of a window's signals and when it was counted; both None where that is still to come."""

    title: str
    health: Health | None
    counted_at: datetime | None

    @property
    def score(self) -> float | None:
        return self.health.score if self.health else None

    @property
    def record(self) -> dict[str, Any]:
        return {
            "health_score": self.score,
            "signals": self.health.signals if self.health else None,
            "without_actionable_gap": self.health.without_gap if self.health else None,
            "as_of": iso(self.counted_at) if self.counted_at else None,
        }


@dataclass(frozen=True)
class Windows:
    """All windows by name, the system's first; `system` is its health, which is that of the system."""

    system: Health
    each: Mapping[str, Window]

    @property
    def record(self) -> dict[str, dict[str, Any]]:
        """As machines are told. No score: the window is empty, or nobody has counted it yet."""
        return {name: window.record for name, window in self.each.items()}


def spans() -> dict[str, int]:
    """The windows that are counted live, in hours. The first is that of system health."""
    return {f"{settings.HEALTH_WINDOW_HOURS}h": settings.HEALTH_WINDOW_HOURS, "7d": WEEK}


def titles() -> dict[str, str]:
    return {f"{settings.HEALTH_WINDOW_HOURS}h": f"{settings.HEALTH_WINDOW_HOURS} hours", "7d": "7 days", ALL: "All"}


def live(view: GapView, *, everything: bool = True) -> dict[str, Health]:
    """The health of each window, counted in one pass over the widest: a signal counts in each that it lies in."""
    hours = spans()
    narrow_first = sorted(set(hours.values()))
    heard = Q(first_event_at__lte=view.now)
    within = heard if everything else window(view.now, narrow_first[-1])
    narrowest = Case(
        *(When(window(view.now, span), then=Value(n)) for n, span in enumerate(narrow_first)),
        default=Value(len(narrow_first)),
        output_field=IntegerField(),
    )
    rows = AutomatedSignal.objects.filter(within, view.judged).order_by().annotate(narrowest=narrowest)
    counted = rows.values_list("narrowest").annotate(n=Count("pk"), due=Count("pk", filter=view.q_any_actionable()))
    found = list(counted)

    def up_to(last: int) -> Health:
        held = [(signals, due) for n, signals, due in found if n <= last]
        signals = sum(signals for signals, _ in held)
        return Health(signals, signals - sum(due for _, due in held))

    told = {name: up_to(narrow_first.index(span)) for name, span in hours.items()}
    return {**told, ALL: up_to(len(narrow_first))} if everything else told


def windows(view: GapView, *, patient: bool = False) -> Windows:
    """Each window. Unless one is patient, many signals are never all read: the worker's last count of them stands."""
    everything = patient or not many()
    found = live(view, everything=everything)
    told = {name: Window(titles()[name], health, view.now) for name, health in found.items()}
    return Windows(next(iter(found.values())), told if everything else {**told, ALL: kept()})


def many() -> bool:
    return AutomatedSignal.objects.order_by("pk").values("pk")[FEW : FEW + 1].exists()


def kept() -> Window:
    total = HealthTotal.objects.filter(pk=ALL).first()
    if total is None:
        return Window(titles()[ALL], None, None)
    return Window(titles()[ALL], Health(total.signals, total.without_gap), total.at)


def keep(now: datetime) -> bool:
    """Count everything of many signals, unless it was counted lately. Returns whether it was counted."""
    last = HealthTotal.objects.filter(pk=ALL).first()
    if not many() or (last and last.at <= now < last.at + timedelta(seconds=REST * last.seconds)):
        return False
    started = perf_counter()
    found = live(GapView.at(now))[ALL]
    HealthTotal.objects.update_or_create(
        name=ALL,
        defaults={
            "at": now,
            "signals": found.signals,
            "without_gap": found.without_gap,
            "seconds": perf_counter() - started,
        },
    )
    return True
