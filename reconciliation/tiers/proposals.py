"""What passes between the cycle and the tiers: a case in, proposals out. Plain values; no database, no clock.

A tier is a pure function `(Case, wanted gaps) -> Iterable[Proposal]`. The cycle loads cases in chunks, asks the tiers
in order of trust, and gives what they propose to apply, the only writer of fills.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple

from reconciliation.findings import contradicted
from signals.models import AutomatedSignal, PriceBar
from signals.signal.deriving import Venue
from signals.signal.registers import Event
from signals.timeframe import Timeframe
from signals.vocabulary import DataSource

Barred = tuple[str, str, str]
"""Field, tier and evidence key of a fill that somebody undid: it must not come back."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another signal of the same source, as the alternation rule needs it."""

    trade_id: str
    direction: str | None
    signal_time: datetime
    status: str


class Told(NamedTuple):
    """The alignment that an event told of another signal of the source, no fill.

    `at` is the open of the bar that it was told of. `direction` is the signal's where that is its own bar: a creation
    that comes late, or again, tells the trends of its own minute. `symbol` is the signal's own, "" its source's.
    """

    at: datetime
    trade_id: str
    trends: Mapping[str, str]
    direction: str | None
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the indicator's twin says of a signal's bar; see models.ReplayedSignal.

    `confidence` is how well the twin agrees with the source there. Moments are opens of bars, prices in points.
    """

    symbol: str
    triangle: datetime
    direction: str
    digest: str
    confidence: Decimal
    confirmed: datetime | None = None
    cancelled: datetime | None = None
    entry: Decimal | None = None
    stop: Decimal | None = None
    rests_on: datetime | None = None
    entry_digest: str = ""
    entry_hole: bool = False
    stop_hole: bool = False


class Case(NamedTuple):
    """Everything a tier may look at for one signal. `signal` is read-only by agreement.

    `events` are in order of fire time and hold everything but superseded updates: births, BE, exits, cancellation,
    reports, and the latest update. `bars` are the price bars of the signal's symbol from its confirmation to the end
    of its last leg (or `now`), by the minute and in order of time; `bars_far` says that some were refused
    (plausible.py). `told` are the alignments of the signals around one that has none, in order of time.
    """

    signal: AutomatedSignal
    venue: Venue
    now: datetime
    tick_size: Decimal
    events: Sequence[Event] = ()
    bars: Sequence[PriceBar] = ()
    before: Sequence[Neighbour] = ()
    after: Sequence[Neighbour] = ()
    told: Sequence[Told] = ()
    barred: AbstractSet[Barred] = frozenset()
    replayed: Replayed | None = None
    bars_far: bool = False

    @property
    def frame(self) -> Timeframe:
        """The bars that the signal's own is one of."""
        return self.venue.frame_of(self.signal)

    def doubts(self, *fields: str) -> bool:
        """Whether one of these fields of the signal is contradicted: then nothing is filled from it."""
        return not contradicted(self.signal).isdisjoint(fields)

    def bars_out(self, offer: "Proposal") -> bool:
        """Whether somebody undid this very value, on the same evidence."""
        return bool(self.barred) and (offer.field, offer.tier, evidence_key(offer.evidence)) in self.barred


@dataclass(frozen=True, slots=True)
class Proposal:
    """One value that a tier would put in.

    `value` is JSON as facts.py describes it (prices and R as plain decimal strings, moments ISO 8601 with Z).
    `evidence` names what it rests on: events as checksum:position, bars as symbol and time range, or a rule. Its
    digest bars an undone fill from coming back. `as_of` is the last minute that a live measurement covers. Until `due`
    an alert may still tell it: the cycle holds it back, and looks again then.
    """

    field: str
    value: Any
    tier: str  # "0" … "3", or "inference"
    method: str
    data_source: DataSource
    confidence: Decimal
    gap: str = ""
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    as_of: datetime | None = None
    due: datetime | None = None

    def not_before(self, moment: datetime) -> "Proposal":
        """The same, due at a moment at the earliest."""
        return dataclasses.replace(self, due=max(moment, self.due or moment))


# An encoder costs more to make than to use.
in_order = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


def evidence_key(evidence: Mapping[str, Any]) -> str:
    """Digest of what a fill rests on: an undone fill stays undone as long as this is the same."""
    return blake2b(in_order(evidence).encode(), digest_size=16).hexdigest()
