"""Gaps: by type, the signals of each, and what cycles have set aside."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page as Rows
from django.core.paginator import Paginator

from dashboard.console.gap_lists import ACTIONABLE, STATES, WAITING, with_gap
from dashboard.console.page import Page
from dashboard.console.roles import RECONCILE
from dashboard.console.selection import gap_named
from dashboard.watching.checks.decisions import proposed_fills
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.health import gap_counts
from reconciliation.models import AskedGap, GapRecord, SetAside
from signals.models import AutomatedSignal
from signals.storage.paging import BoundedPaginator, counted

ROWS = 25


@dataclass(frozen=True, slots=True)
class Row:
    """One signal with the gap. `record` knows since when, `asked` when the indicator was last asked about it."""

    signal: AutomatedSignal
    record: GapRecord | None
    asked: AskedGap | None


def rows_of(gap: str, signals: Iterable[AutomatedSignal]) -> list[Row]:
    """Two queries, however many signals."""
    listed = list(signals)
    standing = (GapRecord.State.OPEN, GapRecord.State.DISMISSED)
    records = GapRecord.objects.filter(signal__in=listed, gap=gap, state__in=standing)
    by_signal = {record.signal_id: record for record in records}
    asked = AskedGap.objects.filter(signal__in=listed, gap=gap).select_related("request").order_by("pk")
    questions = {each.signal_id: each for each in asked}
    return [Row(signal, by_signal.get(signal.pk), questions.get(signal.pk)) for signal in listed]


class GapsPage(Page):
    """What the pages about gaps share: their tabs."""

    def content(self, now: datetime) -> dict[str, Any]:
        return {
            "approvals": counted(proposed_fills()),
            "aside": counted(SetAside.objects.all()),
            "may_act": self.request.user.has_perm(RECONCILE),
        }


class Gaps(GapsPage):
    name = "gaps"
    route = "console/gaps/"
    title = "Gaps"
    icon = "troubleshoot"
    place = 40
    key = "g"
    template_name = "dashboard/gaps/page.html"
    fragment = "dashboard/gaps/live.html"

    def content(self, now: datetime) -> dict[str, Any]:
        counts = gap_counts(GapView.at(now))
        gaps = [(gap, counts[gap.name]["actionable"], counts[gap.name]["waiting"]) for gap in CATALOGUE.values()]
        return super().content(now) | {"gaps": gaps, "none": not any(a or w for _, a, w in gaps)}


class GapPage(GapsPage):
    """One type of gap: its signals."""

    name = "gap"
    route = "console/gaps/of/<slug:gap>/"
    title = "Gap"
    template_name = "dashboard/gaps/gap_page.html"
    fragment = "dashboard/gaps/gap_live.html"
    every = 15

    def content(self, now: datetime) -> dict[str, Any]:
        gap, state = gap_named(self.kwargs["gap"]), self.request.GET.get("state", "")
        state = state if state in STATES else ACTIONABLE
        view, counts = GapView.at(now), {}
        if not self.alone:
            counts = gap_counts(view)[gap.name]
        found: Any = with_gap(gap.name, state, view)  # a paginator asks for no more than it has
        page: Rows[AutomatedSignal] = Paginator(found, ROWS).get_page(self.request.GET.get("page"))
        return super().content(now) | {
            "title": gap.title,
            "gap": gap,
            "state": state,
            "counts": counts,
            "states": [(name, name.capitalize()) for name in STATES if gap.live or name != WAITING],
            "rows": page,
            "listed": rows_of(gap.name, page),
        }


class Aside(GapsPage):
    """Signals that a cycle failed on: left alone until their next try, so that the others go on."""

    name = "set-aside"
    route = "console/gaps/set-aside/"
    title = "Set aside"
    template_name = "dashboard/gaps/aside_page.html"
    fragment = "dashboard/gaps/aside.html"

    def content(self, now: datetime) -> dict[str, Any]:
        rows: Paginator[Any] = BoundedPaginator(SetAside.objects.select_related("signal__source"), ROWS)
        return super().content(now) | {"rows": rows.get_page(self.request.GET.get("page"))}
