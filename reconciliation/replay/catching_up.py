"""Catching up: new bars go through the twin, and what it says of them is kept. The one writer of what it says.

A cycle costs the new bars: the twin goes on from where it stood. A bar that is late, or better than before, takes it
back to the state of the day before that bar.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from reconciliation.models import ReplayedSignal, ReplayState, ReplayStretch
from signals.market import Market
from signals.models import PriceBar
from signals.storage.bulk import insert
from signals.twin import Bar

from .following import Follower, Stretch, Told

STATES_KEPT = 40  # of a symbol, one a day
COLUMNS = tuple(Told.__slots__)


@dataclass(slots=True)
class CaughtUp:
    """What new bars changed: bars that signals are named by, of those that are told otherwise now; and since when."""

    since: datetime
    bars: set[datetime]


def catch_up(symbol: str, first: datetime, hours: Market) -> CaughtUp | None:
    """Take a symbol's bars from `first` on into the twin, as far as they are not fresh; None when none is new.

    `first` is the earliest bar that is new, other than it was, or no longer there. Writes in a transaction of its own.
    """
    with transaction.atomic():
        states = ReplayState.objects.filter(symbol=symbol)
        base = states.filter(at__lt=first).order_by("-at").first()
        rows = bars_replayed(symbol).filter(fresh=False)
        bars = rows.filter(time__gt=base.at) if base else rows
        follower = Follower.restored(hours, base.state) if base else Follower(hours)
        gone, _ = states.filter(at__gte=first).delete()
        found, stretches, days = follow(follower, bars_of(bars.order_by("time")))
        if not days and not gone:
            return None
        done = CaughtUp(base.at if base else first, keep(symbol, base, found))
        keep_stretches(symbol, base, stretches)
        keep_states(symbol, base, days)
    return done


def bars_replayed(symbol: str) -> QuerySet[PriceBar]:
    """The bars that the twin is given: whole ones, whoever told them.

    Those of a feed that turns out to disagree are taken back, and `vanished` notices.
    """
    return PriceBar.objects.filter(symbol=symbol, kind=PriceBar.Kind.BAR)


def vanished(symbol: str) -> datetime | None:
    """The start of the first stretch that the twin took other bars for than there are now; None where there is none."""
    for stretch in ReplayStretch.objects.filter(symbol=symbol).order_by("start"):
        there = bars_replayed(symbol).filter(time__gte=stretch.start, time__lte=stretch.end, fresh=False)
        if there.count() != stretch.bars:
            return stretch.start
    return None


def bars_of(rows: Any) -> Iterator[Bar]:
    """The bars with as many digits as they have: columns store more."""
    for time, *prices in rows.values_list("time", "open", "high", "low", "close").iterator(chunk_size=5000):
        yield Bar(time, *(Decimal(price).normalize() for price in prices))


def follow(
    follower: Follower, bars: Iterable[Bar]
) -> tuple[dict[datetime, Told], dict[datetime, Stretch], dict[datetime, Any]]:
    """Signals by triangle, stretches by start, and the state after the last bar and after the last of each day."""
    found: dict[datetime, Told] = {}
    stretches: dict[datetime, Stretch] = {}
    states: dict[datetime, Any] = {}
    if follower.open:  # bars after its triangle's told what became of it, and may tell otherwise now
        found[follower.open.triangle] = follower.open
    last = follower.twin.last
    taken = False
    for bar in bars:
        if taken and last and last.date() != bar.time.date():
            states[last] = follower.stored()
        found.update((told.triangle, told) for told in follower.take(bar))
        assert follower.stretch is not None
        stretches[follower.stretch.start] = follower.stretch
        last, taken = bar.time, True
    if taken and last:
        states[last] = follower.stored()
    return found, stretches, states


def keep(symbol: str, base: ReplayState | None, found: Mapping[datetime, Told]) -> set[datetime]:
    """Keep the signals in place of what was said of these bars before; return the bars of those that changed."""
    rows = ReplayedSignal.objects.filter(symbol=symbol)
    if base:
        rows = rows.filter(Q(triangle__gt=base.at) | Q(triangle__in=found))
    before = {row["triangle"]: row for row in rows.values("pk", *COLUMNS)}
    told = {triangle: {name: getattr(each, name) for name in COLUMNS} for triangle, each in found.items()}
    kept = {triangle for triangle, values in told.items() if same(before.get(triangle), values)}
    gone = [row for triangle, row in before.items() if triangle not in kept]
    new = [values for triangle, values in told.items() if triangle not in kept]
    ReplayedSignal.objects.filter(pk__in=[row["pk"] for row in gone]).delete()
    insert(ReplayedSignal, [ReplayedSignal(symbol=symbol, **values) for values in new])
    return {moment for row in (*gone, *new) for moment in (row["triangle"], row["confirmed"]) if moment}


def same(row: Mapping[str, Any] | None, told: Mapping[str, Any]) -> bool:
    return row is not None and all(row[name] == value for name, value in told.items())


def keep_stretches(symbol: str, base: ReplayState | None, found: Mapping[datetime, Stretch]) -> None:
    rows = ReplayStretch.objects.filter(symbol=symbol)
    (rows.filter(start__gt=base.at) if base else rows).exclude(start__in=found).delete()
    for start, each in found.items():
        values = {name: getattr(each, name) for name in ("end", "bars", "missing", "continues")}
        ReplayStretch.objects.update_or_create(symbol=symbol, start=start, defaults=values)


def keep_states(symbol: str, base: ReplayState | None, days: Mapping[datetime, Any]) -> None:
    """Keep the new states. The one that was gone on from goes, if it is not the last of its day."""
    if base and days and base.at.date() == min(days).date():
        base.delete()
    insert(ReplayState, [ReplayState(symbol=symbol, at=at, state=state) for at, state in sorted(days.items())])
    kept = ReplayState.objects.filter(symbol=symbol).order_by("-at").values_list("pk", flat=True)[:STATES_KEPT]
    ReplayState.objects.filter(symbol=symbol).exclude(pk__in=list(kept)).delete()
