"""The truth about a signal, as its own events told it, and how far a fill is from it. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol

from signals.clock import MINUTE
from signals.models import AutomatedSignal, SignalEvent
from signals.signal.deriving import Venue
from signals.signal.registers import MOMENTS, typed
from signals.tiers import OWN_EVENTS
from signals.vocabulary import EXITS, Status

from .accuracy import Judgement

R_TOLERANCE = Decimal("0.1")
TIME_TOLERANCE = BAR_TOLERANCE = Decimal(1)
LIVE = ("be_mfe", "no_be_mfe", "mae")
PRINTED = Decimal("1e-9")  # reports have ten places, and their last one is rounded
CONFIRMED = (Status.CONFIRMED, Status.COMPLETED)


class Claim(Protocol):
    """What is judged: a proposal, or a stored fill."""

    @property
    def field(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def evidence(self) -> Mapping[str, Any]: ...
    @property
    def as_of(self) -> datetime | None: ...


@dataclass
class Truth:
    """A signal with all its events, no fill, in the zone that all votes decide."""

    signal: AutomatedSignal
    events: Sequence[SignalEvent]
    venue: Venue
    tick: Decimal

    def judge(self, claim: Claim) -> Judgement | None:
        """How right a claim is; None where the events do not tell."""
        if claim.field in LIVE:
            return self.judge_measurement(claim)
        if claim.field == "cancelled_at":
            return self.judge_cancellation(claim)
        if claim.field in ("targets", "targets_extended"):
            return self.judge_targets(claim)
        return self.judge_value(claim) if self.knows(claim.field) else None

    def judgements(self, claim: Claim) -> Iterator[tuple[str, Judgement]]:
        """How right a claim is, and each timeframe of an alignment, by name; nothing where the events do not tell."""
        judged = self.judge(claim)
        if judged is None:
            return
        yield claim.field, judged
        if claim.field == "htf_alignment":
            for frame, right in self.trends_of(claim).items():
                yield f"{claim.field}.{frame}", same(right)

    def trends_of(self, claim: Claim) -> dict[str, bool]:
        """Whether each trend is the one told. An event that came late tells the m1 of its own minute."""
        told: Mapping[str, str] = self.signal.htf_alignment or {}
        late = self.signal.htf_as_of != self.signal.signal_time
        return {
            frame: told[frame] == trend
            for frame, trend in claim.value.items()
            if frame in told and not (frame == "m1" and late)
        }

    def judge_value(self, claim: Claim) -> Judgement:
        told = getattr(self.signal, claim.field)
        if claim.field == "htf_alignment":
            return same(all(self.trends_of(claim).values()))
        if claim.field == "session" and self.signal.signal_time is not None:
            told = self.venue.sessions.of(self.signal.signal_time)
        return self.compare(claim, told)

    def knows(self, field: str) -> bool:
        """Whether an event of the signal said the value, under this name or by relation (provenance tier null or 0)."""
        entry = self.signal.provenance.get(field)
        return entry is not None and entry["tier"] in (None, OWN_EVENTS.told) and "fill" not in entry["evidence"]

    def compare(self, claim: Claim, told: Any) -> Judgement:
        value = typed(claim.field, claim.value)
        if claim.field in MOMENTS:
            return distance(Decimal(abs(value - told) // MINUTE), TIME_TOLERANCE)
        if claim.field == "bars_to_confirmation":
            return distance(Decimal(abs(value - told)), BAR_TOLERANCE)
        if isinstance(value, Decimal):
            return distance(abs(value - told), self.tick)
        return same(value == told)

    def judge_targets(self, claim: Claim) -> Judgement | None:
        """Of the extended targets the first three: the indicator states no others."""
        told = self.signal.targets if self.knows("targets") else None
        extended = claim.field == "targets_extended"
        pairs = [(claim.value[f"{name[2:]}R" if extended else name], price) for name, price in (told or {}).items()]
        errors = [abs(Decimal(claimed) - Decimal(price)) for claimed, price in pairs]
        return distance(max(errors), self.tick) if errors else None

    def judge_cancellation(self, claim: Claim) -> Judgement:
        """The indicator's own word where it gave one; else the inference is right if the signal was never confirmed."""
        if self.knows("cancelled_at"):
            return self.compare(claim, self.signal.cancelled_at)
        return same(self.signal.status not in CONFIRMED)

    def judge_measurement(self, claim: Claim) -> Judgement | None:
        """A value that says "at least" is right when it does not exceed the truth."""
        told = self.measured(claim.field, claim.as_of) if claim.as_of else None
        if told is None:
            return None
        sign = -1 if claim.field == "mae" else 1
        # Where price never came back to the entry the indicator reports an MFE just below 0, and a fill says 0.
        told, value = max(sign * told, Decimal(0)), sign * Decimal(claim.value)
        error = abs(value - told)
        exact = error <= PRINTED
        if "bound" in claim.evidence:
            return Judgement(exact, value <= told + PRINTED, error)
        return Judgement(exact, error <= R_TOLERANCE, error)

    def measured(self, field: str, bar: datetime) -> Decimal | None:
        """The excursion as of a bar: what was reported for it, or both before and after it (excursions only grow).

        After the end of its leg, the last report. None where the reports do not settle it.
        """
        minutes, values = self.reports[field]
        after = bisect_left(minutes, bar + MINUTE)
        if after < len(minutes) and minutes[after] == bar + MINUTE:
            return values[after]
        before = values[after - 1] if after else None
        if after < len(minutes):
            return before if before == values[after] else None
        ended = self.ended(field)
        covered = minutes[-1] if minutes else None
        return before if ended and covered and covered >= ended else None

    @cached_property
    def reports(self) -> Mapping[str, tuple[list[datetime], list[Decimal]]]:
        """Of each measurement, the minutes at which it was reported and the values, in order of time."""
        found: dict[str, dict[datetime, Decimal]] = {field: {} for field in LIVE}
        for event in sorted(self.events, key=lambda one: (one.fire_minute, one.type in EXITS, one.payload_checksum)):
            for field in LIVE:
                if field in event.facts:
                    found[field][event.fire_minute] = Decimal(event.facts[field])
        return {field: (list(rows), list(rows.values())) for field, rows in found.items()}

    def ended(self, field: str) -> datetime | None:
        """Fire minute of the event that ended the measurement's leg, if one was told."""
        stop: datetime | None = self.signal.stop_exit_at
        first_leg: datetime | None = self.signal.be_exit_at
        if field == "be_mfe" or self.signal.single_leg:
            return min(filter(None, (stop, first_leg)), default=None)
        return stop


def same(right: bool) -> Judgement:
    return Judgement(right, right)


def distance(error: Decimal, tolerance: Decimal) -> Judgement:
    return Judgement(error == 0, error <= tolerance, error)
