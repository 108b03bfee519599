"""What a cycle did: counted by one worker or by several, added up, and told."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from reconciliation.audit import plain
from reconciliation.models import GapTotal
from reconciliation.tiers.proposals import Proposal
from signals.models import Fill

from .applying import Applied, is_outranked
from .planning import Plan

# What a dry run says of each value.
FILLS, WAITS, TAKEN_BACK = "fill", "would wait for approval", "would be taken back"
COUNTED = ("signals_examined", "fills", "proposed", "withdrawn", "healed", "cancelled", "conflicts", "errors")
ADDED_UP = ("fills_by_tier", "phases")  # by name


@dataclass(slots=True)
class Report:
    """What a cycle did. `gaps_*` are totals over all signals in scope; `proposals` is only kept by a dry run."""

    run_id: int | None = None
    signals_examined: int = 0
    gaps_before: int = 0
    gaps_after: int = 0
    gaps_before_by_type: dict[str, int] = field(default_factory=dict)
    gaps_after_by_type: dict[str, int] = field(default_factory=dict)
    fills: int = 0
    fills_by_tier: dict[str, int] = field(default_factory=dict)
    proposed: int = 0
    withdrawn: int = 0
    healed: int = 0
    cancelled: int = 0
    conflicts: int = 0
    errors: int = 0
    health_before: float | None = None
    health_after: float | None = None
    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    left: int = 0  # for the next cycle: this one's time was over
    proposals: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.perf_counter() - started

    def add(self, done: Applied) -> None:
        by_tier = Counter(self.fills_by_tier) + done.fills
        self.fills_by_tier = dict(sorted(by_tier.items()))
        self.fills = by_tier.total()
        self.proposed += done.proposed
        self.withdrawn += done.withdrawn
        self.healed += done.healed
        self.cancelled += done.cancelled
        self.conflicts += done.conflicts

    def join(self, part: "Report") -> None:
        """Add what another worker did of the same run. Phases are seconds of all workers together then."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(part, name))
        for name in ADDED_UP:
            summed = Counter(getattr(self, name))
            summed.update(getattr(part, name))
            setattr(self, name, dict(summed))
        self.fills_by_tier = dict(sorted(self.fills_by_tier.items()))

    def counts(self) -> dict[str, Any]:
        """What `join` adds up, as JSON; `Report(**counts)` is the report again."""
        return {name: getattr(self, name) for name in (*COUNTED, *ADDED_UP)}

    def show(self, plans: Sequence[Plan]) -> None:
        """Note what would be filled, would wait for approval, and would be taken back."""
        for made in plans:
            ended = [fill for fill in made.gone if not is_outranked(made, fill)]
            lost = [fill for fill in ended if fill.field not in made.add]
            self.proposals += [shown(made, offer, FILLS) for offer in made.add.values()]
            self.proposals += [shown(made, offer, WAITS) for offer in made.waiting]
            self.proposals += [shown(made, fill, TAKEN_BACK) for fill in lost]
            self.add(
                Applied(
                    Counter(offer.tier for offer in made.add.values()),
                    proposed=len(made.waiting),
                    withdrawn=len(ended),
                    cancelled="cancelled_at" in made.add,
                )
            )


@dataclass(slots=True)
class GapTally:
    """Gaps in scope, by name: counted at the start, corrected by what each examined signal had and has.

    When the scope is some signals only (`whole` is false), it starts at nothing and just adds them up.
    """

    whole: bool
    before: Counter[str]
    after: Counter[str]

    @classmethod
    def of(cls, waiting: Mapping[str, int], *, whole: bool) -> "GapTally":
        start: Counter[str] = Counter()
        if whole:
            start.update(dict(GapTotal.objects.values_list("gap", "open")))
            start.update(waiting)
        return cls(whole, start.copy(), start)

    def part(self) -> "GapTally":
        """One that starts at nothing, for a part of the scope."""
        return GapTally(self.whole, Counter(), Counter())

    def join(self, part: "GapTally") -> None:
        """Add what a part found, of which some can be less than nothing."""
        self.before.update(part.before)
        self.after.update(part.after)

    def note(self, made: Plan) -> None:
        for tally, found in ((self.before, made.before), (self.after, made.after)):
            tally.update(found.keys())
            if self.whole:
                tally.subtract(made.loaded.open_records.keys())
                tally.subtract(name for name, due in made.before.items() if not due)


def shown(made: Plan, offer: Proposal | Fill, outcome: str) -> dict[str, Any]:
    """What would become of a proposal, or of a standing fill, as a dry run lists it. `new` is what would stand."""
    new = plain(getattr(made.signal, offer.field)) if isinstance(offer, Fill) else offer.value
    return {
        "outcome": outcome,
        "trade_id": made.signal.trade_id,
        "symbol": made.signal.symbol,
        "life": made.signal.life,
        "field": offer.field,
        "old": plain(getattr(made.loaded.stored, offer.field)),
        "new": new,
        "tier": offer.tier,
        "method": offer.method,
        "confidence": float(offer.confidence),
        "gap": offer.gap,
        "evidence": dict(offer.evidence),
    }
