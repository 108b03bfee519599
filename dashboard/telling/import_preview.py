"""What lost alerts would bring back if they were stored: new signals, and gaps that they can close. Best effort.

An event can close a gap when it carries the value that is missing; whether it does, the projection and the next cycle
decide.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciliation.gaps import CATALOGUE
from signals import dialects
from signals.facts import EventFacts, Reading, UnreadableError
from signals.models import AutomatedSignal
from signals.parcels import Incoming
from signals.symbols import goes_below_zero
from signals.teaching.known import formats_of

from .history import open_gaps

LOOKED_UP = 500


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """`gaps`: how many signals would lose each gap; `signals` those touched, `unknown` those not stored at all yet."""

    gaps: Mapping[str, int] = field(default_factory=dict)
    events: int = 0
    signals: int = 0
    unknown: int = 0
    unreadable: int = 0

    @property
    def titled(self) -> list[tuple[str, int]]:
        return [(CATALOGUE[name].title, number) for name, number in self.gaps.items()]


def preview_import(rows: Iterable[Incoming], *, now: datetime) -> ImportPreview:
    """What these rows would bring; those that would go to quarantine are counted as unreadable."""
    events: dict[str, list[EventFacts]] = defaultdict(list)
    unreadable = total = 0
    for row in rows:
        try:
            reading = None if row.problem else read(row)
        except UnreadableError:
            reading = None
        if reading is None:
            unreadable += 1
            continue
        total += len(reading.events)
        for event in reading.events:
            events[event.trade_id].append(event)
    closed: Counter[str] = Counter()
    known: set[str] = set()
    ids = sorted(events)
    for start in range(0, len(ids), LOOKED_UP):
        signals = list(AutomatedSignal.objects.filter(trade_id__in=ids[start : start + LOOKED_UP]))
        for signal, gaps in zip(signals, gaps_in_order(signals, now), strict=True):
            known.add(signal.trade_id)
            closed.update(
                gap for gap in gaps if any(CATALOGUE[gap].closed_by(event) for event in events[signal.trade_id])
            )
    ordered = {name: closed[name] for name in CATALOGUE if closed[name]}
    return ImportPreview(ordered, total, len(ids), len(ids) - len(known), unreadable)


def read(row: Incoming) -> Reading:
    """What a row says, by the dialects and by the formats that are for all sources."""
    return dialects.read(row.body, signed=goes_below_zero(row.symbol), formats=formats_of(None))


def gaps_in_order(signals: list[AutomatedSignal], now: datetime) -> list[dict[str, bool]]:
    found = open_gaps(signals, now)
    return [found[signal.pk] for signal in signals]
