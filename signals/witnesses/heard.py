"""The confirmed signals of a source, as the comparison with other witnesses needs them."""

from datetime import datetime

from signals.clock import MINUTE
from signals.models import AutomatedSignal, Source

from .comparing import Heard


def heard_between(source: Source, first: datetime, last: datetime) -> list[Heard]:
    """The source's confirmed signals whose ENTRY's bar opened in [first, last]."""
    rows = AutomatedSignal.objects.filter(source=source, confirmation_time__range=(first, last)).only(
        "pk", "trade_id", "direction", "confirmation_time", "entry_price",
        "be_exit_at", "be_exit_price", "stop_exit_at", "stop_exit_price",
    )  # fmt: skip
    return [heard_of(row) for row in rows.iterator(chunk_size=2000)]


def heard_of(row: AutomatedSignal) -> Heard:
    assert row.confirmation_time is not None
    ends = ((row.be_exit_at, row.be_exit_price), (row.stop_exit_at, row.stop_exit_price))
    exits = tuple((fired - MINUTE, price) for fired, price in ends if fired)
    return Heard(row.pk, row.trade_id, row.direction, row.confirmation_time, row.entry_price, exits)
