"""Registers: which event may claim which field of a signal, and which claim stays. No database, no clock of its own.

Each field is a register. Every event claims values for some fields; the claim with the greatest key stays, so that
order, repetition and splitting of the events cannot matter (the join of a semilattice):

    what happens once    higher trust, then the earlier fire minute, then exit before update, then the checksum
    live measurements    the later bar, then higher trust, then exit before update, then the checksum

A register is its column plus its entry in `provenance`, from which the key is read back; so an event joins a signal
without the signal's other events. `joining` puts claims into rows, `deriving` adds what relates several registers.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple, Protocol

from django.db import models

from signals.facts import FACTS
from signals.models import AutomatedSignal
from signals.tiers import ASKING, OWN_EVENTS, TIERS, Rank
from signals.vocabulary import EXITS, REPORTS, DataSource, EventType, Status

# By tier as provenance tells it; None is the event that owns the value.
TIER_RANK: dict[Any, Rank] = {None: Rank.OWNER, **{tier.told: tier.rank for tier in TIERS.values()}}
EVENT_PROVENANCE: dict[Rank, tuple[DataSource, int | str | None]] = {
    Rank.OWNER: (DataSource.REALTIME, None),
    **{tier.rank: (tier.data_source, tier.told) for tier in (OWN_EVENTS, ASKING)},
}


class Rule(NamedTuple):
    """Who may claim a field. `carriers` None means: every event type that mentions it."""

    owners: frozenset[str]
    carriers: frozenset[str] | None = None
    live: bool = False


MINUTE = timedelta(minutes=1)
T = EventType
BIRTH = frozenset({T.SIGNAL_CREATED, T.ENTRY})
MEASURES = frozenset({T.ENTRY, T.MFE_UPDATE, T.BE_TRIGGERED, *EXITS})
ENDS = EXITS - {T.EXIT_BREAK_EVEN}  # of the leg with the original stop, and with it of the trade
ENTRY_ONLY = frozenset({T.ENTRY})
NOBODY: frozenset[str] = frozenset()

# The table of owners. MFE, BE and exit rows carry the session and HTF of their own bar, so only births may say them.
RULES: dict[str, Rule] = {
    "direction": Rule(BIRTH),
    "session_label": Rule(BIRTH, REPORTS),
    "htf_alignment": Rule(BIRTH, REPORTS),
    "htf_conflict": Rule(BIRTH, REPORTS),
    "stated_time": Rule(BIRTH),
    "triangle_time": Rule(BIRTH),
    "confirmation_time": Rule(ENTRY_ONLY),
    "bars_to_confirmation": Rule(ENTRY_ONLY),
    "entry_price": Rule(ENTRY_ONLY),
    "stop_loss": Rule(ENTRY_ONLY),
    "targets": Rule(ENTRY_ONLY),
    "be_price": Rule(frozenset({T.BE_TRIGGERED})),
    "created_fired_at": Rule(frozenset({T.SIGNAL_CREATED}), NOBODY),
    "entry_fired_at": Rule(ENTRY_ONLY, NOBODY),
    "be_triggered_at": Rule(frozenset({T.BE_TRIGGERED}), NOBODY),
    "be_exit_at": Rule(frozenset({T.EXIT_BREAK_EVEN}), NOBODY),
    "be_exit_price": Rule(frozenset({T.EXIT_BREAK_EVEN}), NOBODY),
    "be_exit_reason": Rule(frozenset({T.EXIT_BREAK_EVEN}), NOBODY),
    "stop_exit_at": Rule(ENDS, NOBODY),
    "stop_exit_price": Rule(frozenset({T.EXIT_STOP_LOSS}), NOBODY),
    "stop_exit_reason": Rule(frozenset({T.EXIT_STOP_LOSS}), NOBODY),
    "exit_price": Rule(frozenset({T.EXIT}), NOBODY),
    "exit_reason": Rule(frozenset({T.EXIT}), NOBODY),
    "seen_confirmed_at": Rule(frozenset({T.MFE_UPDATE, T.BE_TRIGGERED, *EXITS})),
    "seen_completed_at": Rule(NOBODY),
    "seen_protected_at": Rule(NOBODY),
    "unprotected_at": Rule(frozenset({T.MFE_UPDATE}), NOBODY, live=True),
    "cancelled_at": Rule(frozenset({T.CANCELLED}), NOBODY),
    "seen_cancelled_at": Rule(NOBODY),
    "cancel_reason": Rule(frozenset({T.CANCELLED})),
    "cancelled_by": Rule(frozenset({T.CANCELLED})),
    "bars_pending": Rule(frozenset({T.CANCELLED})),
    "be_mfe": Rule(MEASURES, live=True),
    "no_be_mfe": Rule(MEASURES, live=True),
    "mae": Rule(MEASURES, live=True),
    "current_price": Rule(MEASURES, live=True),
    "highest_high": Rule(MEASURES, live=True),
    "lowest_low": Rule(MEASURES, live=True),
}
PEAKS = {"be_mfe": "be_mfe_peak", "no_be_mfe": "no_be_mfe_peak"}
COLUMNS = AutomatedSignal._meta.concrete_fields
DECIMALS = frozenset(column.name for column in COLUMNS if isinstance(column, models.DecimalField))
MOMENTS = frozenset(column.name for column in COLUMNS if isinstance(column, models.DateTimeField))
# Facts that are claimed under their own name, whoever sends them.
PLAIN_FACTS = tuple(field for field in RULES if field in FACTS)


class Heard(Protocol):
    """What an event says, and when: a stored SignalEvent, or one not stored yet."""

    @property
    def type(self) -> str: ...
    @property
    def fire_minute(self) -> datetime: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...


class Event(Heard, Protocol):
    """What the projection needs of an event besides: which entry of which payload it was."""

    @property
    def payload_checksum(self) -> str: ...
    @property
    def position(self) -> int: ...


def typed(field: str, value: Any) -> Any:
    """A JSON value as the column's type (facts and fills are stored as JSON)."""
    if field in DECIMALS:
        return Decimal(value)
    if field in MOMENTS and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value


def claims(event: Heard) -> Iterator[tuple[str, Any]]:
    """The fields that an event speaks about, with JSON or already typed values."""
    facts, kind, minute = event.facts, event.type, event.fire_minute
    for name in PLAIN_FACTS:
        if name in facts:
            yield name, facts[name]
    if "session" in facts:
        yield "session_label", facts["session"]
    if "signal_date" in facts and "signal_clock" in facts:
        yield "stated_time", f"{facts['signal_date']} {facts['signal_clock']}"
    targets = {name: facts[name] for name in ("tp1", "tp2", "tp3") if name in facts}
    if targets:
        yield "targets", targets
    if kind == T.SIGNAL_CREATED:
        yield "created_fired_at", minute
    elif kind == T.ENTRY:
        yield "entry_fired_at", minute
    elif kind in EXITS:
        leg = "be_exit" if kind == T.EXIT_BREAK_EVEN else "stop_exit"
        yield f"{leg}_at", minute
        if "exit_price" in facts:  # of EXIT it is no stop's price, and has a field of its own
            yield f"{leg}_price", facts["exit_price"]
        if "exit_reason" in facts:
            yield f"{leg}_reason", facts["exit_reason"]
    yield from proofs(facts, kind, minute)


def proofs(facts: Mapping[str, Any], kind: str, minute: datetime) -> Iterator[tuple[str, Any]]:
    """What an event proves about the status. Whoever is updated is confirmed: no update ever precedes its ENTRY."""
    state = facts.get("state")
    if kind in MEASURES - ENTRY_ONLY or state in (Status.CONFIRMED, Status.COMPLETED) or facts.get("completed"):
        yield "seen_confirmed_at", minute
    if kind == T.BE_TRIGGERED:
        yield "be_triggered_at", minute
    elif (reached := shows_protection(facts)) is not None:
        yield "seen_protected_at" if reached else "unprotected_at", minute
    if state == Status.COMPLETED or facts.get("completed"):
        yield "seen_completed_at", minute
    if kind == T.CANCELLED:
        yield "cancelled_at", minute
    elif state == Status.CANCELLED:  # which says that it was by then, not when
        yield "seen_cancelled_at", minute


def shows_protection(facts: Mapping[str, Any]) -> bool | None:
    """Whether +1 R had been reached, as its flag or else the first leg's MFE shows; None where neither is there.

    Both say the same in all 4,315 recorded entries of batches, first in the very minute of BE_TRIGGERED (26 of 26).
    """
    if facts.get("be_triggered"):
        return True
    if "be_mfe" in facts:
        return Decimal(facts["be_mfe"]) >= 1
    return facts.get("be_triggered")


def rank_of(rule: Rule, kind: str) -> Rank | None:
    """How far a claim of this event type is to be trusted; None when it may not claim the field."""
    if kind in REPORTS:
        return Rank.ASKED if rule.carriers is None or kind in rule.carriers else None
    if kind in rule.owners:
        return Rank.OWNER
    return Rank.CARRIED if rule.carriers is None or kind in rule.carriers else None


@cache
def ranks_of(kind: str) -> Mapping[str, Rank]:
    """The fields that this event type may claim, and how far it is trusted in each."""
    ranks = {field: rank_of(rule, kind) for field, rule in RULES.items()}
    return {field: rank for field, rank in ranks.items() if rank is not None}


Key = tuple[Any, ...]


def key_of(live: bool, rank: int, at: str, kind: str, event: str) -> Key:
    """The total order of claims for one field. `event` is `checksum:position`, `at` UTC ISO 8601 or empty."""
    minute = minute_of(at)
    return (minute, rank, kind in EXITS, event) if live else (rank, -minute, kind in EXITS, event)


@lru_cache(maxsize=4096)
def minute_of(at: str) -> int:
    """Minutes since 1970; few different ones come in a row."""
    return int(datetime.fromisoformat(at).timestamp()) // 60 if at else 0


def stored_key(live: bool, entry: Mapping[str, Any]) -> Key:
    """The key of the value that a signal holds now, read back from its provenance."""
    evidence = entry["evidence"]
    rank = Rank.DERIVED if "rule" in evidence else TIER_RANK[entry["tier"]]
    return key_of(live, rank, entry["at"], evidence.get("type", ""), evidence.get("event", ""))
