"""One step of replay, at the start of a cycle: catch up with the bars, compare, find. Costs what changed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Q

from reconciliation.models import ReplayedSignal, ReplayStretch
from signals.clock import TradeId, instant
from signals.market import market
from signals.models import AutomatedSignal, Source
from signals.storage.queries import batches, merged

from .agreeing import SURE
from .catching_up import CaughtUp, catch_up, vanished
from .finding import find, withdraw_unshown
from .measuring import LATE, Compared, compare, of_stretch, symbol_of, told_on

PERIODS = 20  # in a query
Told = dict[int, list[ReplayedSignal]]
AROUND = timedelta(hours=2)  # how far a bar may be from a signal that is judged by it


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
    told: Told = {}  # sources of one symbol ask for the same
    for source in sources:
        news = caught.get(symbol_of(source))
        keys = replayed(source, news, moments.get(source.pk, []), told, now)
        work[source.pk] |= keys
    for keys in work.values():
        for some in batches(sorted(keys), 5000):
            AutomatedSignal.objects.filter(pk__in=some, needs_sync=False).update(needs_sync=True)
    return work


def take_back(switched: Iterable[Source], now: datetime) -> dict[int, set[int]]:
    """Have the twin forget the bars that were taken back from sources that were switched, as a feed's are.

    Keys of the signals that it says something else of now, by source; they are in the queue for good.
    """
    symbols = {symbol for source in switched if (symbol := symbol_of(source))}
    return step({symbol: first for symbol in sorted(symbols) if (first := vanished(symbol))}, {}, now)


def replayed(source: Source, news: CaughtUp | None, firsts: list[datetime], told: Told, now: datetime) -> set[int]:
    """Keys of the signals to look at. `told` are the twin's signals, by stretch, as far as they were read."""
    keys = named_by(source, news) if news else set()
    if news:
        withdraw_unshown(source, symbol_of(source), news.since, now)
    for stretch in stretches(source, news, firsts):
        if stretch.pk not in told:
            told[stretch.pk] = told_on(stretch)
        compared, other = compare(source, stretch, told[stretch.pk])
        if other:  # how far it is believed is part of every value from it
            rows = AutomatedSignal.objects.filter(of_stretch(stretch), source=source)
            keys |= set(rows.values_list("pk", flat=True))
        if news:
            keys |= strays(compared, news)
        keys |= find(compared, now)
    return keys


def strays(compared: Compared, news: CaughtUp) -> set[int]:
    """The signals that the twin has none for, of late: a bar may have come that had made it doubtful."""
    if compared.agreement.confidence < SURE:
        return set()
    twin = {(each.triangle, each.direction) for each in compared.told}
    since = news.since - AROUND
    return {
        each.key for each in compared.heard if each.bar and each.bar >= since and (each.bar, each.direction) not in twin
    }


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
