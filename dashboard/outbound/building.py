"""What an event says: made from the rows that it tells of, once, and stored. Pure.

docs/outbound.md is the reference of what is built here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from dashboard.models import StreamEvent
from dashboard.models.outbound import new_key
from dashboard.telling.history import own_symbol
from reconciliation.cycle.applying import RECOMPUTED
from reconciliation.gaps import CATALOGUE
from reconciliation.models import GapRecord, SyncAuditLog
from reconciliation.tiers.proposals import evidence_key
from signals.exporting import SignalRecord, number
from signals.formats import iso
from signals.models import AutomatedSignal
from signals.signal.deriving import completed_by, status_of
from signals.tiers import CALCULATION, REPLAY, TIERS
from signals.vocabulary import DataSource

from .kinds import Kind
from .news import Told

Action = SyncAuditLog.Action
SIGNAL_FIELDS = [
    "trade_id", "source", "symbol", "life", "status", "direction", "session", "signal_time", "entry_price", "stop_loss",
    "targets", "targets_extended", "htf_alignment", "confirmation_time", "cancellation_time", "be_mfe", "no_be_mfe",
    "mae", "be_exit_at", "be_exit_price", "stop_exit_at", "stop_exit_price", "exit_price", "exit_reason", "origin",
    "approval", "data_source", "confidence_score", "health_score", "synthetic",
]  # fmt: skip
CONFIRMING = ("entry_fired_at", "seen_confirmed_at", "be_triggered_at", "be_exit_at")
ENDED = {
    Action.WITHDRAWN: "withdrawn",
    Action.UNDONE: "undone",
    Action.SUPERSEDED: "replaced",
    Action.CONFLICT: "contradicted",
}
"""Why a value that a tier had put in stands no longer, by what the audit log calls it."""


class SignalSummary(SignalRecord):
    """A signal as events tell it."""

    class Meta(SignalRecord.Meta):
        fields = SIGNAL_FIELDS
        read_only_fields = SIGNAL_FIELDS


SUMMARY = SignalSummary()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where something that is told comes from. Without a tier it was heard from the indicator itself."""

    tier: str = ""
    source: str = DataSource.REALTIME.value
    confidence: Decimal = Decimal(1)
    evidence: Mapping[str, Any] | None = None
    method: str = ""

    @property
    def told(self) -> dict[str, Any]:
        return {
            "heard": not self.tier,
            "source": self.source,
            "tier": self.tier or None,
            "method": self.method or None,
            "confidence": number(self.confidence),
            "evidence": dict(self.evidence or {}),
        }


def event(
    kind: Kind,
    signal: AutomatedSignal,
    origin: Provenance | None,
    key: str,
    *,
    at: datetime,
    told_at: datetime,
    **more: Any,
) -> StreamEvent:
    """Without an origin it tells of no value."""
    return StreamEvent(
        key=key,
        type=kind.value,
        at=at,
        told_at=told_at,
        signal_id=signal.pk,
        trade_id=signal.trade_id,
        source=signal.source.name,
        symbol=own_symbol(signal),
        direction=signal.direction or "",
        tier=origin.tier if origin else "",
        confidence=origin.confidence if origin else 1,
        data={
            **more,
            "provenance": origin and origin.told,
            "simulated": signal.source.simulated,
            "signal": dict(SUMMARY.to_representation(signal)),
        },
    )


def step(kind: Kind, signal: AutomatedSignal, told: Told, now: datetime) -> StreamEvent:
    """A step of a signal's life. `told` counts the tellings, this one included."""
    key = new_key(kind.value, signal.pk, signal.created_at.isoformat(), told.revision)
    if kind in (Kind.FOUND, Kind.WITHDRAWN):
        origin = Provenance(CALCULATION.key, DataSource.CALCULATED.value, signal.confidence_score, method=REPLAY)
        if kind == Kind.FOUND:
            return event(kind, signal, origin, key, at=signal.first_event_at, told_at=now)
        gone = {"field": "origin", "because": "withdrawn", "value": None, "was": None}
        return event(kind, signal, origin, key, at=now, told_at=now, **gone)
    proof = proof_of(kind, signal)
    moment = moment_of(signal, proof)
    return event(kind, signal, origin_of(signal, proof), key, at=moment, told_at=now, proof=proof)


def proof_of(kind: Kind, signal: AutomatedSignal) -> str:
    """The field that proves the step; "" where the row no longer says."""
    if kind == Kind.CONFIRMED:
        return next((name for name in CONFIRMING if getattr(signal, name)), completed_by(signal) or "")
    return status_of(signal)[1] or ""


def moment_of(signal: AutomatedSignal, proof: str) -> datetime:
    moment = getattr(signal, proof) if proof else None
    return moment if isinstance(moment, datetime) else signal.last_event_at


def origin_of(signal: AutomatedSignal, field: str) -> Provenance:
    """As the signal's provenance tells it. A copy in another event of the signal was heard as well."""
    entry = signal.provenance.get(field)
    if entry is None:
        return Provenance()
    filled = "fill" in entry["evidence"]
    tier = str(entry["tier"]) if filled and entry["tier"] is not None else ""
    return Provenance(tier, entry["source"], Decimal(str(entry["confidence"])), entry["evidence"])


def of_entry(entry: SyncAuditLog, signal: AutomatedSignal, filled_before: bool, now: datetime) -> StreamEvent | None:
    """What an entry of the audit log tells; None for what is nobody's news. `filled_before`: its value once stood."""
    kind, more = told_by(entry, filled_before)
    if kind is None:
        return None
    key = new_key(kind.value, entry.pk, entry.at.isoformat())
    origin = None if kind == Kind.GAP_OPENED else origin_of_entry(entry)
    return event(kind, signal, origin, key, at=entry.at, told_at=now, **more)


def told_by(entry: SyncAuditLog, filled_before: bool) -> tuple[Kind | None, dict[str, Any]]:
    action = Action(entry.action)
    if action == Action.GAP_OPENED:
        return Kind.GAP_OPENED, gap_told(entry.gap)
    value = {"field": entry.field, "value": entry.new, "was": entry.old, "gap": entry.gap or None}
    if action in (Action.FILLED, Action.APPROVED) and entry.field != "origin":
        return Kind.FILLED, {**value, "fill": fill_key(entry), "approved": action == Action.APPROVED}
    if action in ENDED and entry.old is not None and filled_before and entry.note != RECOMPUTED:
        return Kind.WITHDRAWN, {**value, "fill": fill_key(entry), "because": ENDED[action], "note": entry.note}
    return None, {}


def fill_key(entry: SyncAuditLog) -> str:
    """The same for a value that a tier puts in on some evidence and for its withdrawal."""
    return new_key("fill", entry.signal_id, entry.field, entry.tier, evidence_key(entry.evidence)).removeprefix("evt_")


def origin_of_entry(entry: SyncAuditLog) -> Provenance:
    if not entry.tier:
        return Provenance(evidence=entry.evidence)
    tier = TIERS.get(entry.tier)
    sure = Decimal(1) if entry.confidence is None else entry.confidence
    return Provenance(entry.tier, tier.data_source.value if tier else "", sure, entry.evidence, entry.method)


def gap_told(name: str) -> dict[str, Any]:
    gap = CATALOGUE.get(name)
    return {"gap": name, "title": gap.title if gap else name}


HOW = {
    GapRecord.State.FILLED: "filled",
    GapRecord.State.CLOSED: "heard",
    GapRecord.State.DISMISSED: "dismissed",
}


def of_record(record: GapRecord, entry: SyncAuditLog, signal: AutomatedSignal, now: datetime) -> StreamEvent | None:
    """That a gap closed; the entry says by what. None for a dismissal that was taken back: the gap opens again."""
    how = HOW.get(GapRecord.State(record.state))
    if how is None or record.closed_at is None:
        return None
    key = new_key(Kind.GAP_CLOSED.value, record.pk, record.closed_at.isoformat())
    more = {**gap_told(record.gap), "how": how, "opened_at": iso(record.opened_at)}
    origin = None if record.state == GapRecord.State.DISMISSED else origin_of_entry(entry)
    return event(Kind.GAP_CLOSED, signal, origin, key, at=record.closed_at, told_at=now, **more)


def body_of(event: StreamEvent) -> dict[str, Any]:
    """The whole message, the same at every sending."""
    data = {"sequence": event.pk, "told_at": iso(event.told_at), **event.data}
    return {"type": event.type, "timestamp": iso(event.at), "data": data}
