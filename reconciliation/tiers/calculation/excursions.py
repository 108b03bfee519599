"""Tier 2, excursions: MFE of both legs and MAE, from the last report on, by price bars up to the end of each leg.

A value is as of a bar. The bar that ends a leg is left out of it, as the indicator does, so as of that bar the value
is final. Excursions start at 0 with ENTRY's close and never undercut what events reported. Where bars are missing or
only their closes are known the truth may lie further out: the evidence then says `bound: at least`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from reconciliation.tiers.base import propose
from reconciliation.tiers.proposals import Case, Proposal
from reconciliation.tiers.trust import declared
from signals.clock import MINUTE
from signals.formats import canonical, iso
from signals.tiers import CALCULATION
from signals.timeframe import Timeframe
from signals.vocabulary import Status

from .ladder import Ladder
from .legs import Legs, Reach, legs_of, missed, path_of
from .reported import Mark, confirmed_in, marks_of

PLACES = Decimal(10) ** -10  # as the indicator prints them and the columns hold them
# Of 31 recorded MAE up to an exit that only a close told, 25 went too far.
LIKELY_TOO_FAR = Decimal("0.2")
# Where bars tell of trades, a last report so few bars before the end is the final value, or less.
SHORT = 3
# The gaps that these close.
MEASURED = ("no_mfe_update", "no_mae")
OTHER = {"be_mfe": "no_be_mfe", "no_be_mfe": "be_mfe"}


@dataclass(frozen=True, slots=True)
class Extent:
    """An excursion in R as of a bar: the mark that it extends, and the price bars that it was extended by."""

    value: Decimal
    as_of: datetime
    mark: Mark
    bars: Sequence[Reach]
    whole: bool


def from_bars(
    case: Case, ladder: Ladder, gaps: frozenset[str], path: Sequence[Reach] | None = None
) -> Iterator[Proposal]:
    """Both MFE, the MAE and missed exits of a trade that is or was on. `path` is that of the ladder, if it is there."""
    if case.signal.status not in (Status.CONFIRMED, Status.COMPLETED) or not case.frame.known:
        return
    path, marks = path_of(case, ladder) if path is None else path, marks_of(case, ladder)
    legs = legs_of(case, ladder, path, marks)
    yield from missed(case, ladder, legs)
    for field, gap in wanted(case, marks, gaps):
        mark = mark_for(case, field, marks, legs)
        end = legs.be_end if field == "be_mfe" else legs.stop_end
        if mark is None:
            continue
        # Wicks, unseen, end a trade before its close tells; what falls after its end would be counted as its MAE.
        doubtful = field == "mae" and any(bar.time == end and not bar.whole for bar in legs.found.values())
        reported = Extent(mark.value, mark.bar, mark, (), whole=False) if doubtful and mark.event else None
        extent = reported or extend(field, mark, end, path, case.frame)
        if extent is None and end and case.replayed and case.venue.market.open_minutes(mark.bar, end) <= SHORT:
            extent = Extent(mark.value, end, mark, (), whole=False)
        if extent and not (mark.own and extent.as_of <= mark.bar):
            yield proposal(case, field, gap, extent, doubtful=doubtful and not reported)


def wanted(case: Case, marks: Mapping[str, Mark], gaps: frozenset[str]) -> Iterable[tuple[str, str]]:
    """Fields to fill and the gap that each closes. A finished trade's second leg is owed, though it is no gap."""
    if "no_mfe_update" in gaps:
        yield "be_mfe", "no_mfe_update"
        yield "no_be_mfe", "no_mfe_update"
    elif case.signal.status == Status.COMPLETED and "no_be_mfe" not in marks:
        yield "no_be_mfe", ""
    if "no_mae" in gaps:
        yield "mae", "no_mae"
    elif "no_mfe_update" in gaps and "mae" in marks:
        yield "mae", "no_mfe_update"


def mark_for(case: Case, field: str, marks: Mapping[str, Mark], legs: Legs) -> Mark | None:
    """Where to go on from: the field's own report; else the other leg's while both ran; else ENTRY's close, at 0."""
    if field in marks:
        return marks[field]
    other, parted = marks.get(OTHER.get(field, "")), legs.be_end
    if other and (parted is None or other.bar < parted):
        return other._replace(own=False)
    if other and parted and field == "no_be_mfe":
        # The first leg's final value is what both had before the bar that ended it.
        return other._replace(bar=case.frame.around(parted - MINUTE), own=False)
    start = confirmed_in(case)
    return Mark(Decimal(0), start, "", own=False) if start else None


def extend(field: str, mark: Mark, end: datetime | None, path: Sequence[Reach], frame: Timeframe) -> Extent | None:
    """The mark, extended by the bars after it and before the leg's end; None when they say nothing new."""
    derived = bool(mark.event and not mark.own)
    if end and mark.bar >= end:
        # A last update can come in the very minute of the exit; what follows from it is final.
        return Extent(mark.value, mark.bar, mark, (), whole=True) if derived else None
    bars = [bar for bar in path if mark.bar < bar.time and (end is None or bar.time < end)]
    upto = end or frame.close_of(bars[-1].time if bars else mark.bar)
    asked = bars_between(mark.bar, upto, frame)
    if not bars and asked:
        return Extent(mark.value, mark.bar, mark, (), whole=False) if derived else None
    if not bars and end is None and not mark.event:
        return None
    if field == "mae":
        value = min(mark.value, *(bar.worst for bar in bars), Decimal(0))
    else:
        value = max(mark.value, *(bar.best for bar in bars), Decimal(0))
    whole = all(bar.whole for bar in bars) and len(bars) >= asked
    return Extent(value, end or frame.around(upto - MINUTE), mark, bars, whole)


def bars_between(bar: datetime, upto: datetime, frame: Timeframe) -> int:
    """How many bars of open market there are after this one and before a moment."""
    if frame.by_minute:
        return frame.market.open_minutes(bar + MINUTE, upto)
    return frame.count(bar, frame.around(upto - MINUTE)) or 0


def proposal(case: Case, field: str, gap: str, extent: Extent, *, doubtful: bool) -> Proposal:
    """`doubtful`: a mere close tells of the trade's end, so that bars after it may have been counted."""
    mark, bars = extent.mark, extent.bars
    evidence: dict[str, Any] = {"since": mark.event or "ENTRY's close", "at": iso(mark.bar)}
    method = "own_extremes" if field == "mae" else "legs_together"
    if bars:
        method = "price_bars"
        evidence["bars"] = f"{case.bars[0].symbol} {iso(bars[0].time)}/{iso(bars[-1].time)}"
        evidence["whole"] = sum(bar.whole for bar in bars)
        evidence["closes"] = len(bars) - evidence["whole"]
    elif mark.own or not mark.event:
        method = "ended_at_once"
    if not extent.whole:
        evidence["bound"] = "at least"
    value = canonical(extent.value.quantize(PLACES))
    confidence = min(declared(CALCULATION.key, field), LIKELY_TOO_FAR) if doubtful else None
    return propose(
        CALCULATION,
        field,
        value,
        method,
        evidence,
        gap=gap,
        as_of=case.frame.last_minute(extent.as_of),
        confidence=confidence,
    )
