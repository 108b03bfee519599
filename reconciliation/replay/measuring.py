"""Measuring: what the twin says is compared with what was heard, by source and stretch, and the agreement is kept."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q

from reconciliation.models import Agreement, ReplayedSignal, ReplayStretch
from signals.clock import TradeId, bar_of, instant
from signals.market import Market, market
from signals.models import AutomatedSignal, Source
from signals.tiers import CALCULATION
from signals.vocabulary import Origin

from .agreeing import WARM_UP, Heard, Measure, measure
from .catching_up import bars_replayed

# A signal may be heard of first so long after its bar.
LATE = timedelta(days=1)


class Row(NamedTuple):
    """What is read of a signal that was heard of, by the names of its columns."""

    pk: int
    trade_id: str
    direction: str | None
    clock_zone: str
    single_leg: bool
    triangle_time: datetime | None
    first_event_at: datetime
    entry_fired_at: datetime | None


class HeardSignal(NamedTuple):
    """A signal as alerts told it. `bar` is its triangle's, None where its id names ENTRY's and that was lost."""

    bar: datetime | None
    direction: str | None
    confirmed: datetime | None
    zone: str
    single_leg: bool
    key: int = 0


class Compared(NamedTuple):
    """A source and a stretch, what was heard and what the twin says there."""

    source: Source
    stretch: ReplayStretch
    heard: Sequence[HeardSignal]
    told: Sequence[ReplayedSignal]
    agreement: Agreement


def symbol_of(source: Source) -> str:
    """The symbol on whose bars the source's indicator is replayed; "" where it is not: replay is of one-minute bars."""
    return "" if CALCULATION.key in source.tiers_off or source.bar_minutes != 1 else source.price_key


def heard_on(source: Source, stretch: ReplayStretch) -> list[HeardSignal]:
    """The signals of the source that alerts told of, with their bars on the stretch."""
    heard_of = AutomatedSignal.objects.filter(of_stretch(stretch), source=source, origin=Origin.ALERTS)
    rows = heard_of.filter(symbol__in=("", source.symbol)).order_by()
    hours = market(source.calendar)
    found = [heard(Row(*row), hours) for row in rows.values_list(*Row._fields)]
    moments = [(each.bar or each.confirmed, each) for each in found]
    return [each for moment, each in moments if moment and stretch.start <= moment <= stretch.end]


def heard(row: Row, hours: Market) -> HeardSignal:
    bar, direction = row.triangle_time, row.direction
    named = None if bar and direction else TradeId.parse(row.trade_id)
    if bar is None and named and row.clock_zone and not row.single_leg:
        bar = instant(named.naive, row.clock_zone, near=row.first_event_at)
    confirmed = hours.last_open(bar_of(row.entry_fired_at)) if row.entry_fired_at else None
    direction = direction or (named.direction if named else None)
    return HeardSignal(bar, direction, confirmed, row.clock_zone, row.single_leg, row.pk)


def heard_in(signal: AutomatedSignal, hours: Market) -> HeardSignal:
    """A signal in memory as its alerts told it."""
    return heard(Row(*(getattr(signal, name) for name in Row._fields)), hours)


def of_stretch(stretch: ReplayStretch) -> Q:
    """Signals whose bars may be on it."""
    return Q(first_event_at__gte=stretch.start, first_event_at__lte=stretch.end + LATE)


def told_on(stretch: ReplayStretch) -> list[ReplayedSignal]:
    """What the twin says there, in order of time; its prices are not read."""
    rows = ReplayedSignal.objects.filter(symbol=stretch.symbol, stretch=stretch.start).order_by("triangle")
    return list(rows.only("stretch", "triangle", "direction", "confirmed", "near_hole"))


def compare(source: Source, stretch: ReplayStretch, told: Sequence[ReplayedSignal]) -> tuple[Compared, bool]:
    """Measure the agreement and keep it; also whether it is now another than it was."""
    heard = heard_on(source, stretch)
    rows = where_bars_are(statements(heard, told), stretch.symbol)
    found = agreement_on(stretch.start, rows, before_this(source, stretch))
    values = asdict(found) | counts(heard, told, found.since)
    held = Agreement.objects.filter(source=source, stretch=stretch).first()
    other = held is None or (held.confidence, held.since) != (found.confidence, found.since)
    if held is None or any(getattr(held, name) != value for name, value in values.items()):
        held, _ = Agreement.objects.update_or_create(source=source, stretch=stretch, defaults=values)
    return Compared(source, stretch, heard, told, held), other


def agreement_on(start: datetime, rows: Iterable[Heard], went_on: "Agreement | Measure | None") -> Measure:
    """The agreement on the stretch that starts then, where the stretch that `went_on` into it had another. Pure."""
    warm = start if went_on and went_on.since else start + WARM_UP
    carried = (went_on.heard, went_on.agreed) if went_on else (0, 0)
    found = measure(rows, warm, carried)
    return replace(found, since=start) if went_on and went_on.since else found


def before_this(source: Source, stretch: ReplayStretch) -> Agreement | None:
    """The agreement on the stretch that went on into this one."""
    if stretch.continues is None:
        return None
    of_symbol = Agreement.objects.filter(source=source, stretch__symbol=stretch.symbol)
    return of_symbol.filter(stretch__start=stretch.continues).first()


def statements(heard: Iterable[HeardSignal], told: Iterable[ReplayedSignal]) -> list[Heard]:
    """The triangles and confirmations that were heard, each against the twin's."""
    triangles = {(each.triangle, each.direction) for each in told}
    confirmations: dict[tuple[datetime, str | None], ReplayedSignal] = {
        (each.confirmed, each.direction): each for each in told if each.confirmed
    }
    found = []
    for signal in heard:
        if signal.bar:
            found.append(Heard(signal.bar, signal.bar, (signal.bar, signal.direction) in triangles))
        if signal.confirmed:
            twin = confirmations.get((signal.confirmed, signal.direction))
            agreed = twin is not None and signal.bar in (None, twin.triangle)
            found.append(Heard(signal.confirmed, signal.bar or signal.confirmed, agreed))
    return found


def where_bars_are(rows: Sequence[Heard], symbol: str) -> list[Heard]:
    """Without those whose very bar is missing: the twin cannot have said anything there."""
    doubted = {row.bar for row in rows if not row.agreed}
    bars = bars_replayed(symbol).filter(time__in=doubted)
    return on_bars(rows, set(bars.values_list("time", flat=True)) if doubted else set())


def on_bars(rows: Iterable[Heard], there: Container[datetime]) -> list[Heard]:
    return [row for row in rows if row.agreed or row.bar in there]


def counts(heard: Iterable[HeardSignal], told: Iterable[ReplayedSignal], since: datetime | None) -> dict[str, Any]:
    """Of the signals that bars show since the twin is believed, how many were received."""
    shown = [each for each in told if since and each.triangle >= since]
    bars = {(each.bar, each.direction) for each in heard}
    entries = {(each.confirmed, each.direction) for each in heard if each.bar is None}
    received = [
        each for each in shown if (each.triangle, each.direction) in bars or (each.confirmed, each.direction) in entries
    ]
    return {"shown": len(shown), "received": len(received)}
