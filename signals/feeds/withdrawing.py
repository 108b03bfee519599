"""Taking back what a feed told that is not to be trusted: its bars become refused ones, of which no value is made."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.db.models import Q

from signals.bars.storing import Bar, keep_refused, store_bars
from signals.clock import MINUTE
from signals.models import Delivery, FeedUse, PriceBar, RefusedBar, Source
from signals.parcels import bars_told
from signals.storage.queries import batches
from signals.vocabulary import DeliveryStatus

DISAGREES = "its feed disagrees with the indicator"
AT_ONCE = 500


def stop(use: FeedUse, now: datetime) -> int:
    """Use the feed for this symbol no more, and nothing of what it told. Returns how many bars were taken back.

    The indicator's closes that its bars stood over are stored again, and the next cycle looks at all signals of the
    symbol. Call it in a transaction.
    """
    use.stopped_at = now
    use.save(update_fields=["stopped_at"])
    taken = 0
    for start, upto in use.windows.order_by("start").values_list("start", "upto"):
        bars = PriceBar.objects.filter(
            symbol=use.symbol, origin=PriceBar.Origin.FEED, time__gte=start, time__lt=upto
        ).order_by("time")
        for some in batches(list(bars), AT_ONCE):
            taken += take_back(some)
    Source.objects.filter(symbol=use.symbol).update(switched=True)
    return taken


def take_back(bars: Sequence[PriceBar]) -> int:
    """Of one symbol."""
    names = ("symbol", "time", "open", "high", "low", "close", "evidence")
    rows = [RefusedBar(reason=DISAGREES, **{name: getattr(bar, name) for name in names}) for bar in bars]
    keep_refused(rows)
    PriceBar.objects.filter(pk__in=[bar.pk for bar in bars]).delete()
    store_bars(closes_told(bars[0].symbol, [bar.time for bar in bars]))
    return len(bars)


def closes_told(symbol: str, times: Iterable[datetime]) -> Iterator[Bar]:
    """The prices of these minutes that the indicator told with its alerts, read from these anew."""
    wanted = set(times)
    told = Delivery.objects.filter(
        Q(symbol=symbol) | Q(source__symbol=symbol),
        status=DeliveryStatus.ACCEPTED,
        fire_minute__in=[time + MINUTE for time in wanted],
    )
    for delivery in told.select_related("source").prefetch_related("body"):
        bars = bars_told(delivery.source, delivery)
        yield from (bar for bar in bars if bar.symbol == symbol and bar.time in wanted)
