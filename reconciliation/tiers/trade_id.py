"""Tier 3: what the trade id says, read in the source's clock: the signal's bar, direction, session, confirmation.

The id names the open of a bar without a zone (signals/clock.py learns the zone). From the New York dialect on that is
the signal's own bar; where the indicator follows one leg only (`strategy`, early telemetry) it is ENTRY's bar.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from signals.clock import TradeId
from signals.formats import iso
from signals.signal.deriving import fired_about, named_bar
from signals.tiers import TRADE_ID
from signals.vocabulary import Origin

from .base import clock_proven, event_of, misses, propose
from .proposals import Case, Proposal
from .trust import declared

# Of 55 recorded `strategy` signals 28 had their triangle one bar before ENTRY's, the others two to eight.
UNKNOWN_TRIANGLE = Decimal("0.5")
# No event of the source ever said in which zone its ids are: where the setting was wrong, so was every time.
UNPROVEN_CLOCK = Decimal("0.5")
CERTAIN = Decimal(1)
# What an id can say: of these gaps, and of these fields though nothing is owed.
CLOSES = frozenset({"no_signal_date", "no_session", "no_confirmation_time"})
BESIDE = ("direction", "bars_to_confirmation")


def from_trade_id(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
    """Direction, signal time, session and confirmation, where the signal misses them and its id says them."""
    signal = case.signal
    if gaps.isdisjoint(CLOSES) and not any(misses(signal, field) for field in BESIDE):
        return  # as of most signals
    trade_id = TradeId.parse(signal.trade_id)
    if trade_id is None or signal.origin != Origin.ALERTS:  # replay spelled that id: it proves nothing
        return
    if trade_id.direction and misses(signal, "direction"):
        yield propose(TRADE_ID, "direction", trade_id.direction, "id_direction", {"trade_id": signal.trade_id})
    bar = named_bar(signal)
    if bar is None or case.doubts("signal_time"):
        return
    evidence = {"trade_id": signal.trade_id, "zone": signal.clock_zone}
    start, method, most = own_bar(case, bar)
    if start is None:
        return
    if "no_signal_date" in gaps and misses(signal, "signal_time"):
        confidence = min(trust(case, "signal_time"), most)
        value, gap = iso(start), "no_signal_date"
        yield propose(TRADE_ID, "signal_time", value, method, evidence, gap=gap, confidence=confidence)
    if "no_session" in gaps and misses(signal, "session"):
        session, confidence = case.venue.sessions.of(start), trust(case, "session")
        yield propose(TRADE_ID, "session", session, "id_session", evidence, gap="no_session", confidence=confidence)
    yield from confirmation(case, gaps, bar, evidence)


def trust(case: Case, field: str) -> Decimal:
    """How far a time read from the id is to be trusted: not further than the zone that it was read in."""
    return min(declared(TRADE_ID.key, field), CERTAIN if clock_proven(case.signal) else UNPROVEN_CLOCK)


def own_bar(case: Case, bar: datetime) -> tuple[datetime | None, str, Decimal]:
    """The signal's bar, the method that gives it, and the most that it may be trusted; no bar where none is known.

    Where one leg is followed the id names ENTRY's bar. Early telemetry knows no other, and states the entry price in
    every event. `strategy` does so only in ENTRY: a price that no event stated means that the ENTRY was lost which
    names the triangle's bar, and the bar before is the likeliest. An ENTRY without it leaves open which of both it is.
    """
    signal = case.signal
    if signal.signal_time is not None:
        return signal.signal_time, "id_bar", CERTAIN
    if signal.single_leg and signal.entry_price is None:
        frame = case.venue.frame.holding(bar)
        return frame.before(bar) if frame.known else None, "bar_before_entry", UNKNOWN_TRIANGLE
    return bar, "id_bar", UNKNOWN_TRIANGLE if signal.single_leg and signal.entry_fired_at else CERTAIN


def confirmation(case: Case, gaps: frozenset[str], bar: datetime, evidence: dict[str, str]) -> Iterator[Proposal]:
    """ENTRY's bar, by its fire time or by an id that names it, and the bars of open market since the signal's."""
    signal, gap = case.signal, "no_confirmation_time"
    confirmed, start = signal.confirmation_time, signal.signal_time
    confidence = declared(TRADE_ID.key, "confirmation_time")
    if confirmed is None and gap in gaps:
        if signal.entry_fired_at:
            confirmed, method = fired_about(signal.entry_fired_at, case.venue.frame.holding(bar)), "id_to_entry"
            evidence = {**evidence, **event_of(signal, "entry_fired_at")}
        elif signal.single_leg:
            confirmed, method, confidence = bar, "id_entry_bar", trust(case, "confirmation_time")
        else:
            return
        if confirmed is not None and misses(signal, "confirmation_time"):
            value = iso(confirmed)
            yield propose(TRADE_ID, "confirmation_time", value, method, evidence, gap=gap, confidence=confidence)
    start = signal.triangle_time if signal.single_leg else start or bar
    if confirmed is None or start is None or start > confirmed or not misses(signal, "bars_to_confirmation"):
        return
    frame = case.venue.frame.holding(start)
    bars, closes = frame.count(start, confirmed) if frame.known else None, gap if gap in gaps else ""
    if bars is not None:
        confidence = trust(case, "bars_to_confirmation")
        yield propose(
            TRADE_ID, "bars_to_confirmation", bars, "open_minutes", evidence, gap=closes, confidence=confidence
        )
