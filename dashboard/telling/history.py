"""Everything about one signal: found by its trade id and what else tells it apart, told in time order. Only reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from reconciliation.gaps import CATALOGUE, Dismissed, GapView
from reconciliation.models import GapRecord, SyncAuditLog
from signals.exporting import record
from signals.models import AutomatedSignal, SignalEvent
from signals.symbols import normalised

from .serializers import AuditRecord, EventRecord, FillRecord

SHOWN = 5


class UnknownSignalError(LookupError):
    """No stored signal has this trade id (in this source, of this symbol). The message says where to look."""


class AmbiguousSignalError(LookupError):
    """Several signals have this trade id, and what was named besides fits more than one of them."""

    def __init__(self, candidates: list[AutomatedSignal]) -> None:
        aspects: dict[str, list[str]] = {
            "source": [signal.source.name for signal in candidates],
            "symbol": [own_symbol(signal) or "unknown" for signal in candidates],
            "life": [str(signal.life) for signal in candidates],
        }
        differing = (
            f"{name}: {', '.join(distinct[:SHOWN])}{' …' if len(distinct) > SHOWN else ''}"
            for name, values in aspects.items()
            if len(distinct := list(dict.fromkeys(values))) > 1
        )
        super().__init__(
            f"{len(candidates)} signals have the id {candidates[0].trade_id}. Say which one is meant by"
            f" {'; '.join(differing)}."
        )
        self.candidates = candidates


def own_symbol(signal: AutomatedSignal) -> str:
    return signal.symbol or str(signal.source.symbol)


def find_signal(trade_id: str, source: str = "", symbol: str = "", life: str = "") -> AutomatedSignal:
    """The one signal of this trade id. `source` is the name of the source to look in; symbol (in any spelling) and life
    pick among signals that share the id there. Raises UnknownSignalError and AmbiguousSignalError."""
    matching = AutomatedSignal.objects.select_related("source").filter(trade_id=trade_id)
    # PostgreSQL refuses NUL in any text, so that no stored id has one.
    found = [
        signal
        for signal in (() if "\0" in trade_id else matching.order_by("source__name", "symbol", "-life"))
        if source in ("", signal.source.name)
        and normalised(symbol) in ("", own_symbol(signal))
        and life in ("", str(signal.life))
    ]
    if not found:
        named = {"the source": source, "the symbol": symbol, "the life": life}
        where = " and".join(f" of {what} {value}" for what, value in named.items() if value)
        raise UnknownSignalError(
            f"No signal {trade_id!r} is stored{where}. Check the spelling, look at All Signals, or import the alert"
            " log of its day if its alerts never arrived."
        )
    if len(found) > 1:
        raise AmbiguousSignalError(found)
    return found[0]


def history(signal: AutomatedSignal, *, now: datetime) -> dict[str, Any]:
    """The signal, where each of its values came from, and what happened to it, as JSON-able values."""
    values = record(signal)
    return {
        "signal": values,
        "provenance": values.pop("provenance"),
        "events": EventRecord(events_of(signal), many=True).data,
        "fills": FillRecord(signal.fills.order_by("created_at", "pk"), many=True).data,
        "gaps": [gap_summary(name, actionable) for name, actionable in open_gaps([signal], now)[signal.pk].items()],
        "audit": AuditRecord(audit_of(signal), many=True).data,
    }


def open_gaps(
    signals: Sequence[AutomatedSignal], now: datetime, view: GapView | None = None
) -> dict[int, dict[str, bool]]:
    """By the signals' keys: their open gaps, and of each whether it is actionable. Two queries, however many; one
    where the `view` is there already."""
    view = view or GapView.at(now)
    records = GapRecord.objects.filter(signal__in=signals, state=GapRecord.State.DISMISSED)
    dismissed: Dismissed = frozenset(records.values_list("signal_id", "gap"))
    return {signal.pk: view.open_gaps(signal, dismissed) for signal in signals}


def gap_summary(name: str, actionable: bool) -> dict[str, Any]:
    gap = CATALOGUE[name]
    return {
        "gap": name,
        "title": gap.title,
        "state": "actionable" if actionable else "waiting",
        "weight": gap.weight,
        "tiers": list(gap.tiers),
        "remedy": gap.remedy,
    }


def events_of(signal: AutomatedSignal) -> QuerySet[SignalEvent]:
    events = signal.events.select_related("delivery")
    return events.order_by("fire_minute", "sequence_number")


def audit_of(signal: AutomatedSignal) -> QuerySet[SyncAuditLog]:
    return SyncAuditLog.objects.filter(signal=signal).select_related("signal__source").order_by("at", "pk")
