"""Cancellation, which the indicator never sends: a pending signal is over once an opposite one has appeared.

Signals mostly alternate. A signal that is still without ENTRY when an opposite one follows will not be confirmed any
more, except in the few bars of grace (one recorded ENTRY came a minute after the opposite signal). A signal of the
same direction supersedes nothing by itself: the next opposite one cancels all that are pending before it.
"""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from reconciliation.findings import OPPOSITE
from signals.clock import MINUTE
from signals.formats import iso
from signals.signal.deriving import is_undecided
from signals.tiers import INFERENCE
from signals.vocabulary import Status

from .base import propose
from .proposals import Case, Neighbour, Proposal

REASON = "opposite_signal"


def from_alternation(case: Case, _: frozenset[str]) -> Iterator[Proposal]:
    """As `infer` says, with the grace that is set. It is asked about status only, whatever gaps are open."""
    return infer(case, grace_bars=settings.CANCEL_GRACE_BARS)


def infer(case: Case, *, grace_bars: int) -> Iterator[Proposal]:
    """CANCELLED for a pending signal, due when the grace has ended: when, by which signal, and after how many bars."""
    opposite = opposite_of(case)
    signal_time = case.signal.signal_time
    if opposite is None or signal_time is None:
        return
    over = over_at(case, opposite, grace_bars)
    evidence = {"opposite": opposite.trade_id, "bar": iso(opposite.signal_time)}
    frame = case.frame
    values = {
        "cancelled_at": iso(frame.close_of(opposite.signal_time)),
        "cancelled_by": opposite.trade_id,
        "cancel_reason": REASON,
        "bars_pending": frame.count(signal_time, opposite.signal_time),
    }
    for field, value in values.items():
        if value is not None:  # bars of open market can be countless, where its hours are not known
            yield propose(INFERENCE, field, value, "alternation", evidence).not_before(over)


def over_at(case: Case, opposite: Neighbour, grace_bars: int) -> datetime:
    """When the grace is over: its bars have closed, and so has the minute in which their alerts fire."""
    frame, bar = case.frame, opposite.signal_time
    if frame.by_minute:
        return frame.market.add_open_minutes(frame.close_of(bar), grace_bars) + MINUTE
    for _ in range(grace_bars):
        bar = frame.after(bar)
    return frame.close_of(bar) + MINUTE


def opposite_of(case: Case) -> Neighbour | None:
    """The first opposite signal after one that no event decides; None when it is not (or not provably) left pending."""
    signal = case.signal
    wanted = OPPOSITE.get(signal.direction or "")
    if not is_undecided(signal) or signal.signal_time is None or wanted is None:
        return None
    if case.doubts("signal_time", "direction") or not case.frame.known:
        return None
    if case.replayed and case.replayed.confirmed:  # its ENTRY was lost, or lies in a hole of the bars
        return None
    later = (one for one in case.after if one.direction == wanted and one.signal_time > signal.signal_time)
    first = min(later, key=lambda one: (one.signal_time, one.trade_id), default=None)
    if first is None or still_pending(case, case.frame.close_of(first.signal_time)):
        return None
    return first


def still_pending(case: Case, moment: datetime) -> bool:
    """Whether the indicator itself reported the signal as pending after `moment`: its word beats the inference."""
    return any(event.facts.get("state") == Status.PENDING and event.fire_minute > moment for event in case.events)
