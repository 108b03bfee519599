"""Tier 0: the signal's own events, where they say a value under another name than the one that misses it.

Copies under the same name (entry, stop and targets in MFE, BE and exit rows, direction, the confirmation of an ENTRY
beside its SIGNAL_CREATED) are no gaps: the projection takes them as events come in. Rows that know less than their
events are healed when a case is loaded (loading.base_of).
"""

from collections.abc import Iterator

from signals.formats import canonical
from signals.models import AutomatedSignal
from signals.tiers import OWN_EVENTS

from .base import clock_proven, event_of, misses, propose
from .proposals import Case, Proposal


def from_own_events(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
    """Entry and stop by where the legs' stops stood, and the session of a bar that an event stated.

    In all 124 recorded BE_TRIGGERED, ENTRY and MFE rows that state it, `be_price` is the entry; in all 29
    EXIT_STOP_LOSS, `exit_price` is the stop.
    """
    signal = case.signal
    if "no_entry_price" in gaps:
        yield from same_price(signal, "entry_price", "be_price", "no_entry_price")
    if "no_stop_loss" in gaps:
        yield from same_price(signal, "stop_loss", "stop_exit_price", "no_stop_loss")
    if "no_session" in gaps and misses(signal, "session") and clock_proven(signal) and not case.doubts("signal_time"):
        bar = signal.signal_time
        if bar is not None:
            evidence = {**event_of(signal, "signal_time"), "rule": "the session in which the signal's bar opened"}
            session = case.venue.sessions.of(bar)
            yield propose(OWN_EVENTS, "session", session, "stated_bar", evidence, gap="no_session")


def same_price(signal: AutomatedSignal, field: str, other: str, gap: str) -> Iterator[Proposal]:
    value = getattr(signal, other)
    if value is not None and misses(signal, field):
        evidence = {**event_of(signal, other), "rule": f"{other} is the {field}"}
        yield propose(OWN_EVENTS, field, canonical(value), f"{field}_from_{other}", evidence, gap=gap)
