"""Tier 2: what follows from stored data by arithmetic. Methods can be switched off here until they prove themselves."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciliation.tiers.proposals import Case, Proposal

from .alignment import from_neighbours
from .confirmation import from_closes
from .excursions import from_bars
from .extremes import ladder_of_reports
from .ladder import from_prices, ladder_of, rungs_of

METHODS: Mapping[str, bool] = {"prices": True, "reports": True, "bars": True, "closes": True, "neighbours": True}


def from_calculation(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
    """Prices from prices; excursions, exits and confirmation from bars. Without a risk there are no multiples of R."""
    ladder, method = ladder_of(case.signal), "ladder"
    evidence: Mapping[str, Any] = rungs_of(case.signal)
    if ladder is None and METHODS["reports"] and (found := ladder_of_reports(case)):
        (ladder, evidence), method = found, "reported_extremes"
    if ladder and METHODS["prices"]:
        yield from from_prices(case, ladder, gaps, evidence, method)
    if ladder and METHODS["bars"]:
        yield from from_bars(case, ladder, gaps)
    if METHODS["closes"]:
        yield from from_closes(case, gaps)
    if METHODS["neighbours"]:
        yield from from_neighbours(case, gaps)
