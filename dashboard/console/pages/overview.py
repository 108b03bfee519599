"""Where the console begins: how healthy the system is and why, what it does, and what it needs from people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django_q.models import Schedule

from dashboard.console.page import Page
from dashboard.telling.formats import wall
from dashboard.telling.health_trend import DEFAULT, PERIODS, Point, bucket, marks, trend
from dashboard.telling.history import open_gaps
from dashboard.telling.reader import zone_name
from dashboard.watching.attention import needs
from dashboard.watching.checks.decisions import of_left
from dashboard.watching.checks.result import Result
from dashboard.watching.checks.sources import of_expiries, of_silences
from dashboard.watching.checks.worker import idle_since, of_cycles
from dashboard.watching.selftest import SELF_TEST
from dashboard.watching.silence import Silence, judge, listen
from reconciliation.cycle import schedule
from reconciliation.cycle.lease import running
from reconciliation.cycle.worker import wedged
from reconciliation.gaps import CATALOGUE, Gap, GapView
from reconciliation.health import Health, gap_counts, window
from reconciliation.health_windows import windows
from reconciliation.models import SyncRun
from reconciliation.replay.completeness import with_completeness
from signals.models import AutomatedSignal, Source

WORST = 8
GOOD, FAIR = 90, 70  # percent


@dataclass(frozen=True, slots=True)
class Reason:
    """A gap that costs health: how many of the window's signals have it, and which percentage that is."""

    gap: Gap
    signals: int
    share: float


@dataclass(frozen=True, slots=True)
class Sick:
    """A signal of the window with actionable gaps."""

    signal: AutomatedSignal
    gaps: Sequence[Gap]


def tone(score: float | None) -> str:
    if score is None:
        return "neutral"
    return "good" if score >= GOOD else "warn" if score >= FAIR else "bad"


def reasons(view: GapView, found: Health) -> list[Reason]:
    """The gaps that cost health, worst first. A count each: Django takes longer to compose one query of them all."""
    within = AutomatedSignal.objects.filter(window(view.now))
    counts = {name: within.filter(view.q_actionable(name)).count() for name in CATALOGUE}
    having = [Reason(CATALOGUE[name], n, 100 * n / max(1, found.signals)) for name, n in counts.items() if n]
    return sorted(having, key=lambda reason: (-reason.signals, -reason.gap.weight))


def sick(view: GapView) -> list[Sick]:
    """The window's least healthy signals."""
    rows = AutomatedSignal.objects.filter(window(view.now)).filter(view.q_any_actionable())
    worst = list(rows.order_by("health_score", "-first_event_at")[:WORST])
    gaps = open_gaps(worst, view.now, view)
    return [Sick(row, [CATALOGUE[name] for name, due in gaps[row.pk].items() if due]) for row in worst]


def worker_state(stopped: bool, now: datetime) -> dict[str, Any]:
    """Whether cycles take place; the last one, and when the next is due."""
    fault, ever = idle_since(now) if stopped else ("", True)
    last = SyncRun.last_finished()
    took = last.seconds.get("total") if last else None
    next_run = Schedule.objects.filter(name=schedule.NAME).values_list("next_run", flat=True).first()
    current = None if stopped or not running(now) else SyncRun.objects.filter(state=SyncRun.State.RUNNING).first()
    return {
        "fault": fault,
        "ever": ever,
        "last": last,
        "took": took,
        "next": next_run,
        "current": current,
    }


class Overview(Page):
    name = "overview"
    route = ""
    title = "Overview"
    icon = "monitoring"
    place = 10
    key = "o"
    template_name = "dashboard/overview/page.html"
    fragment = "dashboard/overview/live.html"
    every = 10

    def content(self, now: datetime) -> dict[str, Any]:
        view, fault = GapView.at(now), wedged(now)
        spans = windows(view)
        found = spans.system
        watched = Source.objects.exclude(name=SELF_TEST).select_related("finding_total")
        sources = list(with_completeness(watched))
        silences = judge(listen(sources, now), now, worker_alive=not fault)
        counts = gap_counts(view)
        actionable = sum(each["actionable"] for each in counts.values())
        trends = {} if self.alone else trend_content(self.request.GET.get("trend", ""), now)
        return {
            **trends,
            "health": found,
            "tone": tone(found.score),
            "windows": list(spans.each.values()),
            "reasons": reasons(view, found),
            "sick": sick(view),
            "gaps": [(gap, counts[gap.name]["actionable"], counts[gap.name]["waiting"]) for gap in CATALOGUE.values()],
            "total_actionable": actionable,
            "total_waiting": sum(each["waiting"] for each in counts.values()),
            "worker": worker_state(bool(fault), now),
            "sources": zip_sources(sources, silences),
            "needs": needs(now, judged_here(fault, sources, silences, actionable, now)),
        }


def judged_here(
    fault: str | None, sources: Sequence[Source], silences: Sequence[Silence], actionable: int, now: datetime
) -> dict[str, Result]:
    """What checks would ask again of what the page knows, by their names."""
    return {
        "cycles": of_cycles(fault, now),
        "silence": of_silences(silences),
        "alert_expiry": of_expiries(sources, now),
        "gaps_left": of_left(actionable),
    }


def zip_sources(sources: Sequence[Source], silences: Sequence[Silence]) -> list[tuple[Source, Silence]]:
    return list(zip(sources, silences, strict=True))


class Trends(Page):
    """The trend of one period: a part of the overview that changes more slowly than the rest, and costs more."""

    name = "trends"
    route = "console/trends/"
    title = "Trends"
    template_name = "dashboard/overview/trends_page.html"
    fragment = "dashboard/overview/trends.html"
    every = 60

    def content(self, now: datetime) -> dict[str, Any]:
        return trend_content(self.request.GET.get("trend", ""), now)


def trend_content(asked: str, now: datetime) -> dict[str, Any]:
    period = asked if asked in PERIODS else DEFAULT
    points, length = trend(period, now), PERIODS[period][1]
    return {
        "period": period,
        "periods": [(name, title) for name, (title, _) in PERIODS.items()],
        "points": points,
        "latest": list(reversed(points))[:12],
        "chart": {
            "from": milliseconds(now - length),
            "to": milliseconds(now),
            "gap": 3 * bucket(length).total_seconds() * 1000,
            "points": [plotted(point) for point in points],
            "zone": zone_name(),
            "ticks": [{"x": milliseconds(at), "text": text} for at, text in marks(period, now)],
        },
    }


def plotted(point: Point) -> dict[str, Any]:
    return {
        "x": milliseconds(point.at),
        "at": wall(point.at, "%a %d %b %H:%M"),
        "health": point.health,
        "actionable": point.actionable,
        "waiting": point.waiting,
    }


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
