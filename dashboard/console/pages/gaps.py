"""Gaps: by type, the signals of each, what waits for approval, and what cycles have set aside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page as Rows
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from dashboard.console.page import Page
from dashboard.console.roles import RECONCILE
from dashboard.watching.attention import counted, proposed_fills
from reconciliation.gaps import CATALOGUE, Gap, GapView
from reconciliation.health import gap_counts
from reconciliation.models import AskedGap, GapRecord, SetAside
from signals.models import AutomatedSignal
from signals.storage.paging import COUNTED_ROWS, BoundedPaginator

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


@dataclass(frozen=True)
class Found:
    """Signals in disjoint parts, each of which an index finds in the order of keys; to be paged newest first.

    One query of all parts would read very many whole before it sorts them.
    """

    parts: Sequence[QuerySet[AutomatedSignal]]

    def count(self) -> int:
        """Counted to COUNTED_ROWS and no further."""
        return min(COUNTED_ROWS, sum(part.order_by()[:COUNTED_ROWS].count() for part in self.parts))

    def __getitem__(self, wanted: slice) -> list[AutomatedSignal]:
        return self.rows(self.keys(wanted.stop, "-pk")[wanted])

    def oldest(self, number: int) -> list[AutomatedSignal]:
        return self.rows(self.keys(number, "pk"))

    def keys(self, number: int, order: str) -> list[int]:
        keys = (key for part in self.parts for key in part.order_by(order).values_list("pk", flat=True)[:number])
        return sorted(keys, reverse=order.startswith("-"))[:number]

    def rows(self, keys: Sequence[int]) -> list[AutomatedSignal]:
        rows = AutomatedSignal.objects.select_related("source").in_bulk(keys)
        return [rows[key] for key in keys if key in rows]


def with_gap(gap: str, state: str, view: GapView, after: int = 0) -> Found:
    """The signals with this gap, by the catalogue's condition, whose keys come `after`.

    They are looked for where indexes say that it can be. Actionable gaps are on record since the cycle that found them;
    younger ones are of signals that changed or fell due since. What waits is of active trades.
    """
    signals = AutomatedSignal.objects.filter(pk__gt=after)
    if state == WAITING:
        return Found([signals.filter(view.q_waiting(gap))])
    if state == DISMISSED:
        return Found([signals.filter(gap_records__gap=gap, gap_records__state=GapRecord.State.DISMISSED)])
    having = signals.filter(view.q_actionable(gap))
    recorded = GapRecord.objects.filter(signal=OuterRef("pk"), gap=gap, state=GapRecord.State.OPEN)
    due = Q(needs_sync=True) | Q(check_at__lte=view.now)
    return Found(
        [
            having.filter(gap_records__gap=gap, gap_records__state=GapRecord.State.OPEN),
            having.filter(due).exclude(Exists(recorded)),
        ]
    )


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
