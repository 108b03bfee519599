"""Plausible prices: bars that can be of a trade's symbol, by the trade's own prices. Pure.

Sources may be set to the wrong symbol, and then tell another one's prices as this one's. Going on from the trade's own
prices, a bar is refused that is far from the last believed one; and when, after a long time, it is not far any more,
also while it is nearer to the last refused.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from signals.clock import MINUTE
from signals.models import AutomatedSignal, PriceBar
from signals.prices import SHARE, Seen, apart, share_between

# What a trade's events say, and when it was so.
MOMENTS = {"entry_price": "entry_fired_at", "be_exit_price": "be_exit_at", "stop_exit_price": "stop_exit_at"}


def plausible(signal: AutomatedSignal, bars: Sequence[PriceBar]) -> Sequence[PriceBar]:
    """The bars, in order of time, without those that are far from the trade's own prices."""
    own = sorted(own_prices(signal), key=lambda seen: seen.at)
    if not own or not bars or close_together(own, bars):
        return bars
    risk, ahead = float(signal.risk or 0), iter([*own[1:], None])
    believed, refused, following = own[0], None, next(ahead)
    kept: list[PriceBar] = []
    for bar in bars:
        while following and following.at <= bar.time + MINUTE:
            believed, following = following, next(ahead)
        seen = Seen(float(bar.close), bar.time + MINUTE)
        distance = apart(seen, believed, risk)
        if distance > 1 or (refused and distance > apart(seen, refused, risk)):
            refused = seen
        else:
            believed = seen
            kept.append(bar)
    return kept if len(kept) < len(bars) else bars


def close_together(own: Sequence[Seen], bars: Sequence[PriceBar]) -> bool:
    """Whether no two of all these prices are apart even within a minute, as nearly always: then no bar is refused."""
    prices, closes = [seen.price for seen in own], [bar.close for bar in bars]
    least, most = min(*prices, float(min(closes))), max(*prices, float(max(closes)))
    return least > 0 and share_between(least, most) < SHARE


def own_prices(signal: AutomatedSignal) -> Iterator[Seen]:
    """The prices that the trade's own events tell; its stop's, where no other is known."""
    found = False
    for field, moment in MOMENTS.items():
        price, at = getattr(signal, field), getattr(signal, moment) or signal.first_event_at
        if price is not None:
            found = True
            yield Seen(float(price), at)
    if signal.current_price is not None and (entry := signal.provenance.get("current_price")):
        found = True
        yield Seen(float(signal.current_price), datetime.fromisoformat(entry["at"]))
    if not found and signal.stop_loss is not None:
        yield Seen(float(signal.stop_loss), signal.first_event_at)
