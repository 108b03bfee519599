"""The signals that an action is about: those with a gap, or those that were ticked in a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone

from reconciliation.gaps import CATALOGUE, Gap, GapView
from reconciliation.models import GapRecord
from signals.models import AutomatedSignal
from signals.storage.paging import COUNTED_ROWS

from .actions import ActionPage, Preview
from .cycles import AT_ONCE
from .page import address, picked
from .roles import RECONCILE

ACTIONABLE, WAITING, DISMISSED = STATES = ("actionable", "waiting", "dismissed")


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


@dataclass(frozen=True)
class Selection:
    """Signals to act on; with the gap that it is about, if it is about one."""

    gap: Gap | None
    found: Found
    whole: bool = False

    @classmethod
    def of(cls, request: HttpRequest, now: datetime) -> "Selection":
        """`?gap=…&all=1` is all of a type; `?pick=…&pick=…` the ticked ones, with or without a gap."""
        name = request.GET.get("gap", "")
        gap = gap_named(name) if name else None
        if gap is not None and "all" in request.GET:
            return cls(gap, with_gap(gap.name, ACTIONABLE, GapView.at(now)), whole=True)
        return cls(gap, Found([AutomatedSignal.objects.filter(pk__in=picked(request, AT_ONCE))]))

    @property
    def signals(self) -> list[AutomatedSignal]:
        """As many as one run or one answer can deal with, in order of their keys."""
        return self.found.oldest(AT_ONCE)

    @property
    def back(self) -> str:
        return address("gap", self.gap.name) if self.gap else address("gaps")


NOTHING_PICKED = Preview(problem="Nothing was ticked, or it is not there any more. Tick signals in the list first.")


class OnSelection(ActionPage[Selection]):
    permission = RECONCILE
    back = "gaps"

    def subject(self) -> Selection:
        return Selection.of(self.request, timezone.now())

    def back_link(self) -> str:
        return self.subject().back
