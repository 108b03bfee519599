"""Tier 2, prices of a trade whose ENTRY was lost: an MFE and the price it was reached at are a point of the ladder.

`strategy` sends both in every update. In 507 of 507 recorded ones MFE is `(highest_high - entry) / risk`, shorts
mirrored, so two that differ, or one and a known rung, give entry and stop.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from operator import attrgetter
from typing import Any

from reconciliation.tiers.proposals import Case
from signals.signal.registers import Event
from signals.vocabulary import Direction, EventType

from .ladder import Ladder, points_of

EXTREMES = {Direction.BULLISH.value: "highest_high", Direction.BEARISH.value: "lowest_low"}
# Ten places of an MFE are exact to far less than this share of a tick; what is further off contradicts itself.
ALLOWED = Decimal("0.05")


def ladder_of_reports(case: Case) -> tuple[Ladder, Mapping[str, Any]] | None:
    """The ladder through the first and the last report, or through a known rung and the last, and its evidence.

    None where less is known, where nothing moved between them, or where entry and stop would not be prices.
    """
    extreme, rungs = EXTREMES.get(case.signal.direction or "", ""), points_of(case.signal)
    reports = sorted(
        (event for event in case.events if event.type == EventType.MFE_UPDATE and says(event, extreme)),
        key=attrgetter("fire_minute", "payload_checksum"),
    )
    if not reports or len(rungs) > 1 or case.tick_size <= 0 or case.doubts("direction", "entry_price"):
        return None
    first, last = reports[0], reports[-1]
    used = [last] if rungs else [first, last]
    points = [*((Decimal(n), price) for n, price in rungs.items()), *(point(event, extreme) for event in used)]
    (m, low), (n, high) = points
    if m == n or low == high:
        return None
    step = (high - low) / (n - m)
    entry, stop = (nearest(low + (rung - m) * step, case.tick_size) for rung in (0, -1))
    if entry is None or stop is None or entry == stop:
        return None
    ladder = Ladder(entry, entry - stop)
    evidence = {
        "reports": [f"{event.payload_checksum}:{event.position}" for event in used],
        "rungs": {str(rung): str(price.normalize()) for rung, price in rungs.items()},
    }
    return (ladder, evidence) if ladder.direction == case.signal.direction else None


def says(event: Event, extreme: str) -> bool:
    return extreme in event.facts and Decimal(event.facts.get("be_mfe", 0)) > 0


def point(event: Event, extreme: str) -> tuple[Decimal, Decimal]:
    return Decimal(event.facts["be_mfe"]), Decimal(event.facts[extreme])


def nearest(price: Decimal, tick: Decimal) -> Decimal | None:
    """The price on a tick; None when there is none so near that only rounding lies between."""
    found = (price / tick).to_integral_value(ROUND_HALF_UP) * tick
    return found if abs(found - price) <= ALLOWED * tick else None
