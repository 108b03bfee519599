"""How far a fill is to be trusted: what is declared per tier and field, and what `calibrate` has measured.

Declared confidences are those of signals/tiers.py. The setting TIER_CONFIDENCE changes them, as
`2.exit=0.65,3=0.85`; a measured one (per source) beats both.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from reconciliation.models import MeasuredConfidence
from signals.tiers import CALCULATION, REPLAY, TIERS

from .proposals import Proposal

# By tier, and by tier and field (or group), as the settings name them too.
DECLARED: Mapping[str, Decimal] = {key: tier.confidence for key, tier in TIERS.items()} | {
    f"{key}.{field}": confidence for key, tier in TIERS.items() for field, confidence in tier.confidences.items()
}
# Fields that are declared together.
GROUPS: Mapping[str, str] = {
    "be_triggered_at": "exit",
    **{f"{leg}_exit_{part}": "exit" for leg in ("be", "stop") for part in ("at", "price", "reason")},
}

# Parts of one inference, which is right or wrong as a whole: measured by when it says that it happened.
MEASURED_BY: Mapping[str, str] = dict.fromkeys(("cancelled_by", "cancel_reason", "bars_pending"), "cancelled_at")

# What is filled only while it is this sure: set, or measured of a source, to be less, it is off.
AT_LEAST: Mapping[tuple[str, str], Decimal] = {(CALCULATION.key, "htf_alignment"): Decimal("0.9")}

Measured = Mapping[tuple[int, str, str], Decimal]


def declared(tier: str, field: str) -> Decimal:
    """The declared confidence, 0 to 1: of the field, else of its group, else of the tier."""
    return declared_by(settings.TIER_CONFIDENCE, tier, field)


@lru_cache(maxsize=1024)
def declared_by(setting: str, tier: str, field: str) -> Decimal:
    table = {**DECLARED, **given("TIER_CONFIDENCE", setting)}
    keys = (f"{tier}.{field}", f"{tier}.{GROUPS.get(field, '')}", tier)
    return next(table[key] for key in keys if key in table)


@lru_cache(maxsize=4)
def given(setting: str, text: str) -> Mapping[str, Decimal]:
    """Confidences as a setting gives them. Raises ImproperlyConfigured, naming what is wrong."""
    table = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, _, number = part.partition("=")
        try:
            value = Decimal(number)
        except InvalidOperation:
            value = Decimal("nan")
        if key.split(".")[0] not in TIERS or value.is_nan() or not 0 <= value <= 1:
            raise ImproperlyConfigured(f"{setting}: {part!r} is not like 2.exit=0.7 or 3=0.9.")
        table[key] = value
    return table


def approval_below(tier: str) -> Decimal:
    """Fills of the tier with less confidence wait for an operator's approval."""
    return given("APPROVAL_BELOW", settings.APPROVAL_BELOW).get(tier, Decimal(0))


def measured() -> Measured:
    """What was measured, by source, tier and field."""
    rows = MeasuredConfidence.objects.values_list("source_id", "tier", "field", "confidence")
    return {(source, tier, field): confidence for source, tier, field, confidence in rows}


def trusted(proposal: Proposal, source: int, measured: Measured) -> Decimal:
    """The confidence of a proposal: as measured for its source, tier and field, else as the tier says.

    That of replay is measured by itself, on each stretch of bars (reconciliation.replay).
    What the tier itself doubts, as it declares less for it than for the field, gains nothing by what was measured.
    """
    if proposal.method == REPLAY:
        return proposal.confidence
    found = measured.get((source, proposal.tier, MEASURED_BY.get(proposal.field, proposal.field)))
    if found is None:
        return proposal.confidence
    if proposal.confidence < declared(proposal.tier, proposal.field):
        return min(found, proposal.confidence)
    return found


def is_sure_enough(proposal: Proposal) -> bool:
    """Whether the proposal, with the confidence that it is trusted to, may stand or be offered for approval."""
    return proposal.confidence >= AT_LEAST.get((proposal.tier, proposal.field), 0)


def measured_as(field: str) -> list[str]:
    """The fields that what was measured of one of them goes for."""
    return [field, *(part for part, whole in MEASURED_BY.items() if whole == field)]
