"""Small builders: signals as their events make them, without a database."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from reconciliation.gaps import CATALOGUE
from reconciliation.tiers.proposals import Case, Neighbour, Proposal, Told
from reconciliation.tiers.table import PROPOSE
from signals import dialects
from signals.clock import MINUTE, bar_of, floor_minute
from signals.facts import UnreadableError
from signals.market import CME_EQUITY
from signals.models import AutomatedSignal, PriceBar, SignalEvent, Source
from signals.signal.deriving import Venue, settle
from signals.signal.joining import blank, count_in, join

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"
VENUE = Venue.of(Source(market_zone=NEW_YORK, calendar=CME_EQUITY, bar_minutes=1))
TICK = Decimal("0.25")
# 09:40 in New York is 14:40 UTC in winter; the day is a Thursday.
TRADE_ID = "20251211_094000000_BULLISH"
SHORT_ID = "20251211_094000000_BEARISH"
BAR = datetime(2025, 12, 11, 14, 40, tzinfo=UTC)
LATER = BAR + timedelta(hours=2)
ALL_GAPS = frozenset(CATALOGUE)
_numbers = count()


def at(minutes: int) -> datetime:
    """A moment in minutes after the open of the signal's bar."""
    return BAR + minutes * MINUTE


def event(kind: str, minutes: int | datetime, **facts: Any) -> SignalEvent:
    """An event that fires so many minutes after the signal's bar opened (its own bar is the one before)."""
    fired = minutes if isinstance(minutes, datetime) else at(minutes)
    return SignalEvent(type=kind, fire_minute=fired, position=0, payload_checksum=f"{next(_numbers):032x}", facts=facts)


def created(minutes: int = 1, **facts: Any) -> SignalEvent:
    stated = {"signal_date": "2025-12-11", "signal_clock": "09:40:00", "session": "NY AM", "direction": "Bullish"}
    return event("SIGNAL_CREATED", minutes, **stated, **facts)


def entry(minutes: int = 4, **facts: Any) -> SignalEvent:
    """A long from 100 with its stop at 90, unless said otherwise: one R is ten points."""
    return event("ENTRY", minutes, **{"direction": "Bullish", "entry_price": "100", "stop_loss": "90", **facts})


def short(minutes: int = 4, **facts: Any) -> SignalEvent:
    return entry(minutes, **{"direction": "Bearish", "entry_price": "100", "stop_loss": "110", **facts})


def update(minutes: int, be_mfe: str, no_be_mfe: str | None = None, **facts: Any) -> SignalEvent:
    return event("MFE_UPDATE", minutes, be_mfe=be_mfe, no_be_mfe=be_mfe if no_be_mfe is None else no_be_mfe, **facts)


def signal(*events: SignalEvent, trade_id: str = TRADE_ID, zone: str = NEW_YORK) -> AutomatedSignal:
    made = blank(1, trade_id)
    for each in events:
        count_in(made, each)
        join(made, each)
    made.clock_zone, made.clock_by = zone, "votes"
    settle(made, VENUE)
    return made


def bar(minutes: int, high: str, low: str, close: str | None = None) -> PriceBar:
    """A whole bar that opens so many minutes after the signal's."""
    middle = Decimal(close) if close else (Decimal(high) + Decimal(low)) / 2
    return PriceBar(
        symbol="MNQ1!", time=at(minutes), kind=PriceBar.Kind.BAR, open=middle, high=Decimal(high), low=Decimal(low),
        close=middle,
    )  # fmt: skip


def close(minutes: int, price: str) -> PriceBar:
    return PriceBar(symbol="MNQ1!", time=at(minutes), kind=PriceBar.Kind.CLOSE, close=Decimal(price))


def case(
    *events: SignalEvent,
    bars: Sequence[PriceBar] = (),
    now: datetime = LATER,
    before: Sequence[Neighbour] = (),
    after: Sequence[Neighbour] = (),
    told: Sequence[Told] = (),
    tick: Decimal = TICK,
    **options: Any,
) -> Case:
    return Case(signal(*events, **options), VENUE, now, tick, events, bars, before, after, told)


def proposals(tier: str, case: Case, gaps: Iterable[str] = ALL_GAPS) -> dict[str, Proposal]:
    """What the tier proposes that is due, by field; it must say the same when asked again, and every field once."""
    found = list(PROPOSE[tier](case, frozenset(gaps)))
    assert found == list(PROPOSE[tier](case, frozenset(gaps)))
    by_field = {each.field: each for each in found}
    assert len(by_field) == len(found)
    return {field: each for field, each in by_field.items() if each.due is None or each.due <= case.now}


def values(tier: str, case: Case, gaps: Iterable[str] = ALL_GAPS) -> dict[str, Any]:
    return {field: each.value for field, each in proposals(tier, case, gaps).items()}


def recorded(path: Path) -> Iterator[tuple[str, list[SignalEvent], list[PriceBar]]]:
    """Each signal of an alert log: its id, its events in order of time, and the closes of the whole log."""
    events, closes = defaultdict(list), {}
    for body, fired in rows(path):
        try:
            reading = dialects.read(body)
        except UnreadableError:
            continue
        for each in reading.events:
            events[each.trade_id].append(event(each.type, fired, **each.values))
        for each in reading.bars:
            closes[bar_of(fired)] = each.close
    bars = [
        PriceBar(symbol="MNQ1!", time=time, kind=PriceBar.Kind.CLOSE, close=closes[time]) for time in sorted(closes)
    ]
    for trade_id, own in events.items():
        yield trade_id, sorted(own, key=lambda one: one.fire_minute), bars


def rows(path: Path) -> Iterator[tuple[bytes, datetime]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield row["Description"].encode(), floor_minute(datetime.fromisoformat(row["Time"]))
