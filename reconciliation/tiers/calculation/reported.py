"""Tier 2, what events reported about a running trade: the marks that calculations extend and never undercut."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from reconciliation.tiers.proposals import Case
from signals.vocabulary import REPORTS, EventType, Status

from .ladder import Ladder


class Mark(NamedTuple):
    """An excursion in R as of a bar (its open), and the event that it comes from ("" for the start at 0).

    `own` says that the event reported this very value, so that nothing is won by proposing it.
    """

    value: Decimal
    bar: datetime
    event: str
    own: bool = True


def marks_of(case: Case, ladder: Ladder) -> dict[str, Mark]:
    """The latest reports of both MFE and of the MAE; an MAE that was never sent follows from the extremes that were."""
    signal = case.signal
    marks = {field: mark for field in ("be_mfe", "no_be_mfe", "mae") if (mark := reported(case, field))}
    extreme = reported(case, "lowest_low" if ladder.step > 0 else "highest_high")
    if extreme and "mae" not in marks:
        worst = (extreme.value - ladder.entry) / ladder.step
        marks["mae"] = extreme._replace(value=min(Decimal(0), worst), own=False)
    # An MFE cannot fall: an older report may be the higher one.
    for field, peak in (("be_mfe", signal.be_mfe_peak), ("no_be_mfe", signal.no_be_mfe_peak)):
        if field in marks and peak is not None:
            marks[field] = marks[field]._replace(value=max(peak, marks[field].value))
    return marks


def reported(case: Case, field: str) -> Mark | None:
    held = case.signal.provenance.get(field)
    if held is None:
        return None
    bar = case.frame.bar_of(datetime.fromisoformat(held["at"]))
    return Mark(getattr(case.signal, field), bar, held["evidence"].get("event", ""))


def running_until(case: Case) -> datetime | None:
    """The bar of the last event that saw the trade run. An update can come in the very minute of the exit.

    BE_TRIGGERED and EXIT_BREAK_EVEN are repeated long after a trade's end, so they prove nothing here.
    """
    seen = [event.fire_minute for event in case.events if saw_it_run(event.type, event.facts)]
    return case.frame.bar_of(max(seen)) if seen else None


def saw_it_run(kind: str, facts: Mapping[str, Any]) -> bool:
    if facts.get("completed"):
        return False
    return kind == EventType.MFE_UPDATE or (kind in REPORTS and facts.get("state") == Status.CONFIRMED)


def confirmed_in(case: Case) -> datetime | None:
    """Open of ENTRY's bar, as far as it is known."""
    signal = case.signal
    return case.frame.bar_of(signal.entry_fired_at) if signal.entry_fired_at else signal.confirmation_time
