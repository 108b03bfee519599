"""Reports against events: what a report states of what happens once, other than the event that fired stated it. Pure.

Sessions and alignments are not compared: those of the recorded alerts are wrong, and a report puts them right. Nor are
measurements, which grow.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from signals.clock import MINUTE
from signals.formats import canonical, iso
from signals.models import AutomatedSignal
from signals.prices import SISTER_TICKS
from signals.signal.deriving import Venue, completed_by, entry_bar, protected
from signals.signal.registers import Event
from signals.vocabulary import REPORTS, Status

from .fired import REPORT, Contradiction, born_at, fired_at

UNCONFIRMED = (Status.PENDING, Status.CANCELLED)
EXIT_PRICES = {"be_exit_price": "entry_price", "stop_exit_price": "stop_loss", "exit_price": ""}


def contradicting(signal: AutomatedSignal, events: Iterable[Event], venue: Venue, tick: Decimal) -> list[Contradiction]:
    """The first contradiction in each field. `signal` is as its events alone make it."""
    found: dict[str, Contradiction] = {}
    for event in events if born_at(signal) else ():
        if event.type not in REPORTS:
            continue
        at = iso(event.fire_minute)
        for field, fired, says in differing(signal, event.facts, event.fire_minute, venue, SISTER_TICKS * tick):
            evidence = f"{event.payload_checksum}:{event.position}"
            one = {"by": REPORT, "field": field, "fired": fired, "says": says, "at": at, "evidence": evidence}
            found.setdefault(field, one)
    return [found[field] for field in sorted(found)]


def differing(
    signal: AutomatedSignal, facts: Mapping[str, Any], at: datetime, venue: Venue, near: Decimal
) -> Iterator[tuple[str, str, str]]:
    """(field, what fired, what the report says) of each contradiction. `near` is how far prices may be apart."""
    if is_later(signal, "direction", at) and facts.get("direction", signal.direction) != signal.direction:
        yield "direction", str(signal.direction), facts["direction"]
    yield from other_bars(signal, facts, at, venue)
    yield from other_prices(signal, facts, at, near)
    yield from other_states(signal, facts, at)


def is_later(signal: AutomatedSignal, field: str, at: datetime, *, by: int = 0) -> bool:
    """Whether an event had stated the field so many minutes before."""
    fired = fired_at(signal, field)
    return bool(fired) and datetime.fromisoformat(fired) + by * MINUTE <= at


def other_bars(
    signal: AutomatedSignal, facts: Mapping[str, Any], at: datetime, venue: Venue
) -> Iterator[tuple[str, str, str]]:
    """Bars that are more than one apart: exports may name a bar by its close."""
    frame = venue.frame_of(signal)
    if not frame.known:
        return
    bars = {"triangle_time": signal.triangle_time if is_later(signal, "triangle_time", at) else None}
    if is_later(signal, "confirmation_time", at):
        bars["confirmation_time"] = signal.confirmation_time
    elif signal.entry_fired_at and signal.entry_fired_at <= at:
        bars["confirmation_time"] = entry_bar(signal.entry_fired_at, signal.signal_time, venue)
    for field, bar in bars.items():
        if bar and field in facts and abs(datetime.fromisoformat(facts[field]) - bar) > frame.length:
            yield field, iso(bar), facts[field]


def other_prices(
    signal: AutomatedSignal, facts: Mapping[str, Any], at: datetime, near: Decimal
) -> Iterator[tuple[str, str, str]]:
    """Entry, stop and exit. Targets follow from the first two; a stop that was moved to the entry is no other."""
    for field in ("entry_price", "stop_loss") if not signal.entries_differ else ():
        if field not in facts or not is_later(signal, field, at):
            continue
        held, says = getattr(signal, field), Decimal(facts[field])
        moved = field == "stop_loss" and says == signal.entry_price and protected(signal)
        if abs(says - held) > near and not moved:
            yield field, canonical(held), facts[field]
    ended = completed_by(signal)
    if "exit_price" not in facts or ended is None or not is_later(signal, ended, at):
        return
    told = [getattr(signal, name) for name in EXIT_PRICES if fired_at(signal, name)]
    # A leg of which no exit price was heard ended at its stop.
    possible = [*told, *(getattr(signal, level) for name, level in EXIT_PRICES.items() if level)]
    says = Decimal(facts["exit_price"])
    if told and all(abs(says - price) > near for price in possible if price is not None):
        yield "exit_price", canonical(told[0]), facts["exit_price"]


def other_states(signal: AutomatedSignal, facts: Mapping[str, Any], at: datetime) -> Iterator[tuple[str, str, str]]:
    """A state that the signal had left in a minute before. What a report knows beyond events contradicts nothing."""
    state, ended = facts.get("state"), completed_by(signal)
    if is_later(signal, "entry_fired_at", at, by=1) and state in UNCONFIRMED:
        yield "status", Status.CONFIRMED.value, state
    elif is_later(signal, "cancelled_at", at, by=1) and signal.entry_fired_at is None and is_confirmed(state):
        yield "status", Status.CANCELLED.value, str(state)
    elif ended and is_later(signal, ended, at, by=1) and is_running(facts):
        yield "status", Status.COMPLETED.value, str(state or Status.CONFIRMED.value)
    if ended is None and facts.get("be_triggered") is False and is_later(signal, "be_triggered_at", at, by=1):
        yield "be_triggered_at", fired_at(signal, "be_triggered_at"), "not triggered"


def is_confirmed(state: str | None) -> bool:
    return state in (Status.CONFIRMED, Status.COMPLETED)


def is_running(facts: Mapping[str, Any]) -> bool:
    """Whether a report says that the trade goes on."""
    return facts.get("state") == Status.CONFIRMED or (facts.get("completed") is False and "state" not in facts)
