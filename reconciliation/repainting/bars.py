"""Bars against events: what fired, and the indicator's rules on bars that are whole do not show.

Only where replay needs no approval, that is where it agrees with nearly all that was heard.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Q

from reconciliation.models import Agreement, ReplayedSignal
from reconciliation.replay.agreeing import SURE
from reconciliation.replay.catching_up import bars_replayed
from reconciliation.replay.finding import BESIDE
from reconciliation.replay.measuring import symbol_of
from reconciliation.tiers.base import clock_proven
from reconciliation.tiers.proposals import Replayed
from signals.clock import MINUTE, bar_of
from signals.formats import iso
from signals.market import Market, market
from signals.models import AutomatedSignal, Source
from signals.storage.queries import batches, merged
from signals.vocabulary import Status

from .fired import BARS, Contradiction, bars_of, born_at

# Bars before a triangle's that must all be there: a trend goes back to gaps that far and further.
WHOLE = timedelta(hours=1)
PERIODS = 20  # in a query
CLOSE = timedelta(minutes=5)


def contradicting(signal: AutomatedSignal, told: Replayed, hours: Market) -> Iterator[Contradiction]:
    """Another confirmation than the twin's of the same triangle. Pure."""
    if told.confidence < SURE or told.entry_hole or signal.entry_fired_at is None or signal.before_its_bar:
        return
    entered = hours.last_open(bar_of(signal.entry_fired_at))
    if told.confirmed and abs(entered - told.confirmed) > MINUTE:
        yield said("confirmation_time", iso(entered), iso(told.confirmed), told)
    elif told.cancelled and entered > told.cancelled + MINUTE:
        yield said("status", Status.CONFIRMED, Status.CANCELLED, told)


def said(field: str, fired: str, says: str, told: Replayed) -> Contradiction:
    at, rests_on = iso(told.triangle), told.entry_digest or told.digest
    return {"by": BARS, "field": field, "fired": str(fired), "says": str(says), "at": at, "evidence": rests_on}


class Missed:
    """The signals of a chunk whose bars the twin knows, and has no such triangle on."""

    def __init__(self, bases: Sequence[AutomatedSignal], source: Source, replayed: Mapping[int, Replayed]) -> None:
        self.found: dict[int, Contradiction] = {}
        wanted = {base: bar for base in bases if base.pk not in replayed and (bar := bar_in_question(base, source))}
        believed = sure_of(source, wanted.values()) if wanted else []
        asked = {base: bar for base, bar in wanted.items() if any(start <= bar <= end for start, end in believed)}
        if not asked:
            return
        near = reduce(or_, (Q(triangle__range=(bar - BESIDE, bar + BESIDE)) for bar in asked.values()))
        rows = ReplayedSignal.objects.filter(near, symbol=symbol_of(source)).order_by("triangle")
        twin = list(rows.values_list("triangle", "direction"))
        whole = whole_hours(asked.values(), symbol_of(source), market(source.calendar))
        for base, bar in asked.items():
            beside = {direction for triangle, direction in twin if abs(triangle - bar) <= BESIDE}
            if bar in whole and base.direction not in beside:
                other = next((direction for triangle, direction in twin if triangle == bar), None)
                self.found[base.pk] = unlike(base, bar, other)

    def of(self, signal: AutomatedSignal) -> Iterator[Contradiction]:
        if found := self.found.get(signal.pk):
            yield found


def unlike(signal: AutomatedSignal, bar: datetime, other: str | None) -> Contradiction:
    """That the bars have no triangle there, or one of the other direction."""
    field, fired = ("direction", signal.direction) if other else ("", signal.trade_id)
    return {"by": BARS, "field": field, "fired": fired, "says": other, "at": iso(bar), "evidence": ""}


def bar_in_question(signal: AutomatedSignal, source: Source) -> datetime | None:
    """The triangle's bar, where it is sure which one that is and the twin knows the symbol."""
    known = signal.price_key(source) == symbol_of(source) and signal.direction and clock_proven(signal)
    if not known or signal.before_its_bar or born_at(signal) is None:
        return None
    if signal.single_leg and signal.triangle_time is None:
        return None  # its id names ENTRY's bar
    return next(bars_of(signal), None)


def sure_of(source: Source, bars: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Where the twin is believed without a doubt, as first and last bar."""
    moments = sorted(bars)
    rows = Agreement.objects.filter(
        source=source, confidence__gte=SURE, since__isnull=False, since__lte=moments[-1],
        stretch__symbol=symbol_of(source), stretch__end__gte=moments[0],
    )  # fmt: skip
    return [(since, end) for since, end in rows.values_list("since", "stretch__end") if since]


def whole_hours(bars: Iterable[datetime], symbol: str, hours: Market) -> set[datetime]:
    """Those bars before which no minute of open market is missing for an hour."""
    moments, times = list(bars), list[datetime]()
    periods = [Q(time__range=each) for each in merged(((bar - WHOLE, bar) for bar in moments), CLOSE)]
    for some in batches(periods, PERIODS):
        rows = bars_replayed(symbol).filter(reduce(or_, some))
        times += rows.order_by().values_list("time", flat=True)
    times.sort()
    there = {bar: bisect_left(times, bar + MINUTE) - bisect_left(times, bar - WHOLE) for bar in moments}
    return {bar for bar, count in there.items() if count and count >= hours.open_minutes(bar - WHOLE, bar + MINUTE)}
