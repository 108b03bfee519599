"""Price bars that came since the last cycle, and the trades that they may tell something new about.

A bar that comes in time needs no special care: its trade's gaps fall due by themselves. But one that comes late, or
better than before, must reach fills that were made without it, and trades that nothing else has changed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from reconciliation.gaps import OWING
from signals.models import AutomatedSignal, Fill, PriceBar, Source
from signals.models.sources import told_as
from signals.storage.queries import batches, merged
from signals.tiers import CALCULATION
from signals.vocabulary import Status

from .loading import LONGEST_TRADE

# Bars that a cycle looks at; the rest waits for the next one. And periods in a query, keys in an update.
AT_ONCE, PERIODS, KEYS = 5000, 20, 5000
# Later than this a bar is late whatever stands. Until then an active trade is looked at only for what stands already,
# as of that bar or a later one: its gaps fall due by themselves.
LATE = timedelta(minutes=15)
# Fields whose fills name no bar that they are as of: prices up to their own moment have decided them.
DATED = ("be_triggered_at", "be_exit_at", "stop_exit_at", "confirmation_time")


class Fresh(NamedTuple):
    pk: int
    symbol: str
    time: datetime
    kind: int


def fresh_bars() -> list[Fresh]:
    """The bars that no cycle has looked at as they are now, as many as one looks at."""
    rows = PriceBar.objects.filter(fresh=True).order_by("pk").values_list(*Fresh._fields)
    return [Fresh(*row) for row in rows[:AT_ONCE]]


def first_whole(bars: Iterable[Fresh]) -> dict[str, datetime]:
    """The earliest whole bar of each symbol."""
    first: dict[str, datetime] = {}
    for bar in bars:
        if bar.kind == PriceBar.Kind.BAR:
            first[bar.symbol] = min(bar.time, first.get(bar.symbol, bar.time))
    return first


def pick_up(bars: Sequence[Fresh], now: datetime, *, mark: bool) -> dict[int, set[int]]:
    """Keys of the signals that fresh bars may change, by source. `mark` queues them, and the bars are fresh no more.

    A bar that gets better in between does no harm: it concerns the same signals, and they are loaded after this.
    """
    work: dict[int, set[int]] = defaultdict(set)
    for signals in reached(bars, now):
        for source, key in signals.order_by().values_list("source_id", "pk"):
            work[source].add(key)
    if mark and bars:
        for some in batches(sorted(key for keys in work.values() for key in keys), KEYS):
            AutomatedSignal.objects.filter(pk__in=some, needs_sync=False).update(needs_sync=True)
        PriceBar.objects.filter(pk__in=[bar.pk for bar in bars]).update(fresh=False)
    return work


def reached(bars: Iterable[Fresh], now: datetime) -> Iterator[QuerySet[AutomatedSignal]]:
    """The trades that ran at the time of late bars; at that of others, those that nothing else would bring back: they
    hold something from later prices, or are over."""
    by_symbol: dict[str, list[datetime]] = defaultdict(list)
    for bar in bars:
        by_symbol[bar.symbol].append(bar.time)
    for symbol, times in sorted(by_symbol.items()):
        sources = list(Source.objects.filter(told_as(symbol)))
        named = Q(symbol="", source__in=sources) | Q(symbol=symbol)
        trades = AutomatedSignal.objects.filter(named, status__in=OWING)
        longest = LONGEST_TRADE * max((source.stretch for source in sources), default=1)
        for periods in batches(merged((time, time) for time in times if time < now - LATE), PERIODS):
            yield trades.filter(reduce(or_, (ran(*period, longest) for period in periods)))
        recent = [time for time in times if time >= now - LATE]
        if recent:
            told = holds_from(min(recent)) | Q(status=Status.COMPLETED)
            yield trades.filter(told, ran(min(recent), max(recent), longest))


def ran(start: datetime, end: datetime, longest: timedelta) -> Q:
    """Trades that prices between these moments may concern. Some more do no harm."""
    begun = Q(first_event_at__lte=end) | Q(signal_time__lte=end)
    over = Q(stop_exit_at__lt=start) | Q(seen_completed_at__lt=start)
    return Q(first_event_at__gte=start - longest) & begun & ~over


def holds_from(start: datetime) -> Q:
    """Trades with a fill that stands and that prices up to this moment or a later one have decided."""
    fills = Fill.objects.filter(signal=OuterRef("pk"), state=Fill.State.ACTIVE, tier=CALCULATION.key)
    dated = reduce(or_, (Q(**{f"{name}__gte": start}) for name in DATED))
    return Exists(fills.filter(as_of__gte=start)) | (dated & Exists(fills.filter(field__in=DATED)))
