"""What a comparison with the Strategy Tester says, in sentences for people."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from .comparing import Comparison, Verdict

DRIFTS = {
    "entry_minutes": "entries by {} min in the middle, {} at most",
    "entry_points": "entry prices by {} points in the middle, {} at most",
    "exit_minutes": "exits by {} min in the middle, {} at most",
    "exit_points": "exit prices by {} points in the middle, {} at most",
}


def signed(drift: Any) -> str:
    return f"{drift.normalize():+f}" if isinstance(drift, Decimal) else f"{drift:+g}"


def sentences(compared: Comparison) -> Iterator[str]:
    counts = compared.counts
    in_list = counts[Verdict.MATCHED] + counts[Verdict.MISSING]
    if not in_list:
        yield "The list holds no trade."
        return
    heard, missing = counts[Verdict.MATCHED], counts[Verdict.MISSING]
    yield f"Of {in_list:,} trades in the list {heard:,} were heard, {missing:,} were not."
    if extra := counts[Verdict.EXTRA]:
        yield f"{extra:,} confirmed signals of the same time are not in the list."
    if drifts := compared.drifts:
        told = "; ".join(DRIFTS[name].format(signed(middle), signed(most)) for name, (middle, most) in drifts.items())
        yield f"The list differs from what was heard: {told}."
    if compared.hours:
        yield (
            f"Moved by {compared.hours:+} h the list would match far more: its clock is another zone's than the one"
            " given. Name the chart's zone and compare again."
        )
