"""Small builders: a source's stored events without a database, and what would be filled of them."""

from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from reconciliation.calibration.hiding import Stored
from reconciliation.tiers.proposals import Proposal
from signals.models import PriceBar, SignalEvent, Source
from signals.signal.registers import MINUTE
from signals.vocabulary import DataSource
from tests.reconciliation.tiers.build import LATER, TRADE_ID, at

__all__ = ["LATER", "TRADE_ID", "at", "claim", "price", "source", "stored"]


def source(**options: Any) -> Source:
    return Source(pk=1, name="chart", **options)


def stored(*events: tuple[str, SignalEvent], bars: tuple[PriceBar, ...] = (), now: datetime = LATER) -> Stored:
    """Events given as (trade id, event)."""
    ordered = sorted(events, key=lambda pair: (pair[0], pair[1].fire_minute))
    by_trade = {trade_id: [event for _, event in own] for trade_id, own in groupby(ordered, lambda pair: pair[0])}
    return Stored(by_trade, sorted(bars, key=lambda bar: bar.time), now)


def price(event: SignalEvent, close: str) -> PriceBar:
    """The close that came in the same delivery as an event."""
    return PriceBar(
        symbol="MNQ1!",
        time=event.fire_minute - MINUTE,
        kind=PriceBar.Kind.CLOSE,
        close=Decimal(close),
        evidence=f"{event.payload_checksum}:0",
    )


def claim(field: str, value: Any, **options: Any) -> Proposal:
    return Proposal(field, value, "2", "test", DataSource.CALCULATED, Decimal("0.8"), **options)
