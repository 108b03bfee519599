"""The tiers that are pure functions, best trusted first. Tier 1, which asks the indicator, is a queue of its own.

docs/tiers.md says what each gives and how to add one.
"""

from collections.abc import Mapping

from .base import Tier
from .calculation.methods import from_calculation
from .own_events import from_own_events
from .trade_id import from_trade_id

TIERS: Mapping[str, Tier] = {
    tier.name: tier
    for tier in (
        Tier("0", "The signal's own events", from_own_events),
        Tier("3", "The trade id", from_trade_id),
        Tier("2", "Calculation", from_calculation),
    )
}

__all__ = ["TIERS", "Tier"]
