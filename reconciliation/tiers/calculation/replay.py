"""Tier 2, replay: what the indicator's twin says on the market's bars of the very signal that was heard of in part.

The twin's trade of the same bar and direction stands for the signal's as long as nothing that was heard contradicts
it. It gives the ladder of a trade whose prices were lost, and the confirmation or cancellation that nobody heard of;
excursions and ends follow from that by the rules of `excursions` and `legs`. How well the twin agrees with the source
there is the most that any of it is trusted. What a missing bar may have made another is hardly trusted, and says so,
unless something that was heard proves it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from reconciliation.findings import OPPOSITE
from reconciliation.tiers.base import event_of, misses, propose
from reconciliation.tiers.inference import REASON
from reconciliation.tiers.proposals import Case, Proposal, Replayed
from signals.clock import MINUTE, TradeId, bar_of
from signals.formats import iso
from signals.models import AutomatedSignal
from signals.models.signal import clone
from signals.prices import SISTER_TICKS
from signals.signal.deriving import is_undecided
from signals.tiers import CALCULATION, REPLAY
from signals.vocabulary import Origin, Status

from .excursions import from_bars
from .ladder import Ladder, from_prices, points_of
from .legs import Reach, legs_of, overdue_at, path_of, shown_by, since_entry
from .reported import Mark, marks_of

PRINTED = Decimal("1e-9")
# Of bars of which one in five was missing 41 to 47 % of confirmations and stops across a hole were right, of one in
# fourteen 53 to 60 %; without a hole 99 % (docs/replay.md).
IN_HOLE = Decimal("0.4")
HOLE = "a bar is missing that may have made it another"
FEWEST_R = Decimal("0.01")  # an excursion that proves anything
TRADE_GAPS = frozenset({"no_entry_price", "no_stop_loss", "no_targets", "no_mfe_update", "no_mae"})

OF_A_TRADE = frozenset(
    {"confirmation_time", "bars_to_confirmation", "entry_price", "stop_loss", "targets", "be_exit_at"}
)


@dataclass(frozen=True, slots=True)
class Trade:
    """The twin's trade beside the signal's case. `ladder` is what R is counted by: the signal's own prices if known.

    `case` has the signal as confirmed; `path` are the bars since ENTRY's, on the ladder.
    """

    told: Replayed
    case: Case
    ladder: Ladder
    entered: datetime
    path: Sequence[Reach]

    def until(self, bar: datetime) -> Sequence[Reach]:
        """The bars up to this one."""
        return self.path[: bisect_right(self.path, bar, key=attrgetter("time"))]


def from_replay(
    case: Case, ladder: Ladder | None, gaps: frozenset[str], path: Sequence[Reach] | None = None
) -> Iterator[Proposal]:
    """Whatever the twin's trade tells that the signal misses.

    `ladder` is what the signal's own prices give, and `path` are the bars on it, where they are there already.
    """
    told = case.replayed
    if told is None:
        return
    if case.signal.origin != Origin.ALERTS:
        yield from birth(case, told, triangle_of(told))
    undecided = is_undecided(case.signal)
    if undecided and told.cancelled and not told.entry_hole:
        yield from due_after(case, told.cancelled, cancellation(case, told, triangle_of(told)))
    if told.confirmed is not None and lacks(case.signal):
        yield from due_after(case, told.confirmed, from_trade(case, told, ladder, gaps, path))


def from_trade(
    case: Case, told: Replayed, ladder: Ladder | None, gaps: frozenset[str], path: Sequence[Reach] | None
) -> Iterator[Proposal]:
    """What the twin's confirmation tells, and what came after it."""
    assert told.confirmed is not None
    twin = ladder_of(told)
    if twin is None or is_another(case, told, twin):
        return
    own, as_confirmed = ladder or twin, case._replace(signal=confirmed_as(case.signal, told))
    since = since_entry(as_confirmed, path) if path is not None and ladder else path_of(as_confirmed, own)
    trade = Trade(told, as_confirmed, own, told.confirmed, since)
    exactly = is_the_same(case.signal, told)
    if not exactly and any(differs(trade, field, mark) for field, mark in reports(case, own)):
        return
    evidence = {
        "replay": f"{told.symbol} {iso(told.rests_on or told.triangle)}/{iso(told.confirmed)}",
        "bars": told.entry_digest,
    }
    proven = exactly or is_proven(trade)
    yield from confirmation(case, *doubted(told, evidence, told.entry_hole and not proven), gaps)
    yield from values(trade, *doubted(told, evidence, told.stop_hole and not (proven or ladder)), ladder, gaps)


def triangle_of(told: Replayed) -> dict[str, Any]:
    """What shows that there was a signal, as evidence."""
    return {"replay": f"{told.symbol} {iso(told.triangle)}", "bars": told.digest}


def ladder_of(told: Replayed) -> Ladder | None:
    if told.entry is None or told.stop is None or told.entry == told.stop:
        return None
    return Ladder(told.entry, told.entry - told.stop)


def lacks(signal: AutomatedSignal) -> bool:
    """Whether anything is missing that a trade of the twin can give."""
    return is_undecided(signal) or not signal.provenance.keys() >= OF_A_TRADE


def wants_bars(signal: AutomatedSignal) -> bool:
    """Whether anything is missing that bars of a trade of the twin can give."""
    return lacks(signal) or not signal.provenance.keys() >= {"stop_exit_at", "no_be_mfe"}


def doubted(told: Replayed, evidence: dict[str, Any], hole: bool) -> tuple[Replayed, dict[str, Any]]:
    """What the twin says, and its evidence, where a bar is missing among those that it rests on."""
    if not hole:
        return told, evidence
    return replace(told, confidence=min(told.confidence, IN_HOLE)), {**evidence, "hole": HOLE}


def offer(told: Replayed, field: str, value: Any, evidence: dict[str, Any], gap: str = "") -> Proposal:
    return propose(CALCULATION, field, value, REPLAY, evidence, gap=gap, confidence=told.confidence)


def due_after(case: Case, bar: datetime, offers: Iterable[Proposal]) -> Iterator[Proposal]:
    """The same, due once what was said at the close of this bar would have been heard."""
    overdue = overdue_at(case, bar + MINUTE)
    return (each.not_before(overdue) for each in offers)


def birth(case: Case, told: Replayed, evidence: dict[str, Any]) -> Iterator[Proposal]:
    """What a signal that no event made is."""
    session = case.venue.sessions.of(told.triangle)
    values = {"direction": told.direction, "signal_time": iso(told.triangle), "session": session}
    for field, value in values.items():
        if misses(case.signal, field):
            yield offer(told, field, value, evidence)


def cancellation(case: Case, told: Replayed, evidence: dict[str, Any]) -> Iterator[Proposal]:
    signal, ended = case.signal, told.cancelled
    if not is_undecided(signal) or ended is None or not misses(signal, "cancelled_at"):
        return
    evidence = {**evidence, "until": iso(ended)}
    values = {
        "cancelled_at": iso(ended + MINUTE),
        "cancelled_by": canceller(case, told, ended),
        "cancel_reason": REASON,
        "bars_pending": case.venue.market.open_minutes(told.triangle, ended),
    }
    for field, value in values.items():
        yield offer(told, field, value, evidence)


def canceller(case: Case, told: Replayed, bar: datetime) -> str:
    """The id of the opposite signal of this bar, as it was heard, else as the indicator spells it."""
    other = OPPOSITE[told.direction]
    heard = (one.trade_id for one in case.after if one.signal_time == bar and one.direction == other)
    return next(heard, TradeId.naming(bar, case.signal.clock_zone or case.venue.zone, other))


def confirmation(case: Case, told: Replayed, evidence: dict[str, Any], gaps: frozenset[str]) -> Iterator[Proposal]:
    signal, confirmed = case.signal, told.confirmed
    assert confirmed is not None
    gap = "no_confirmation_time" if "no_confirmation_time" in gaps else ""
    if signal.status == Status.PENDING:
        yield offer(told, "seen_confirmed_at", iso(confirmed + MINUTE), evidence)
    if misses(signal, "confirmation_time"):
        yield offer(told, "confirmation_time", iso(confirmed), evidence, gap)
    if misses(signal, "bars_to_confirmation"):
        bars = case.venue.market.open_minutes(told.triangle, confirmed)
        yield offer(told, "bars_to_confirmation", bars, evidence, gap)


def values(
    trade: Trade, told: Replayed, evidence: dict[str, Any], ladder: Ladder | None, gaps: frozenset[str]
) -> Iterator[Proposal]:
    """Prices, and what follows from them and the bars: as for any trade, but on the twin's ladder.

    A trade whose `ladder` is known needs none of that, but for the first leg's end (see `paired`).
    """
    heard = trade.case.signal.seen_confirmed_at or trade.case.signal.entry_fired_at
    wanted = gaps if heard else gaps | TRADE_GAPS
    found = [*paired(trade)]
    if ladder is None:
        found = [
            *from_prices(trade.case, trade.ladder, wanted, {}),
            *from_bars(trade.case, trade.ladder, wanted, trade.path),
            *found,
        ]
    for each in found:
        path = {"path": each.evidence["bars"]} if "bars" in each.evidence else {}
        yield replace(
            each,
            method=REPLAY,
            gap=each.gap if each.gap in gaps else "",
            confidence=told.confidence if exact(each) else min(each.confidence, told.confidence),
            evidence={**each.evidence, **path, **evidence},
        )


def exact(offered: Proposal) -> bool:
    """Whether it follows from whole bars without a hole, so that the twin itself is all that can be wrong in it."""
    return "bound" not in offered.evidence and not offered.evidence.get("closes")


def paired(trade: Trade) -> Iterator[Proposal]:
    """The end of a first leg that was never protected: the indicator tells of it with the stop's, in the same bar."""
    case, signal = trade.case, trade.case.signal
    if signal.single_leg or not misses(signal, "be_exit_at"):
        return
    legs = legs_of(case, trade.ladder, trade.path, marks_of(case, trade.ladder))
    if legs.stop_end is None or legs.be_end != legs.stop_end or "be_exit_at" in legs.found:
        return
    touched = legs.found.get("stop_exit_at")
    if touched is None:
        event = event_of(signal, "stop_exit_at")
        yield propose(CALCULATION, "be_exit_at", iso(legs.stop_end + MINUTE), REPLAY, event)
    else:
        yield from due_after(case, touched.time, [shown_by(case, trade.ladder, "be_exit_at", touched)])


def confirmed_as(signal: AutomatedSignal, told: Replayed) -> AutomatedSignal:
    """The signal as it would be if its ENTRY had been heard."""
    fresh = clone(signal)
    fresh.confirmation_time = signal.confirmation_time or told.confirmed
    if signal.status == Status.PENDING:
        fresh.status = Status.CONFIRMED
    return fresh


def is_another(case: Case, told: Replayed, twin: Ladder) -> bool:
    """Whether what was heard of the signal's life and prices says that its trade was another than the twin's."""
    signal, entered = case.signal, told.confirmed
    assert entered is not None
    if signal.status == Status.CANCELLED or case.doubts("signal_time", "direction", "entry_price", "stop_loss"):
        return True
    fired, seen = signal.entry_fired_at, signal.seen_confirmed_at
    if (fired and case.venue.market.last_open(bar_of(fired)) != entered) or (seen and bar_of(seen) < entered):
        return True
    near = 2 * SISTER_TICKS * case.tick_size
    return any(abs(twin.at(n) - price) > near * max(1, abs(n)) for n, price in points_of(signal).items())


def is_the_same(signal: AutomatedSignal, told: Replayed) -> bool:
    """Whether the signal's own entry and stop are the twin's."""
    known = signal.entry_price is not None and signal.stop_loss is not None
    return known and (signal.entry_price, signal.stop_loss) == (told.entry, told.stop)


def reports(case: Case, own: Ladder) -> Iterator[tuple[str, Mark]]:
    for field, mark in marks_of(case, own).items():
        if mark.event and mark.own:
            yield field, mark


def differs(trade: Trade, field: str, mark: Mark) -> bool:
    """Whether a report cannot be of this trade: further out than whole bars reached, or short of what they did.

    The break-even leg stands still once it ended, so of it only the first is asked.
    """
    bars = trade.until(mark.bar)
    if not bars:
        return False
    slack = 2 * SISTER_TICKS * trade.case.tick_size / abs(trade.ladder.step) + PRINTED
    value = abs(mark.value)
    if value > reach_of(bars, field) + slack and is_whole(trade, bars, mark):
        return True
    least = reach_of(bars[:-1], field)  # the bar that ends a leg is left out
    return field != "be_mfe" and value < least - slack and mark.bar < (ended(trade.case) or trade.case.now)


def is_proven(trade: Trade) -> bool:
    """Whether a report is so exactly the twin's that it followed the same entry and stop."""
    for field, mark in reports(trade.case, trade.ladder):
        if field != "be_mfe" and abs(mark.value) >= FEWEST_R:
            bars = trade.until(mark.bar)
            reached = (reach_of(bars, field), reach_of(bars[:-1], field))
            return any(abs(abs(mark.value) - each) <= PRINTED for each in reached)
    return False


def is_whole(trade: Trade, bars: Sequence[Reach], mark: Mark) -> bool:
    """Whether none of the bars that a report covers is missing, or only a close."""
    asked = trade.case.venue.market.open_minutes(trade.entered + MINUTE, mark.bar + MINUTE)
    return len(bars) == asked and all(bar.whole for bar in bars)


def reach_of(bars: Sequence[Reach], field: str) -> Decimal:
    """How far these bars went in a measurement's direction, in R, without a sign."""
    if field == "mae":
        return max(Decimal(0), max((-bar.worst for bar in bars), default=Decimal(0)))
    return max(Decimal(0), max((bar.best for bar in bars), default=Decimal(0)))


def ended(case: Case) -> datetime | None:
    signal = case.signal
    moments = (signal.stop_exit_at, signal.seen_completed_at, signal.be_exit_at if signal.single_leg else None)
    fired = min((moment for moment in moments if moment), default=None)
    return bar_of(fired) if fired else None
