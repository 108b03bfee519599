"""Tier 2: what follows from stored data by arithmetic. Methods can be switched off here until they prove themselves."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciliation.tiers.proposals import Case, Proposal

from .alignment import from_neighbours
from .confirmation import from_closes
from .excursions import from_bars
from .extremes import ladder_of_reports
from .ladder import from_prices, ladder_of, points_of, rungs_of
from .legs import path_of, shown_at_the_latest
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
    path = path_of(case, ladder) if ladder and case.frame.known else None
    if ladder and METHODS["bars"]:
        yield from from_bars(case, ladder, gaps, path)
    if METHODS["replay"]:
        yield from from_replay(case, ladder, gaps, path)
    if METHODS["closes"]:
        yield from from_closes(case, gaps)
    if METHODS["neighbours"]:
        yield from from_neighbours(case, gaps)
