"""What all tiers share: what a tier may fill, and how it writes down what it proposes."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from signals.models import AutomatedSignal
from signals.tiers import Tier

from .proposals import Proposal
from .trust import declared


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
    tier: Tier,
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
        tier=tier.key,
        method=method,
        data_source=tier.data_source,
        confidence=declared(tier.key, field) if confidence is None else confidence,
        gap=gap,
        evidence=evidence,
        as_of=as_of,
    )
