"""Remaking: what was decided under another bar length, market or symbol of a source is decided again.

Votes, the zones that follow from them, and the symbol of prices that came without one. Everything else that signals
follow from their source is derived whenever a cycle looks at them.
"""

from django.db import transaction

from signals.bars.storing import rename_bars
from signals.models import AutomatedSignal, PriceBar, SignalEvent, Source
from signals.storage.bulk import update

from .registers import BIRTH
from .zones import Hold, count_zones, decide_zones, hold_clock, vote_of

ROWS_AT_ONCE = 1000  # a transaction: births of the source wait for it


def remake(source: Source) -> None:
    """Decide again what has another answer now. Repeating it, also after half of it, changes nothing.

    Its signals must be settled afterwards.
    """
    misnamed = PriceBar.objects.filter(teller=source.pk).exclude(symbol=source.price_key)
    for name in set(misnamed.order_by().values_list("symbol", flat=True)):
        with transaction.atomic():
            rename_bars(source.pk, name, source.price_key)
    if source.voted_as == source.chart:
        return
    last: int | None = 0
    while last is not None:
        last = vote_again(source, last)
    with transaction.atomic():
        hold_clock(source, Hold.ALONE, ())
        count_zones(source)
    last = 0
    while last is not None:
        last = decide_again(source, last)
    Source.objects.filter(pk=source.pk).update(voted_as=source.chart)


def vote_again(source: Source, after: int) -> int | None:
    """Let the births behind this key vote as they would now; return the last key looked at, None at the end."""
    with transaction.atomic():
        hold_clock(source, Hold.ALONE, ())
        births = SignalEvent.objects.filter(source=source, type__in=BIRTH, pk__gt=after).select_related("signal")
        named = births.only("type", "fire_minute", "clock_vote", "signal__trade_id").order_by("pk")
        rows = list(named[:ROWS_AT_ONCE])
        changed = []
        for event in rows:
            vote = vote_of(event.type, event.signal.trade_id, event.fire_minute, source)
            if vote != event.clock_vote:
                event.clock_vote = vote
                changed.append(event)
        update(SignalEvent, changed, ["clock_vote"])
        return rows[-1].pk if rows else None


def decide_again(source: Source, after: int) -> int | None:
    """Decide the zones of the signals behind this key; return the last key looked at, None at the end."""
    with transaction.atomic():
        hold_clock(source, Hold.ALONE, ())
        signals = AutomatedSignal.objects.select_for_update(of=("self",)).filter(source=source, pk__gt=after)
        rows = list(signals.order_by("pk")[:ROWS_AT_ONCE])
        update(AutomatedSignal, decide_zones(rows, source), ["clock_zone", "clock_by"])
        return rows[-1].pk if rows else None
