"""Replaying: what the twin says of a trial's signals, as far as what the trial hides would let it be believed.

The twin knows bars only, so what it said of them is read once. How far it is believed is measured anew in each trial,
on what that leaves to be heard: what is hidden is filled by the twin, and judged, without having spoken for it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciliation.models import ReplayedSignal, ReplayStretch
from reconciliation.replay.agreeing import LEAST, Measure
from reconciliation.replay.measuring import HeardSignal, agreement_on, heard_in, on_bars, statements, symbol_of
from reconciliation.replay.telling import matched, named_bars
from reconciliation.tiers.proposals import Replayed
from signals.clock import MINUTE
from signals.models import AutomatedSignal, PriceBar, Source
from signals.signal.deriving import Venue

from .hiding import Stored, is_alerted

BEFORE = timedelta(days=1)  # a bar may be so long before the first event of its signal


@dataclass(frozen=True)
class Twin:
    """What the twin said around the stored signals, and what was heard of them all, by trade id.

    `bars` are the whole bars that there are; those that are `alerted` came with alerts.
    """

    source: Source
    venue: Venue
    told: Sequence[ReplayedSignal]
    stretches: Sequence[ReplayStretch]
    bars: AbstractSet[datetime]
    alerted: Sequence[datetime]
    heard: Mapping[str, HeardSignal]

    @classmethod
    def of(cls, stored: Stored, source: Source, bases: Mapping[str, AutomatedSignal]) -> "Twin":
        """As the last cycle left it. `bases` are the signals with all their events."""
        venue, symbol = Venue.of(source), symbol_of(source)
        first = min(base.first_event_at for base in bases.values()) - BEFORE
        told = ReplayedSignal.objects.filter(symbol=symbol, triangle__gte=first, triangle__lte=stored.now)
        stretches = ReplayStretch.objects.filter(symbol=symbol, start__lte=stored.now, end__gte=first)
        heard = {trade_id: heard_in(base, venue.market) for trade_id, base in bases.items()}
        whole = [bar for bar in stored.bars if bar.kind == PriceBar.Kind.BAR]
        rows = list(told.order_by("triangle"))
        bars = {bar.time for bar in whole}
        alerted = [bar.time for bar in whole if is_alerted(bar)]
        return cls(source, venue, rows, list(stretches.order_by("start")) if rows else [], bars, alerted, heard)

    def says(self, trial: Stored, bases: Iterable[AutomatedSignal]) -> Mapping[int, Replayed]:
        """What it says of a trial's signals; nothing where the trial hides a whole bar, for it may rest on that."""
        if not self.stretches or self.rests_on_hidden(trial):
            return {}
        asked = list(bases)
        heard = [heard_in(base, self.venue.market) for base in asked]
        if trial.alone:
            heard += self.others(trial)
        return matched(named_bars(asked, self.source), self.told, self.believed(heard))

    def rests_on_hidden(self, trial: Stored) -> bool:
        if not self.alerted:
            return False
        there = {bar.time for bar in trial.bars if bar.kind == PriceBar.Kind.BAR}
        return any(time not in there for time in self.alerted if time < trial.now - MINUTE)

    def others(self, trial: Stored) -> Iterator[HeardSignal]:
        """What was heard by then of the signals that the trial left out."""
        for trade_id, each in self.heard.items():
            if trade_id not in trial.events and each.bar and each.bar < trial.now:
                known = each.confirmed if each.confirmed and each.confirmed < trial.now else None
                yield each._replace(confirmed=known)

    def believed(self, heard: Sequence[HeardSignal]) -> Mapping[datetime, Measure]:
        """The agreement on each stretch where the twin is believed at all."""
        measures: dict[datetime, Measure] = {}
        for stretch in self.stretches:
            moments = ((each.bar or each.confirmed, each) for each in heard)
            own = [each for moment, each in moments if moment and stretch.start <= moment <= stretch.end]
            told = [each for each in self.told if each.stretch == stretch.start]
            went_on = measures.get(stretch.continues) if stretch.continues else None
            measures[stretch.start] = agreement_on(stretch.start, on_bars(statements(own, told), self.bars), went_on)
        return {start: each for start, each in measures.items() if each.confidence >= LEAST and each.since}
