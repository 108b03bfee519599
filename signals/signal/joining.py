"""Joining: events and fills join a signal, register by register. No database, no clock of its own.

`registers` says who may claim a field and which of two claims stays; here the claim that stays is put into the row.
"""

import logging
from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from decimal import Context, Decimal
from typing import Any, Protocol, TypeVar

from signals.formats import iso
from signals.models import AutomatedSignal, SignalEvent
from signals.signal.positions import is_idle
from signals.signal.registers import (
    BIRTH,
    EVENT_PROVENANCE,
    MINUTE,
    NOBODY,
    PEAKS,
    RULES,
    TIER_RANK,
    Event,
    Rule,
    claims,
    key_of,
    ranks_of,
    stored_key,
    typed,
)
from signals.storage.bulk import fresh
from signals.tiers import OWN_EVENTS, TOLD, Rank
from signals.vocabulary import Origin

log = logging.getLogger(__name__)
E = TypeVar("E", bound=Event)
KEPT_DIGITS = Context(prec=15)


def count_in(signal: AutomatedSignal, event: Event) -> None:
    """Count an event that is new to its signal, in memory. The first one makes a signal that replay found ordinary."""
    if signal.origin != Origin.ALERTS:
        signal.origin, signal.approval = Origin.ALERTS, ""
        signal.first_event_at = signal.last_event_at = event.fire_minute
    signal.event_count += 1
    signal.first_event_at = min(signal.first_event_at or event.fire_minute, event.fire_minute)
    signal.last_event_at = max(signal.last_event_at or event.fire_minute, event.fire_minute)


def absorb(signal: AutomatedSignal, events: Iterable[SignalEvent]) -> set[str]:
    """Join events to their signal and number them, in memory. An event that fails to join is kept all the same.

    Returns the fields whose registers they have changed.
    """
    fresh, changed = list(events), set[str]()
    for event in fresh:
        count_in(signal, event)
        event.sequence_number = signal.event_count
    for event in in_turn(fresh):
        try:
            changed |= join(signal, event)
        except Exception as error:
            log.exception("an event of %s did not join", signal.trade_id)
            signal.rebuild_error = text_of(error)
    return changed


def in_turn(events: Iterable[E]) -> list[E]:
    """Births first, for they say which side the signal is of, and last what ends one side only."""
    return sorted(events, key=lambda event: (event.type not in BIRTH, bool(event.facts.get("if_open"))))


def text_of(error: Exception) -> str:
    """An error as `rebuild_error` keeps it."""
    return f"{type(error).__name__}: {error}"


def join(signal: AutomatedSignal, event: Event) -> Set[str]:
    """Let the claims of an event join its signal, in memory. Joining it again changes nothing.

    Returns the fields whose registers have changed; a peak is no register, and of no bar.
    """
    if is_idle(event, signal.direction):
        return frozenset()
    at, name = iso(event.fire_minute), f"{event.payload_checksum}:{event.position}"
    signal.single_leg = signal.single_leg or bool(event.facts.get("single_leg"))
    provenance, origins = signal.provenance, dict[Rank, dict[str, Any]]()
    evidence = {"event": name, "type": str(event.type)}
    ranks, told, changed = ranks_of(event.type), None, set[str]()
    for field, value in claims(event):
        rank = ranks.get(field)
        if rank is None:
            continue
        if field in PEAKS:
            raise_peak(signal, PEAKS[field], Decimal(value))
        held = provenance.get(field)
        if held and (held is told or (held["at"] == at and held["evidence"] == evidence)):
            told = held  # what one event tells has one entry
            continue  # joined before: quicker to see than by comparing keys
        if field == "entry_price" and held and held["tier"] is None and rank == Rank.OWNER:
            # Order does not matter: of ENTRYs with several prices, the first other one meets the first one's.
            signal.entries_differ = signal.entries_differ or not same_price(Decimal(value), signal.entry_price)
        live = RULES[field].live
        if held and stored_key(live, held) >= key_of(live, rank, at, event.type, name):
            continue
        setattr(signal, field, typed(field, value))
        provenance[field] = origins.get(rank) or origins.setdefault(rank, origin_of(rank, evidence, at))
        changed.add(field)
    return changed


def origin_of(rank: Rank, evidence: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The provenance entry of what an event says with this trust."""
    source, tier = EVENT_PROVENANCE[rank]
    return {"source": source.value, "tier": tier, "confidence": 1.0, "evidence": evidence, "at": at}


def same_price(one: Decimal, other: Decimal | None) -> bool:
    """Whether two prices are one, as far as SQLite keeps their digits."""
    return other is not None and KEPT_DIGITS.plus(one) == KEPT_DIGITS.plus(other)


def raise_peak(signal: AutomatedSignal, field: str, value: Decimal) -> None:
    held = getattr(signal, field)
    if held is None or value > held:
        setattr(signal, field, value)


class FillLike(Protocol):
    """What the projection needs of an active fill (models.Fill)."""

    @property
    def field(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def tier(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def data_source(self) -> str: ...
    @property
    def confidence(self) -> Decimal: ...
    @property
    def evidence(self) -> Any: ...
    @property
    def as_of(self) -> datetime | None: ...


def minute_of_fill(fill: FillLike) -> str:
    """The fire minute that an event for a measurement's bar would have had, as provenance writes it.

    Empty for all other fills: they have no moment, so that processing time never decides.
    """
    return iso(fill.as_of + MINUTE) if fill.as_of else ""


def outdoes(signal: AutomatedSignal, fill: FillLike) -> bool:
    """Whether the signal holds a value equal to or better than the fill's.

    A measurement is a value as of a bar: a fill for a later bar extends an event's value.
    """
    held = signal.provenance.get(fill.field)
    if held is None:
        return False
    live = RULES.get(fill.field, Rule(NOBODY)).live
    # A relation that tier 0 found between events yields to any event that states the value.
    rank = Rank.DERIVED if fill.tier == OWN_EVENTS.key else TIER_RANK[TOLD[fill.tier]]
    return stored_key(live, held) >= key_of(live, rank, minute_of_fill(fill), "", "")


def join_fill(signal: AutomatedSignal, fill: FillLike) -> bool:
    """Let an active fill join its signal, in memory; False when the signal outdoes it."""
    if outdoes(signal, fill):
        return False
    setattr(signal, fill.field, typed(fill.field, fill.value))
    signal.provenance[fill.field] = {
        "source": str(fill.data_source),
        "tier": TOLD[fill.tier],
        "confidence": float(fill.confidence),
        "evidence": {"fill": fill.method, **fill.evidence},
        "at": minute_of_fill(fill),
    }
    return True


def blank(source_id: int, trade_id: str, symbol: str = "", life: int = 1) -> AutomatedSignal:
    """A signal that nothing is known about yet."""
    own = {"source_id": source_id, "trade_id": trade_id, "symbol": symbol, "life": life}
    return fresh(AutomatedSignal, own)
