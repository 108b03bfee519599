"""The table of tiers: how each fills gaps. Key, title, rank, data source and confidence are in signals/tiers.py.

docs/tiers.md says what each gives and how to add one.
"""

from collections.abc import Callable, Iterable, Mapping

from signals.tiers import ASKING, CALCULATION, INFERENCE, OWN_EVENTS, TIERS, TRADE_ID, Tier

from .calculation.methods import from_calculation
from .inference import from_alternation
from .own_events import from_own_events
from .proposals import Case, Proposal
from .trade_id import from_trade_id

Propose = Callable[[Case, frozenset[str]], Iterable[Proposal]]
"""Pure: the same case and gaps give the same proposals, in the same order.

The gaps are the names of those that are open; fields that are no gap (direction, the extended targets, exits) are
proposed whenever they are missing. The case's signal holds what its events make of it and what tiers asked before
would fill, but no fills of earlier cycles: so a tier builds on evidence and never on itself.
"""

TABLE: Mapping[Tier, Propose | None] = {
    OWN_EVENTS: from_own_events,
    ASKING: None,  # no function, but a queue of requests: reconciliation/asking
    TRADE_ID: from_trade_id,
    CALCULATION: from_calculation,
    # Last: it looks at times and directions that tiers may have filled.
    INFERENCE: from_alternation,
}
# What a cycle asks, by key, best trusted first.
PROPOSE: Mapping[str, Propose] = {key: propose for key, tier in TIERS.items() if (propose := TABLE[tier]) is not None}


def choices(keys: Iterable[str] = TIERS) -> list[tuple[str, str]]:
    """Tiers as a form offers them, in order of trust."""
    return [(key, TIERS[key].label) for key in keys]
