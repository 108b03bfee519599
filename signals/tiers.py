"""The tiers: what a value that a tier put in is stored under, and how far it is to be trusted.

How each tier fills gaps is the other half of the table, in reconciliation/tiers/table.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum

from signals.vocabulary import DataSource


class Rank(IntEnum):
    """Trust, as docs/architecture.md lists it; among claims the higher rank wins."""

    INFERENCE = 10
    CALCULATED = 20
    TRADE_ID = 30
    ASKED = 40
    DERIVED = 45  # the projection's own relation of two events: any payload that states the value beats it
    CARRIED = 50
    OWNER = 60


@dataclass(frozen=True, slots=True)
class Tier:
    """A way to fill gaps. `key` names it in every column and setting; provenance and reports hold it as `told`.

    `confidence` is declared, 0 to 1; `confidences` holds what is declared otherwise, by field or group of fields.
    """

    key: str
    title: str
    rank: Rank
    data_source: DataSource
    confidence: Decimal
    confidences: Mapping[str, Decimal] = field(default_factory=dict, hash=False)

    @property
    def told(self) -> int | str:
        return int(self.key) if self.key.isdigit() else self.key

    @property
    def name(self) -> str:
        """As it stands in a sentence: tier 2, or inference."""
        return f"tier {self.key}" if self.key.isdigit() else self.key

    @property
    def label(self) -> str:
        """As it stands in a list."""
        return f"{self.key.capitalize()}: {self.title}"


OWN_EVENTS = Tier("0", "The signal's own events", Rank.CARRIED, DataSource.RECONCILED, Decimal(1))
ASKING = Tier("1", "The indicator, asked again", Rank.ASKED, DataSource.POLLING, Decimal(1))
TRADE_ID = Tier("3", "The trade id", Rank.TRADE_ID, DataSource.RECONCILED, Decimal("0.9"))
CALCULATION = Tier(
    "2",
    "Calculation",
    Rank.CALCULATED,
    DataSource.CALCULATED,
    Decimal("0.8"),
    {"exit": Decimal("0.7"), "htf_alignment": Decimal("0.9")},
)
INFERENCE = Tier("inference", "the alternation of directions", Rank.INFERENCE, DataSource.INFERRED, Decimal("0.95"))

# By key, best trusted first.
TIERS: Mapping[str, Tier] = {tier.key: tier for tier in (OWN_EVENTS, ASKING, TRADE_ID, CALCULATION, INFERENCE)}
TOLD: Mapping[str, int | str] = {key: tier.told for key, tier in TIERS.items()}


def named(told: int | str) -> str:
    """A tier as it stands in a sentence, by its key or as provenance tells it; also one that there is no more."""
    tier = TIERS.get(str(told))
    return tier.name if tier else f"tier {told}"
