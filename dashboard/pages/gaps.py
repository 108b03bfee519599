"""Gaps: by type, the signals of each, what waits for approval, and what cycles have set aside."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from dashboard.api.sync import gap_counts
from dashboard.attention import counted, proposed_fills
from dashboard.page import Page
from dashboard.roles import RECONCILE
from reconciliation.gaps import CATALOGUE, Gap, GapView
from reconciliation.models import AskedGap, GapRecord, SetAside
from signals.admin.base import BoundedPaginator
from signals.models import AutomatedSignal, Source

ROWS = 25
ACTIONABLE, WAITING, DISMISSED = STATES = ("actionable", "waiting", "dismissed")


@dataclass(frozen=True, slots=True)
class Row:
    """One signal with the gap. `record` knows since when, `asked` when the indicator was last asked about it."""

    signal: AutomatedSignal
    record: GapRecord | None
    asked: AskedGap | None


def gap_named(name: str) -> Gap:
    if name not in CATALOGUE:
        raise Http404(f"There is no gap {name}.")
    return CATALOGUE[name]


def with_gap(
    gap: str, state: str, view: GapView, source: Source | None = None, after: int = 0
) -> QuerySet[AutomatedSignal]:
    """The signals with this gap whose keys come `after`, by the catalogue's condition, without their order.

    They are looked for where indexes say that it can be, in the order of keys, so that the first of very many cost no
    more than the first of few. Actionable gaps are on record since the cycle that found them; younger ones are of
    signals that changed or fell due since. What waits is of active trades. The actionable ones come as a union, which
    can be ordered, sliced and counted, and not be filtered any further.
    """
    signals = AutomatedSignal.objects.select_related("source").order_by()
    signals = signals.filter(**{"source": source} if source else {}, **{"pk__gt": after} if after else {})
    if state == WAITING:
        return signals.filter(view.q_waiting(gap))
    if state == DISMISSED:
        return signals.filter(gap_records__gap=gap, gap_records__state=GapRecord.State.DISMISSED)
    having = signals.filter(view.q_actionable(gap))
    on_record = {"gap": gap, "state": GapRecord.State.OPEN}
    recorded = having.filter(**{f"gap_records__{name}": value for name, value in on_record.items()})
    found_since = having.filter(Q(needs_sync=True) | Q(check_at__lte=view.now)).exclude(
        Exists(GapRecord.objects.filter(signal=OuterRef("pk"), **on_record))
    )
    return recorded.union(found_since, all=True)


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
        found = with_gap(gap.name, state, view).order_by("-pk")
        page = BoundedPaginator(found, ROWS).get_page(self.request.GET.get("page"))
        return super().content(now) | {
            "title": gap.title,
            "gap": gap,
            "state": state,
            "counts": counts,
            "states": [(name, name.capitalize()) for name in STATES if gap.live or name != WAITING],
            "rows": page,
            "listed": rows_of(gap.name, page),
        }


class Approvals(GapsPage):
    """Fills of low confidence: they stand only once somebody approves them."""

    name = "approvals"
    route = "console/gaps/approvals/"
    title = "Waiting for approval"
    template_name = "dashboard/gaps/approvals_page.html"
    fragment = "dashboard/gaps/approvals.html"

    def content(self, now: datetime) -> dict[str, Any]:
        fills = proposed_fills().select_related("signal__source").order_by("-pk")
        rows: Paginator[Any] = BoundedPaginator(fills, ROWS)
        return super().content(now) | {"rows": rows.get_page(self.request.GET.get("page"))}


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


PAGES: tuple[type[Page], ...] = (Gaps, GapPage, Approvals, Aside)
