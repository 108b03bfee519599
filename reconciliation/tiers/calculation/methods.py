"""Tier 2: what follows from stored data by arithmetic. Methods can be switched off here until they prove themselves."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciliation.tiers.proposals import Case, Proposal
from signals.vocabulary import Status

from .alignment import from_neighbours
from .confirmation import from_closes
from .excursions import MEASURED, from_bars
from .extremes import ladder_of_reports
from .ladder import Ladder, from_prices, ladder_of, points_of, rungs_of
from .legs import path_of, shown_at_the_latest, stays_between
from .replay import from_replay

METHODS: Mapping[str, bool] = {
    "prices": True, "reports": True, "bars": True, "replay": True, "closes": True, "neighbours": True,
}  # fmt: skip


def from_calculation(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
    """All that its methods give; the break-even trigger at the latest by events where prices do not date it."""
    dated = False
    for each in by_methods(case, gaps):
        dated = dated or each.field == "be_triggered_at"
        yield each
    if not dated:
        yield from shown_at_the_latest(case)


def by_methods(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
    """Prices from prices; excursions, exits and confirmation from bars. Without a risk there are no multiples of R."""
    points = points_of(case.signal)
    ladder, method = ladder_of(points, case.signal.direction), "ladder"
    evidence: Mapping[str, Any] = rungs_of(points)
    if ladder is None and METHODS["reports"] and (found := ladder_of_reports(case)):
        (ladder, evidence), method = found, "reported_extremes"
    if ladder and METHODS["prices"]:
        yield from from_prices(case, ladder, gaps, evidence, method)
    path = path_of(case, ladder) if ladder and bars_tell(case, ladder, gaps) else None
    if ladder and path is not None and METHODS["bars"]:
        yield from from_bars(case, ladder, gaps, path)
    if METHODS["replay"]:
        yield from from_replay(case, ladder, gaps, path)
    if METHODS["closes"]:
        yield from from_closes(case, gaps)
    if METHODS["neighbours"]:
        yield from from_neighbours(case, gaps)


def bars_tell(case: Case, ladder: Ladder, gaps: frozenset[str]) -> bool:
    """Whether price bars can tell anything: not of a running trade that is measured and of which they touched no level.

    So are most trades at most times, and to see it costs a tenth of following the bars.
    """
    signal = case.signal
    if signal.status not in (Status.CONFIRMED, Status.COMPLETED) or not case.frame.known:
        return False
    return signal.status == Status.COMPLETED or not gaps.isdisjoint(MEASURED) or not stays_between(case, ladder)
