"""Tier 2, legs: when each of a trade's two legs ended, by its events, else by prices that touched their stops.

The rules are the indicator's, as recorded logs show them (docs/tiers.md): the entry is the close of ENTRY's bar, so
bars count from the next one on; at +1 R the first leg's stop moves to the entry, from the next bar on; a bar that
touches both the stop and +1 R is a loss. A close beyond a stop proves the touch; a close short of it proves nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from reconciliation.tiers.base import event_of, misses, propose
from reconciliation.tiers.proposals import Case, Proposal
from reconciliation.tiers.trust import declared
from signals.clock import MINUTE
from signals.formats import canonical, iso
from signals.models import PriceBar
from signals.tiers import CALCULATION
from signals.timeframe import Timeframe

from .ladder import Ladder
from .reported import Mark, confirmed_in, running_until

# An exit is missed when its event has not come so long after the bar's close; a resent webhook comes within 15 s.
OVERDUE = 2  # minutes of open market
# At most: after bars that are missing 85 of 209 recorded exits were dated right to a bar (docs/calibration.md).
# Without a hole before them closes date exits and triggers as often as is declared.
AFTER_HOLE = Decimal("0.4")


class Reach(NamedTuple):
    """How far one price bar went, in R: `best` and `worst` are its extremes; both its close where no more is known."""

    time: datetime
    best: Decimal
    worst: Decimal
    whole: bool


@dataclass(frozen=True, slots=True)
class Legs:
    """Opens of the bars that ended the legs, None while one runs.

    `found` maps the moments that no event told to the bars whose prices prove them.
    """

    be_end: datetime | None
    stop_end: datetime | None
    found: Mapping[str, Reach]


def path_of(case: Case, ladder: Ladder) -> list[Reach]:
    """The closed price bars since ENTRY's, in order of time, as multiples of R."""
    frame = case.frame
    minutes = [reach(bar, ladder) for bar in case.bars if bar.time + MINUTE <= case.now]
    if not frame.by_minute:
        together = groupby(minutes, lambda minute: frame.around(minute.time))
        minutes = [put_together(frame, bar, list(some)) for bar, some in together if frame.close_of(bar) <= case.now]
    return since_entry(case, minutes)


def since_entry(case: Case, path: Sequence[Reach]) -> list[Reach]:
    start = confirmed_in(case)
    return [bar for bar in path if start is None or bar.time > start]


def put_together(frame: Timeframe, bar: datetime, minutes: Sequence[Reach]) -> Reach:
    """A longer bar by its minutes; whole only if it has all of them and each is whole."""
    asked = frame.market.open_minutes(bar, frame.close_of(bar))
    whole = len(minutes) >= asked and all(minute.whole for minute in minutes)
    return Reach(bar, max(minute.best for minute in minutes), min(minute.worst for minute in minutes), whole)


def reach(bar: PriceBar, ladder: Ladder) -> Reach:
    if bar.kind == PriceBar.Kind.CLOSE or bar.high is None or bar.low is None:
        close = (bar.close - ladder.entry) / ladder.step
        return Reach(bar.time, close, close, whole=False)
    best, worst = (bar.high, bar.low) if ladder.step > 0 else (bar.low, bar.high)
    return Reach(bar.time, (best - ladder.entry) / ladder.step, (worst - ladder.entry) / ladder.step, whole=True)


def stays_between(case: Case, ladder: Ladder) -> bool:
    """Whether no bar touches a level of a trade that nobody has seen protected: neither its stop nor +1 R."""
    if case.signal.be_triggered_at or case.signal.seen_protected_at:
        return False
    low, high = sorted((ladder.stop, ladder.at(1)))
    return all(
        low < bar.close < high and (bar.low is None or low < bar.low) and (bar.high is None or bar.high < high)
        for bar in case.bars
    )


def legs_of(case: Case, ladder: Ladder, path: Sequence[Reach], marks: Mapping[str, Mark]) -> Legs:
    """When the legs ended. What events tell stands; prices are asked only for what they leave open."""
    signal, running = case.signal, running_until(case)
    be_end, stop_end = told(case, "be_exit_at"), told(case, "stop_exit_at")
    if signal.single_leg:
        be_end = stop_end = earliest(be_end, stop_end)
    found: dict[str, Reach] = {}
    if stop_end is None:
        # An indicator that follows one leg calls every exit EXIT_BREAK_EVEN.
        field = "be_exit_at" if signal.single_leg else "stop_exit_at"
        stopped = touch(case, ladder, field, path, lambda bar: bar.worst <= -1 and not_before(bar, running))
        if stopped:
            found[field] = stopped
        stop_end = stopped.time if stopped else told(case, "seen_completed_at")
    path = [bar for bar in path if stop_end is None or bar.time < stop_end]
    protected = protection(case, ladder, path, marks, found)
    if protected and be_end is None:
        since = running if signal.single_leg else None
        back = touch(
            case, ladder, "be_exit_at", path,
            lambda bar: bar.worst <= 0 and bar.time > protected and not_before(bar, since),
        )  # fmt: skip
        if back:
            found["be_exit_at"] = back
            be_end = back.time
    be_end = earliest(be_end, stop_end)
    return Legs(be_end, be_end if signal.single_leg else stop_end, found)


def protection(
    case: Case, ladder: Ladder, path: Sequence[Reach], marks: Mapping[str, Mark], found: dict[str, Reach]
) -> datetime | None:
    """The bar that reached +1 R, or the latest by which it had; notes it in `found` if only prices tell."""
    by_event = told(case, "be_triggered_at")
    if by_event:
        return by_event
    report, shown = marks.get("be_mfe"), told(case, "seen_protected_at")
    short_of_it = report.bar if report and report.value < 1 else told(case, "unprotected_at")
    within = [bar for bar in path if shown is None or bar.time <= shown]
    reached = touch(
        case, ladder, "be_triggered_at", within,
        lambda bar: bar.best >= 1 and (short_of_it is None or bar.time > short_of_it),
    )  # fmt: skip
    if reached:
        found["be_triggered_at"] = reached
    return earliest(shown, reached.time if reached else None)


def told(case: Case, field: str) -> datetime | None:
    """Open of the bar at whose close a moment fired."""
    fired = getattr(case.signal, field)
    return case.frame.bar_of(fired) if fired else None


def earliest(*bars: datetime | None) -> datetime | None:
    return min((bar for bar in bars if bar), default=None)


def touch(
    case: Case, ladder: Ladder, field: str, path: Sequence[Reach], touches: Callable[[Reach], bool]
) -> Reach | None:
    """The first bar that touches a level, unless somebody said that it did not, by undoing what it showed.

    Bars that stay beyond the level are the same touch: after an undone one the price must come back first.
    """
    if not case.barred:
        return next(filter(touches, path), None)
    undone = False
    for bar in path:
        if not touches(bar):
            undone = False
        elif not undone:
            undone = case.bars_out(shown_by(case, ladder, field, bar))
            if not undone:
                return bar
    return None


def not_before(bar: Reach, moment: datetime | None) -> bool:
    return moment is None or bar.time >= moment


def missed(case: Case, ladder: Ladder, legs: Legs) -> Iterator[Proposal]:
    """The break-even trigger and the exits that prices prove, due once their events are overdue.

    A close shows a touch, but wicks, or bars that are missing, may have touched before: the moment is then the latest
    possible.
    """
    for field, bar in sorted(legs.found.items()):
        if misses(case.signal, field):
            yield shown_by(case, ladder, field, bar).not_before(overdue_at(case, case.frame.close_of(bar.time)))


def overdue_at(case: Case, fired: datetime) -> datetime:
    """When an alert of that moment counts as not heard of."""
    return case.venue.market.add_open_minutes(fired, OVERDUE)


def shown_at_the_latest(case: Case) -> Iterator[Proposal]:
    """The break-even trigger of a trade of which an event shows that it had been, due once its own event is overdue.

    Where a price is far, another symbol's trade was told of.
    """
    field, seen = "be_triggered_at", case.signal.seen_protected_at
    if seen and not case.signal.price_far and misses(case.signal, field):
        evidence = {**event_of(case.signal, "seen_protected_at"), "bound": "at the latest"}
        confidence = min(declared(CALCULATION.key, field), AFTER_HOLE)
        offer = propose(CALCULATION, field, iso(seen), "shown_later", evidence, confidence=confidence)
        yield offer.not_before(overdue_at(case, seen))


def shown_by(case: Case, ladder: Ladder, field: str, bar: Reach) -> Proposal:
    """The moment that a bar's touch gives to a field."""
    evidence = {
        "bar": f"{case.bars[0].symbol} {iso(bar.time)}",
        "price": "high or low" if bar.whole else "close",
        "entry": canonical(ladder.entry),
        "stop": canonical(ladder.stop),
    }
    confidence = declared(CALCULATION.key, field)
    follows = follows_on(case, bar)
    if not (bar.whole and follows):
        evidence["bound"] = "at the latest"
    if not follows:
        confidence = min(confidence, AFTER_HOLE)
    fired = iso(case.frame.close_of(bar.time))
    return propose(CALCULATION, field, fired, "price_touch", evidence, confidence=confidence)


def follows_on(case: Case, bar: Reach) -> bool:
    """Whether the bar before this one is known, or is ENTRY's, which ends nothing."""
    frame = case.frame
    before = frame.before(bar.time)
    return before == confirmed_in(case) or any(frame.around(each.time) == before for each in case.bars)
