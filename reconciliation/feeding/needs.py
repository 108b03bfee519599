"""Which times lack bars that something needs: trades with a gap that bars may close, where no whole bar is stored."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from reconciliation.cycle.loading import period_of
from reconciliation.gaps import CATALOGUE
from reconciliation.models import GapRecord
from signals.bars.coverage import holes, hours_of
from signals.clock import MINUTE, floor_minute
from signals.feeds.asking import Need
from signals.feeds.windows import Span
from signals.models import AutomatedSignal, FeedUse, Source
from signals.storage.queries import merged

# Gaps that tier 2 closes from bars.
BY_BARS = (*(name for name, gap in CATALOGUE.items() if gap.live), "no_confirmation_time")
AT_ONCE = 300  # trades that a turn looks at, latest first
AROUND = timedelta(minutes=30)  # on both sides of a trade: what bars are judged by


def needs_of(sources: Iterable[Source], now: datetime) -> dict[str, list[Need]]:
    """What to ask for, by feed. A feed that disagrees with the indicator is asked nothing."""
    by_use: Mapping[tuple[str, str, str], list[Source]] = defaultdict(list)
    for source in sources:
        by_use[source.symbol, source.feed, source.feed_symbol].append(source)
    found: dict[str, list[Need]] = defaultdict(list)
    for (symbol, feed, feed_symbol), some in sorted(by_use.items()):
        use, _ = FeedUse.objects.get_or_create(symbol=symbol, feed=feed, feed_symbol=feed_symbol)
        if use.stopped_at is None:
            hours, tick = hours_of(symbol), min(source.tick_size for source in some)
            periods = merged(periods_of(symbol, some, now))
            lacking = [
                Span(hole.first, hole.last + MINUTE)
                for start, end in periods
                for hole in holes(symbol, start, end, hours)
            ]
            found[feed].append(Need(use, lacking, hours, tick))
    return found


def periods_of(symbol: str, sources: Iterable[Source], now: datetime) -> Iterable[tuple[datetime, datetime]]:
    """The lives of the symbol's latest trades with a gap that bars may close."""
    gaps = GapRecord.objects.filter(state=GapRecord.State.OPEN, gap__in=BY_BARS)
    trades = AutomatedSignal.objects.filter(
        Q(symbol="") | Q(symbol=symbol), source__in=sources, pk__in=gaps.values("signal")
    )
    for trade in trades.select_related("source").order_by("-first_event_at")[:AT_ONCE]:
        start, end = period_of(trade, now, trade.source)
        yield floor_minute(start - AROUND), min(floor_minute(end + AROUND), floor_minute(now))
