"""Signals around others: what the alternation rule looks at, and whom a changed one may disturb by it."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import reduce
from itertools import groupby, islice
from operator import attrgetter, or_
from typing import NamedTuple

from django.db.models import Q, QuerySet

from reconciliation.findings import OPPOSITE, q_contradicted
from reconciliation.tiers.proposals import Neighbour
from signals.clock import TradeId, instant
from signals.models import AutomatedSignal, Fill, Source
from signals.signal.deriving import is_undecided, named_bar
from signals.storage.queries import batches, merged
from signals.tiers import INFERENCE
from signals.vocabulary import Status

# On charts of up to an hour. An opposite signal cancels from this far: weekends and holidays lie in between.
REACH = timedelta(days=4)
# A scheduled cycle looks this far around changed signals for others that were cancelled by another than they say.
NEARBY = timedelta(hours=3)
NEIGHBOURS = 40
NOT_DATED = (None, None)  # the cancellation that a report alone tells
# In one query: more periods are slower than more queries, and SQLite takes so many values.
PERIODS, KEYS = 50, 5000


class Row(NamedTuple):
    """What alternation needs of a signal. `time` is its bar's, else as its trade id names it; `symbol` its own."""

    time: datetime
    trade_id: str
    key: int
    direction: str | None
    status: str
    first: datetime
    cancellation: tuple[datetime | None, str | None]
    symbol: str


class Neighbours:
    """The signals around those of a chunk that ask them, in order of time, given out by case.

    An indicator's rules hold on one chart: others' symbols are no neighbours.
    """

    def __init__(self, rows: Iterable[Row], home: str, reach: timedelta) -> None:
        self.home, self.reach, self.rows = home, reach, dict[str, list[Row]]()
        for row in sorted(rows, key=attrgetter("time", "trade_id")):
            self.rows.setdefault(row.symbol, []).append(row)

    def __call__(self, base: AutomatedSignal) -> tuple[Sequence[Neighbour], Sequence[Neighbour]]:
        moment, rows = base.signal_time or named_bar(base), self.rows.get(base.symbol or self.home, [])
        if not rows or moment is None or not is_undecided(base):
            return (), ()
        here = bisect_left(rows, moment, key=attrgetter("time"))
        before = self.near(base, reversed(rows[:here]))
        return before[::-1], self.near(base, iter(rows[here:]))

    def near(self, base: AutomatedSignal, rows: Iterator[Row]) -> list[Neighbour]:
        """The nearest of the rows. Only those within reach of this very signal, whatever else its chunk made load."""
        within = (row for row in rows if abs(row.first - base.first_event_at) <= self.reach and row.key != base.pk)
        return [Neighbour(row.trade_id, row.direction, row.time, row.status) for row in islice(within, NEIGHBOURS)]


def load_neighbours(bases: Sequence[AutomatedSignal], source: Source) -> Neighbours:
    """Those that may have cancelled a signal of which no event says when it was."""
    moments = [base.first_event_at for base in bases if is_undecided(base)]
    home, reach = source.symbol, REACH * source.stretch
    found = (row for signals in around(moments, source, reach) for row in rows_of(signals, home))
    return Neighbours(found, home, reach)


def around(moments: Iterable[datetime], source: Source, reach: timedelta) -> Iterator[QuerySet[AutomatedSignal]]:
    """The source's signals whose first events lie near these moments (every signal has a first event)."""
    for periods in batches(merged((moment - reach, moment + reach) for moment in moments), PERIODS):
        within = reduce(or_, (Q(first_event_at__gte=start, first_event_at__lte=end) for start, end in periods))
        yield AutomatedSignal.objects.filter(within, source=source)


def rows_of(signals: QuerySet[AutomatedSignal], home: str) -> Iterator[Row]:
    """The signals as alternation needs them, without those whose bar or direction is contradicted.

    `home` is the symbol of those that state none.
    """
    names = (
        "pk", "trade_id", "direction", "signal_time", "status", "first_event_at", "clock_zone", "cancellation_time",
        "cancelled_by", "symbol",
    )  # fmt: skip
    sound = signals.exclude(q_contradicted("signal_time", "direction"))
    for key, trade_id, direction, stated, status, first, zone, ended, by, symbol in sound.values_list(*names):
        named = None if stated and direction else TradeId.parse(trade_id)
        moment = instant(named.naive, zone, near=first) if not stated and named and zone else stated
        if moment is not None:
            known = direction or (named.direction if named else None)
            yield Row(moment, trade_id, key, known, status, first, (ended, by), symbol or home)


def disturbed(changed: Sequence[datetime], source: Source, *, widely: bool) -> set[int]:
    """Signals whose cancellation may now be another, given the first events of the changed signals.

    Pending ones are all looked at, however old; cancelled ones near the changes, and `widely` as far as a
    cancellation reaches.
    """
    if not changed or INFERENCE.key in source.tiers_off:
        return set()
    reach, home = (REACH if widely else NEARBY) * source.stretch, source.symbol
    near = [row for signals in around(changed, source, reach) for row in rows_of(signals, home)]
    known = {row.key for row in near}
    pending = rows_of(AutomatedSignal.objects.filter(source=source, status=Status.PENDING), home)
    doubtful = list(unexpected([*near, *(row for row in pending if row.key not in known)]))
    keys = {row.key for row in doubtful if row.status == Status.PENDING or row.cancellation == NOT_DATED}
    inferred = Fill.objects.filter(state=Fill.State.ACTIVE, tier=INFERENCE.key, field="cancelled_by")
    for some in batches((row.key for row in doubtful if row.status == Status.CANCELLED), KEYS):
        keys.update(inferred.filter(signal__in=some).values_list("signal_id", flat=True))
    return keys


def unexpected(rows: Iterable[Row]) -> Iterator[Row]:
    """Pending signals that an opposite one follows, and cancelled ones that another follows than they say."""
    following: dict[tuple[str, str], tuple[datetime, str]] = {}
    for _, group in groupby(sorted(rows, key=attrgetter("time", "trade_id"), reverse=True), attrgetter("time")):
        together = list(group)
        for row in together:
            expected = following.get((row.symbol, OPPOSITE.get(row.direction or "", "")))
            said = row.cancellation if row.status == Status.CANCELLED else None
            if row.status in (Status.PENDING, Status.CANCELLED) and expected != said:
                yield row
        for row in together:
            if row.direction:
                following[row.symbol, row.direction] = row.time, row.trade_id
