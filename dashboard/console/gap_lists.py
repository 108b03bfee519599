"""The signals that have a gap, in lists of which an index finds any part: to be paged, or worked through."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from reconciliation.gaps import GapView
from reconciliation.models import GapRecord
from signals.models import AutomatedSignal
from signals.storage.paging import COUNTED_ROWS

ACTIONABLE, WAITING, DISMISSED = STATES = ("actionable", "waiting", "dismissed")


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
