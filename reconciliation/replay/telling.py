"""What the twin says of given signals, for their cases."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeAlias

from django.db.models import Q

from reconciliation.models import Agreement, ReplayedSignal
from reconciliation.tiers.proposals import Replayed
from signals.models import AutomatedSignal, Source
from signals.signal.deriving import named_bar

from .agreeing import LEAST, Measure
from .measuring import symbol_of

SAID = tuple(each.name for each in fields(Replayed) if each.name != "confidence")
said = attrgetter(*SAID)
Row: TypeAlias = Any
"""A ReplayedSignal, or what is read of one: it has its names."""
Named: TypeAlias = tuple[AutomatedSignal, datetime]


def load_replayed(bases: Sequence[AutomatedSignal], source: Source) -> Mapping[int, Replayed]:
    """The twin's signal of the same bar and direction, by the signal's key; where it is believed only."""
    symbol, named = symbol_of(source), named_bars(bases, source)
    if not named:
        return {}
    bars, entries = {bar for _, bar in named}, {bar for base, bar in named if names_entry(base)}
    rows = Agreement.objects.filter(
        source=source, stretch__symbol=symbol, stretch__start__lte=max(bars), stretch__end__gte=min(bars),
        confidence__gte=LEAST, since__isnull=False,
    ).select_related("stretch")  # fmt: skip
    believed = {row.stretch.start: row for row in rows}
    if not believed:
        return {}
    at = Q(triangle__in=bars)
    if entries:
        at |= Q(confirmed__in=entries)
    told = ReplayedSignal.objects.filter(at, symbol=symbol).order_by()
    return matched(named, told.values_list("stretch", *SAID, named=True), believed)


def named_bars(bases: Iterable[AutomatedSignal], source: Source) -> list[Named]:
    """The signals that the twin can know, each with the bar that its id names. None where nothing is replayed."""
    symbol = symbol_of(source)
    if not symbol:
        return []
    own = (base for base in bases if base.price_key(source) == symbol)
    return [(base, bar) for base in own if (bar := base.triangle_time or named_bar(base))]


def names_entry(base: AutomatedSignal) -> bool:
    """Whether its id names ENTRY's bar."""
    return base.single_leg and base.triangle_time is None


def matched(
    named: Iterable[Named], told: Iterable[Row], believed: Mapping[datetime, Agreement | Measure]
) -> Mapping[int, Replayed]:
    """Of what the twin said the signal of each bar, where it is `believed`: by starts of stretches. Pure."""
    by_triangle: dict[datetime, Row] = {each.triangle: each for each in told}
    by_entry: dict[datetime, Row] = {each.confirmed: each for each in by_triangle.values() if each.confirmed}
    found = {}
    for base, bar in named:
        each = (by_entry if names_entry(base) else by_triangle).get(bar)
        agreement = believed.get(each.stretch) if each else None
        if each and agreement and agreement.since and each.triangle >= agreement.since and goes_with(base, each):
            found[base.pk] = as_told(each, agreement)
    return found


def goes_with(base: AutomatedSignal, told: Row) -> bool:
    return base.direction in (None, told.direction) and base.trade_id.endswith(told.direction.upper())


def as_told(row: Row, agreement: Agreement | Measure) -> Replayed:
    return Replayed(**dict(zip(SAID, said(row), strict=True)), confidence=agreement.confidence)
