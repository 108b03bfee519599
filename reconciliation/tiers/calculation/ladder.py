"""Tier 2, prices: entry, stop and targets are the rungs of one ladder, and any two of them give the others.

Rung n is the price at n R: the stop is rung -1, the entry 0, the targets 1 to 3; `tp1 = entry + risk` (longs) and so
on up to 20 R. Decimal arithmetic, so no digit is invented.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from reconciliation.findings import contradicted
from reconciliation.tiers.base import misses, propose
from reconciliation.tiers.proposals import Case, Proposal
from signals.formats import canonical
from signals.models import AutomatedSignal
from signals.tiers import CALCULATION
from signals.vocabulary import Direction

STATED, EXTENDED = (1, 2, 3), range(1, 21)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Prices at multiples of R. `step` is the risk in points, negative for shorts; never zero."""

    entry: Decimal
    step: Decimal

    def at(self, n: int) -> Decimal:
        return self.entry + n * self.step

    @property
    def stop(self) -> Decimal:
        return self.at(-1)

    @property
    def direction(self) -> Direction:
        return Direction.BULLISH if self.step > 0 else Direction.BEARISH

    def whole(self, tick: Decimal) -> bool:
        """Whether the risk is whole ticks, as it is when the indicator's prices are this symbol's."""
        return tick <= 0 or not self.step % tick

    def targets(self, rungs: Iterable[int], tick: Decimal) -> list[str]:
        """The prices at n R: exact when the risk is whole ticks, else the nearest tick, halves away from the entry."""
        if self.whole(tick):
            return [canonical(self.entry + n * self.step) for n in rungs]
        steps = (n * self.step / tick for n in rungs)
        return [canonical(self.entry + step.to_integral_value(ROUND_HALF_UP) * tick) for step in steps]


def points_of(signal: AutomatedSignal) -> dict[int, Decimal]:
    """The rungs that the signal knows otherwise than by this tier, and that nothing contradicts."""
    doubted = contradicted(signal)
    points = {n: getattr(signal, name) for n, name in ((0, "entry_price"), (-1, "stop_loss")) if name not in doubted}
    targets = {} if "targets" in doubted else signal.targets or {}
    points |= {n: Decimal(targets[f"tp{n}"]) for n in STATED if targets.get(f"tp{n}")}
    return {n: price for n, price in points.items() if price}


def ladder_of(points: Mapping[int, Decimal], direction: str | None) -> Ladder | None:
    """The ladder through entry and stop, else through any two rungs when all that are known lie on it.

    None when less is known, when prices contradict each other, or when the stop is on the wrong side.
    """
    if len(points) < 2:
        return None
    sides = {n: points[n] for n in (0, -1)} if {0, -1} <= points.keys() else points
    (m, first), (n, second), *_ = sorted(sides.items())
    step = (second - first) / (n - m)
    ladder = Ladder(first - m * step, step)
    if not step or any(ladder.at(n) != price for n, price in sides.items()):
        return None
    return ladder if direction in (None, ladder.direction) else None


def rungs_of(points: Mapping[int, Decimal]) -> dict[str, Any]:
    """The evidence of a ladder through known rungs."""
    return {"rungs": {str(n): canonical(price) for n, price in sorted(points.items())}}


def from_prices(
    case: Case, ladder: Ladder, gaps: frozenset[str], evidence: Mapping[str, Any], method: str = "ladder"
) -> Iterator[Proposal]:
    """Whatever of direction, entry, stop and targets the signal misses and its ladder gives."""
    signal, tick = case.signal, case.tick_size
    if misses(signal, "direction"):
        yield propose(CALCULATION, "direction", ladder.direction.value, "side_of_stop", evidence)
    for field, gap, rung in (("entry_price", "no_entry_price", 0), ("stop_loss", "no_stop_loss", -1)):
        if gap in gaps and misses(signal, field):
            yield propose(CALCULATION, field, canonical(ladder.at(rung)), method, evidence, gap=gap)
    if not ladder.whole(tick):
        evidence = {**evidence, "rounded": f"to the tick of {canonical(tick)}, halves away from the entry"}
    if "no_targets" in gaps and misses(signal, "targets"):
        targets = dict(zip((f"tp{n}" for n in STATED), ladder.targets(STATED, tick), strict=True))
        yield propose(CALCULATION, "targets", targets, method, evidence, gap="no_targets")
    if misses(signal, "targets_extended"):
        extended = dict(zip((f"{n}R" for n in EXTENDED), ladder.targets(EXTENDED, tick), strict=True))
        yield propose(CALCULATION, "targets_extended", extended, method, evidence)
