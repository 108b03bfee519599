"""Signals around pending ones: what the alternation rule looks at, and whom a changed signal may disturb by it."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from django.db.models import Q, QuerySet

from signals.clock import TradeId
from signals.models import AutomatedSignal, Fill, Source
from signals.settling import named_bar
from signals.vocabulary import Status

from .cancellation import OPPOSITE, TIER
from .periods import merged
from .proposals import Neighbour

# Alternation ends at the next opposite signal, and weekends lie in between.
NEIGHBOURHOOD = timedelta(days=4)
NEIGHBOURS = 40
NAMES = ("trade_id", "direction", "signal_time", "status", "htf_alignment", "clock_zone", "first_event_at")


class Neighbours:
    """The signals around those of a chunk that are pending, in order of time, given out by case."""

    def __init__(self, rows: Iterable[Neighbour]) -> None:
        self.rows = sorted(rows, key=attrgetter("signal_time", "trade_id"))
        self.times = [row.signal_time for row in self.rows]

    def __call__(self, base: AutomatedSignal) -> tuple[Sequence[Neighbour], Sequence[Neighbour]]:
        moment = time_of(base)
        if not self.rows or moment is None or base.status != Status.PENDING:
            return (), ()
        here = bisect_left(self.times, moment)
        after = [row for row in self.rows[here : here + NEIGHBOURS] if row.trade_id != base.trade_id]
        return self.rows[max(0, here - NEIGHBOURS) : here], after


def load_neighbours(bases: Sequence[AutomatedSignal], source: Source) -> Neighbours:
    moments = [base.first_event_at for base in bases if base.status == Status.PENDING]
    if not moments:
        return Neighbours([])
    rows = around(moments, source).only(*NAMES)
    return Neighbours(
        Neighbour(row.trade_id, direction_of(row), moment, row.status, row.htf_alignment)
        for row in rows
        if (moment := time_of(row)) is not None
    )


def around(moments: Iterable[datetime], source: Source) -> QuerySet[AutomatedSignal]:
    """The source's signals whose first events lie near these moments (every signal has a first event)."""
    within = Q()
    for start, end in merged((moment - NEIGHBOURHOOD, moment + NEIGHBOURHOOD) for moment in moments):
        within |= Q(first_event_at__gte=start, first_event_at__lte=end)
    return AutomatedSignal.objects.filter(within, source=source)


def time_of(row: AutomatedSignal) -> datetime | None:
    return row.signal_time or named_bar(row)


def direction_of(row: AutomatedSignal) -> str | None:
    trade_id = TradeId.parse(row.trade_id)
    return row.direction or (trade_id.direction if trade_id else None)


def disturbed(changed: Sequence[datetime], source: Source) -> set[int]:
    """Signals whose cancellation may now be another, given the first events of the changed signals."""
    if not changed:
        return set()
    rows = around(changed, source).only(*NAMES, "cancelled_by", "cancellation_time")
    doubtful = {row.pk: row.status for row in unexpected(rows)}
    cancelled = [key for key, status in doubtful.items() if status == Status.CANCELLED]
    inferred = Fill.objects.filter(
        signal__in=cancelled, state=Fill.State.ACTIVE, tier=TIER, field="cancelled_by"
    ).values_list("signal_id", flat=True)
    return {key for key, status in doubtful.items() if status == Status.PENDING} | set(inferred)


def unexpected(rows: Iterable[AutomatedSignal]) -> Iterator[AutomatedSignal]:
    """Pending signals that an opposite one follows, and cancelled ones that another follows than they say."""
    timed = [(moment, row) for row in rows if (moment := time_of(row)) is not None]
    timed.sort(key=lambda pair: (pair[0], pair[1].trade_id), reverse=True)
    following: dict[str, tuple[datetime, str]] = {}
    for moment, group in groupby(timed, key=lambda pair: pair[0]):
        together = [row for _, row in group]
        for row in together:
            said = (row.cancellation_time, row.cancelled_by) if row.status == Status.CANCELLED else None
            expected = following.get(OPPOSITE.get(direction_of(row) or "", ""))
            if row.status in (Status.PENDING, Status.CANCELLED) and expected != said:
                yield row
        for row in together:
            if direction := direction_of(row):
                following[direction] = moment, row.trade_id
