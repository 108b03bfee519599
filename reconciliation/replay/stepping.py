"""One step of replay, at the start of a cycle: catch up with the bars, compare, find. Costs what changed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Q

from reconciliation.models import ReplayStretch
from signals.clock import TradeId, instant
from signals.market import market
from signals.models import AutomatedSignal, Source
from signals.storage.queries import batches, merged

from .catching_up import CaughtUp, catch_up
from .finding import find
from .measuring import LATE, compare, of_stretch, symbol_of

PERIODS = 20  # in a query


def step(
    bars: Mapping[str, datetime], changed: Mapping[Source, Iterable[datetime]], now: datetime
) -> dict[int, set[int]]:
    """Keys of the signals that replay has something new to say of, by source; they are in the queue for good.

    `bars` are the earliest new or changed whole bars by symbol; `changed` the first events of the signals that changed
    since the last cycle, by source.
    """
    work: dict[int, set[int]] = defaultdict(set)
    if not bars and not changed:
        return work
    sources = [source for source in Source.objects.order_by("pk") if symbol_of(source)]
    by_symbol: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        by_symbol[symbol_of(source)].append(source)
    caught = {}
    for symbol, first in sorted(bars.items()):
        if symbol in by_symbol and (done := catch_up(symbol, first, market(by_symbol[symbol][0].calendar))):
            caught[symbol] = done
    moments = {source.pk: list(firsts) for source, firsts in changed.items()}
    for source in sources:
        news = caught.get(symbol_of(source))
        keys = replayed(source, news, moments.get(source.pk, []), now)
        work[source.pk] |= keys
    for keys in work.values():
        for some in batches(sorted(keys), 5000):
            AutomatedSignal.objects.filter(pk__in=some, needs_sync=False).update(needs_sync=True)
    return work


def replayed(source: Source, news: CaughtUp | None, firsts: list[datetime], now: datetime) -> set[int]:
    keys = named_by(source, news) if news else set()
    for stretch in stretches(source, news, firsts):
        compared, other = compare(source, stretch)
        if other:  # how far it is believed is part of every value from it
            rows = AutomatedSignal.objects.filter(of_stretch(stretch), source=source)
            keys |= set(rows.values_list("pk", flat=True))
        keys |= find(compared, now)
    return keys


def stretches(source: Source, news: CaughtUp | None, firsts: list[datetime]) -> list[ReplayStretch]:
    """Those with news of bars, or of signals that may have their bars there; in order, for one counts in the next."""
    touched = [Q(end__gte=news.since)] if news else []
    touched += [Q(start__lte=end, end__gte=start - LATE) for start, end in merged((each, each) for each in firsts)]
    rows = ReplayStretch.objects.filter(symbol=symbol_of(source)).order_by("start")
    found: dict[int, ReplayStretch] = {}
    for some in batches(touched, PERIODS):
        found.update((row.pk, row) for row in rows.filter(reduce(or_, some)))
    return sorted(found.values(), key=lambda row: row.start)


def named_by(source: Source, news: CaughtUp) -> set[int]:
    """The signals whose ids name one of the bars at which the twin says something else than before."""
    if not news.bars:
        return set()
    first, last = min(news.bars), max(news.bars) + LATE + timedelta(hours=1)
    rows = AutomatedSignal.objects.filter(source=source, first_event_at__gte=first, first_event_at__lte=last)
    found = set()
    for key, trade_id, zone, heard in rows.order_by().values_list("pk", "trade_id", "clock_zone", "first_event_at"):
        named = TradeId.parse(trade_id)
        if named and zone and instant(named.naive, zone, near=heard) in news.bars:
            found.add(key)
    return found
