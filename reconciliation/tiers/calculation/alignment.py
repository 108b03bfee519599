"""Tier 2, higher timeframes: what the nearest signals before and after agree on. Off: see METHODS in methods.py."""

from collections.abc import Iterator
from decimal import Decimal

from reconciliation.tiers.base import misses, propose
from reconciliation.tiers.proposals import Case, Proposal
from signals.tiers import CALCULATION
from signals.vocabulary import TIMEFRAMES

GAP = "no_htf_alignment"
# Of 109 hidden alignments 34 were what the neighbours agreed on (docs/calibration.md): hence it is off.
SELDOM = Decimal("0.3")


def from_neighbours(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
    """The timeframes on which the nearest signal before and the nearest after say the same."""
    if GAP not in gaps or not misses(case.signal, "htf_alignment"):
        return
    before = max((one for one in case.before if one.htf_alignment), key=lambda one: one.signal_time, default=None)
    after = min((one for one in case.after if one.htf_alignment), key=lambda one: one.signal_time, default=None)
    if before is None or after is None or before.htf_alignment is None or after.htf_alignment is None:
        return
    agreed = {
        frame: before.htf_alignment[frame]
        for frame in TIMEFRAMES
        if frame in before.htf_alignment and before.htf_alignment[frame] == after.htf_alignment.get(frame)
    }
    if agreed:
        evidence = {"before": before.trade_id, "after": after.trade_id}
        yield propose(CALCULATION, "htf_alignment", agreed, "neighbours_agree", evidence, gap=GAP, confidence=SELDOM)
