"""What all tiers share: the tier itself, what a tier may fill, and how it writes down what it proposes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from signals.models import AutomatedSignal
from signals.vocabulary import DataSource

from .proposals import Case, Proposal
from .trust import declared

DATA_SOURCES: Mapping[str, DataSource] = {
    "0": DataSource.RECONCILED,
    "2": DataSource.CALCULATED,
    "3": DataSource.RECONCILED,
    "inference": DataSource.INFERRED,
}


@dataclass(frozen=True, slots=True)
class Tier:
    """A way to fill gaps. `propose` is pure: the same case and gaps give the same proposals, in the same order.

    `gaps` are the names of the gaps that are open; fields that are no gap (direction, the extended targets, exits)
    are proposed whenever they are missing. The case's signal holds what its events make of it and what tiers asked
    before would fill, but no fills of earlier cycles: so a tier builds on evidence and never on itself.
    """

    name: str
    title: str
    propose: Callable[[Case, frozenset[str]], Iterable[Proposal]]


def misses(signal: AutomatedSignal, field: str) -> bool:
    """Whether nothing stands in the field: no event's value, and no fill of a tier asked before."""
    return field not in signal.provenance


def clock_proven(signal: AutomatedSignal) -> bool:
    """Whether the times that the signal's id gives are more than the configured guess: its bar or its zone was told."""
    return signal.clock_by != "configured" or signal.triangle_time is not None


def event_of(signal: AutomatedSignal, field: str) -> dict[str, str]:
    """The event that a value of the signal came from, as evidence; empty when it did not come from one."""
    evidence = signal.provenance.get(field, {}).get("evidence", {})
    return {name: evidence[name] for name in ("event", "type") if name in evidence}


def propose(
    tier: str,
    field: str,
    value: Any,
    method: str,
    evidence: Mapping[str, Any],
    *,
    gap: str = "",
    as_of: datetime | None = None,
    confidence: Decimal | None = None,
) -> Proposal:
    """A proposal with the tier's data source and, unless given, its declared confidence."""
    return Proposal(
        field=field,
        value=value,
        tier=tier,
        method=method,
        data_source=DATA_SOURCES[tier],
        confidence=declared(tier, field) if confidence is None else confidence,
        gap=gap,
        evidence=evidence,
        as_of=as_of,
    )
