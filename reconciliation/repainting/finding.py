"""Finding: all that contradicts or leaves out the signals of a chunk, each a list; None where nothing does."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from reconciliation.tiers.proposals import Replayed
from signals.models import AutomatedSignal, Source
from signals.signal.deriving import Venue
from signals.signal.registers import Event

from . import bars, reports
from .exports import Exports
from .fired import Contradiction


class Repainting:
    """Reads what a chunk needs; says of each signal then what contradicts it. `bases` are without fills."""

    def __init__(
        self, bases: Sequence[AutomatedSignal], source: Source, venue: Venue, replayed: Mapping[int, Replayed]
    ) -> None:
        self.venue, self.tick, self.replayed = venue, Decimal(source.tick_size), replayed
        self.exports, self.missed = Exports(bases, source), bars.Missed(bases, source, replayed)

    def of(self, base: AutomatedSignal, events: Sequence[Event]) -> list[Contradiction] | None:
        found = [
            *reports.contradicting(base, events, self.venue, self.tick),
            *self.exports.leaving_out(base, (event.payload_checksum for event in events)),
            *self.missed.of(base),
        ]
        told = self.replayed.get(base.pk)
        if told:
            found += bars.contradicting(base, told, self.venue.market)
        return found or None
