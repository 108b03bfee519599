"""What the twin says of given signals, for their cases."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from django.db.models import Q

from reconciliation.models import Agreement, ReplayedSignal
from reconciliation.tiers.proposals import Replayed
from signals.models import AutomatedSignal, Source
from signals.signal.deriving import named_bar

from .agreeing import LEAST
from .measuring import symbol_of


def load_replayed(bases: Sequence[AutomatedSignal], source: Source) -> Mapping[int, Replayed]:
    """The twin's signal of the same bar and direction, by the signal's key; where it is believed only."""
    symbol = symbol_of(source)
    own = [base for base in bases if base.price_key(source) == symbol]
    named = {base.pk: bar for base in own if (bar := base.triangle_time or named_bar(base))}
    if not named or not symbol:
        return {}
    bars = set(named.values())
    at = Q(triangle__in=bars) | Q(confirmed__in=bars)
    told = list(ReplayedSignal.objects.filter(at, symbol=symbol))
    if not told:
        return {}
    stretches = {each.stretch for each in told}
    rows = Agreement.objects.filter(
        source=source, stretch__symbol=symbol, stretch__start__in=stretches, confidence__gte=LEAST,
        since__isnull=False,
    ).select_related("stretch")  # fmt: skip
    believed = {row.stretch.start: row for row in rows}
    by_triangle: dict[datetime, ReplayedSignal] = {each.triangle: each for each in told}
    by_entry: dict[datetime, ReplayedSignal] = {each.confirmed: each for each in told if each.confirmed}
    found = {}
    for base in own:
        bar = named.get(base.pk)
        entered = base.single_leg and base.triangle_time is None  # its id names ENTRY's bar
        each = (by_entry if entered else by_triangle).get(bar) if bar else None
        agreement = believed.get(each.stretch) if each else None
        if each and agreement and agreement.since and each.triangle >= agreement.since and goes_with(base, each):
            found[base.pk] = as_told(each, agreement)
    return found


def goes_with(base: AutomatedSignal, told: ReplayedSignal) -> bool:
    return base.direction in (None, told.direction) and base.trade_id.endswith(told.direction.upper())


def as_told(row: ReplayedSignal, agreement: Agreement) -> Replayed:
    said = {each.name: getattr(row, each.name) for each in fields(Replayed) if each.name != "confidence"}
    return Replayed(**said, confidence=agreement.confidence)
