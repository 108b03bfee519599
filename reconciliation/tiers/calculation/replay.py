"""Tier 2, replay: what the indicator's twin says on the market's bars of the very signal that was heard of in part.

The twin's trade of the same bar and direction stands for the signal's as long as nothing that was heard contradicts
it. It gives the ladder of a trade whose prices were lost, and the confirmation or cancellation that nobody heard of;
excursions and ends follow from that by the rules of `excursions` and `legs`. How well the twin agrees with the source
there is the most that any of it is trusted. What a missing bar may have made another is hardly trusted, and says so, unless
something that was heard proves it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from reconciliation.tiers.base import event_of, misses, propose
from reconciliation.tiers.inference import REASON
from reconciliation.tiers.proposals import Case, Proposal, Replayed
from signals.clock import MINUTE, bar_of, local, session_of
from signals.formats import canonical, iso
from signals.models import AutomatedSignal
from signals.models.signal import clone
from signals.tiers import CALCULATION, REPLAY
from signals.vocabulary import Direction, Origin, Status

from .excursions import from_bars
from .ladder import Ladder, from_prices, points_of
from .legs import OVERDUE, Reach, legs_of, path_of, shown_by
from .reported import Mark, marks_of

# Prices of a sister contract (NQ for MNQ) are off by a tick or two.
TICKS = 2
PRINTED = Decimal("1e-9")
# Of bars of which one in five was missing 41 to 47 % of confirmations and stops across a hole were right, of one in
# fourteen 53 to 60 %; without a hole 99 % (docs/replay.md).
IN_HOLE = Decimal("0.4")
HOLE = "a bar is missing that may have made it another"
FEWEST_R = Decimal("0.01")  # an excursion that proves anything
TRADE_GAPS = frozenset({"no_entry_price", "no_stop_loss", "no_targets", "no_mfe_update", "no_mae"})


def from_replay(case: Case, ladder: Ladder | None, gaps: frozenset[str]) -> Iterator[Proposal]:
    """Whatever the twin's trade tells that the signal misses. `ladder` is what the signal's own prices give."""
    told = case.replayed
    if told is None:
        return
    evidence = {"replay": f"{told.symbol} {iso(told.triangle)}", "bars": told.digest}
    if case.signal.origin != Origin.ALERTS:
        yield from birth(case, told, evidence)
    if told.cancelled and not told.entry_hole and is_over(case, told.cancelled):
        yield from cancellation(case, told, evidence)
    if told.confirmed is None or told.entry is None or told.stop is None or not is_over(case, told.confirmed):
        return
    own = ladder or Ladder(told.entry, told.entry - told.stop)
    if not own.step or contradicts(case, told, own):
        return
    evidence = {
        "replay": f"{told.symbol} {iso(told.rests_on or told.triangle)}/{iso(told.confirmed)}",
        "bars": told.entry_digest,
    }
    proven = is_proven(case, told, own)
    yield from confirmation(case, *doubted(told, evidence, told.entry_hole and not proven), gaps)
    yield from trade(case, *doubted(told, evidence, told.stop_hole and not proven), ladder, own, gaps)


def doubted(told: Replayed, evidence: dict[str, Any], hole: bool) -> tuple[Replayed, dict[str, Any]]:  # noqa: FBT001
    """What the twin says, and its evidence, where a bar is missing among those that it rests on."""
    if not hole:
        return told, evidence
    return replace(told, confidence=min(told.confidence, IN_HOLE)), {**evidence, "hole": HOLE}


def offer(told: Replayed, field: str, value: Any, evidence: dict[str, Any], gap: str = "") -> Proposal:
    return propose(CALCULATION, field, value, REPLAY, evidence, gap=gap, confidence=told.confidence)


def is_over(case: Case, bar: datetime) -> bool:
    """Whether what was said at the close of this bar would have been heard by now."""
    return case.venue.market.open_minutes(bar + MINUTE, case.now) >= OVERDUE


def birth(case: Case, told: Replayed, evidence: dict[str, Any]) -> Iterator[Proposal]:
    """What a signal that no event made is."""
    session = session_of(told.triangle, case.venue.zone).value
    values = {"direction": told.direction, "signal_time": iso(told.triangle), "session": session}
    for field, value in values.items():
        if misses(case.signal, field):
            yield offer(told, field, value, evidence)


def cancellation(case: Case, told: Replayed, evidence: dict[str, Any]) -> Iterator[Proposal]:
    signal, ended = case.signal, told.cancelled
    if signal.status != Status.PENDING or ended is None or not misses(signal, "cancelled_at"):
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
    other = Direction.BEARISH if told.direction == Direction.BULLISH else Direction.BULLISH
    heard = (one.trade_id for one in case.after if one.signal_time == bar and one.direction == other)
    spelled = f"{local(bar, case.signal.clock_zone or case.venue.zone):%Y%m%d_%H%M}00000_{other.upper()}"
    return next(heard, spelled)


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


def trade(
    case: Case,
    told: Replayed,
    evidence: dict[str, Any],
    ladder: Ladder | None,
    own: Ladder,
    gaps: frozenset[str],
) -> Iterator[Proposal]:
    """Prices, and what follows from them and the bars: as for any trade, but on the twin's ladder.

    A trade whose `ladder` is known needs none of that, but for the first leg's end (see `paired`).
    """
    wanted = gaps | TRADE_GAPS if case.signal.status == Status.PENDING else gaps
    as_confirmed = replace(case, signal=confirmed_as(case.signal, told))
    found = [*paired(as_confirmed, own)]
    if ladder is None:
        found = [*from_prices(as_confirmed, own, wanted, {}), *from_bars(as_confirmed, own, wanted), *found]
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
    return "bound" not in offered.evidence and "closes" not in offered.evidence or not offered.evidence.get("closes")


def paired(case: Case, own: Ladder) -> Iterator[Proposal]:
    """The end of a first leg that was never protected: the indicator tells of it with the stop's, in the same bar."""
    signal = case.signal
    if signal.single_leg or not misses(signal, "be_exit_at"):
        return
    legs = legs_of(case, own, path_of(case, own), marks_of(signal, own))
    if legs.stop_end is None or legs.be_end != legs.stop_end or "be_exit_at" in legs.found:
        return
    touched = legs.found.get("stop_exit_at")
    if touched:
        shown = shown_by(case, own, "be_exit_at", touched)
        if case.venue.market.open_minutes(touched.time + MINUTE, case.now) >= OVERDUE:
            yield shown
    else:
        yield propose(
            CALCULATION, "be_exit_at", iso(legs.stop_end + MINUTE), REPLAY, event_of(signal, "stop_exit_at"),
        )  # fmt: skip


def confirmed_as(signal: AutomatedSignal, told: Replayed) -> AutomatedSignal:
    """The signal as it would be if its ENTRY had been heard."""
    fresh = clone(signal)
    fresh.confirmation_time = signal.confirmation_time or told.confirmed
    if signal.status == Status.PENDING:
        fresh.status = Status.CONFIRMED
    return fresh


def contradicts(case: Case, told: Replayed, own: Ladder) -> bool:
    """Whether anything that was heard of the signal says that its trade was another than the twin's."""
    signal = case.signal
    assert told.confirmed is not None
    assert told.entry is not None
    if signal.status == Status.CANCELLED or case.doubts("signal_time", "direction", "entry_price", "stop_loss"):
        return True
    fired = signal.entry_fired_at
    if fired and case.venue.market.last_open(bar_of(fired)) != told.confirmed:
        return True
    if signal.seen_confirmed_at and bar_of(signal.seen_confirmed_at) < told.confirmed:
        return True
    twin, near = Ladder(told.entry, told.entry - (told.stop or told.entry)), TICKS * case.tick_size
    rungs = points_of(signal)
    if any(abs(twin.at(n) - price) > near * max(1, abs(n)) * 2 for n, price in rungs.items()):
        return True
    return any(differs(case, told, own, field, mark) for field, mark in reports(case, own))


def reports(case: Case, own: Ladder) -> Iterator[tuple[str, Mark]]:
    for field, mark in marks_of(case.signal, own).items():
        if mark.event and mark.own:
            yield field, mark


def differs(case: Case, told: Replayed, own: Ladder, field: str, mark: Mark) -> bool:
    """Whether a report cannot be of this trade: further out than whole bars reached, or short of what they did.

    The break-even leg stands still once it ended, so of it only the first is asked.
    """
    bars, whole = covered(case, told, own, mark)
    if not bars:
        return False
    slack = 2 * TICKS * case.tick_size / abs(own.step) + PRINTED
    far, least = reach_of(bars, field), reach_of(bars[:-1], field)  # the bar that ends a leg is left out
    value = abs(mark.value)
    too_far = whole and value > far + slack
    too_short = field != "be_mfe" and mark.bar < (ended(case) or case.now) and value < least - slack
    return too_far or too_short


def is_proven(case: Case, told: Replayed, own: Ladder) -> bool:
    """Whether what was heard is so exactly the twin's that it followed the same entry and stop."""
    signal = case.signal
    if signal.entry_price is not None and signal.stop_loss is not None:
        return signal.entry_price == told.entry and signal.stop_loss == told.stop
    for field, mark in reports(case, own):
        bars, _ = covered(case, told, own, mark)
        reached = {reach_of(bars, field), reach_of(bars[:-1], field)}
        if field != "be_mfe" and abs(mark.value) >= FEWEST_R:
            return any(abs(abs(mark.value) - each) <= PRINTED for each in reached)
    return False


def covered(case: Case, told: Replayed, own: Ladder, mark: Mark) -> tuple[list[Reach], bool]:
    """The bars since ENTRY that a report covers, and whether none of them is missing or only a close."""
    assert told.confirmed is not None
    as_confirmed = replace(case, signal=confirmed_as(case.signal, told))
    bars = [bar for bar in path_of(as_confirmed, own) if told.confirmed < bar.time <= mark.bar]
    asked = case.venue.market.open_minutes(told.confirmed + MINUTE, mark.bar + MINUTE)
    return bars, len(bars) == asked and all(bar.whole for bar in bars)


def reach_of(bars: list[Reach], field: str) -> Decimal:
    """How far these bars went in a measurement's direction, in R, without a sign."""
    if field == "mae":
        return max((-bar.worst for bar in bars), default=Decimal(0)).max(Decimal(0))
    return max((bar.best for bar in bars), default=Decimal(0)).max(Decimal(0))


def ended(case: Case) -> datetime | None:
    signal = case.signal
    moments = (signal.stop_exit_at, signal.seen_completed_at, signal.be_exit_at if signal.single_leg else None)
    fired = min((moment for moment in moments if moment), default=None)
    return bar_of(fired) if fired else None
