"""The confirmed signals of a source beside another witness's trades: what is asked of the database for it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from signals.clock import MINUTE
from signals.models import AutomatedSignal, Source
from signals.signal.zones import frame_of
from signals.timeframe import Timeframe

from .comparing import BARS_APART, Comparison, Heard, compare
from .trades import read_trades


def compared_file(source: Source, lines: Iterable[str], zone: str) -> tuple[Comparison, Sequence[str]]:
    """The list of trades that the lines are beside what was heard of the source, and a line for each fault in it.

    `zone` is that of the chart's clock; "": of the source's market. Raises NotTradesError when it is no such list.
    """
    found = read_trades(lines, zone or source.market_zone)
    if not found.trades:
        return compare((), ()), found.faults
    frame = frame_of(source)
    within = BARS_APART * (frame.length if frame.known else MINUTE)
    first, last = found.trades[0].entered_at - within, found.trades[-1].entered_at + within
    return compare(found.trades, heard_between(source, first, last, frame), within), found.faults


def heard_between(source: Source, first: datetime, last: datetime, frame: Timeframe) -> list[Heard]:
    """The source's confirmed signals whose ENTRY's bar opened in [first, last]."""
    rows = AutomatedSignal.objects.filter(source=source, confirmation_time__range=(first, last)).only(
        "pk", "trade_id", "direction", "confirmation_time", "entry_price",
        "be_exit_at", "be_exit_price", "stop_exit_at", "stop_exit_price",
    )  # fmt: skip
    return [heard_of(row, frame) for row in rows.iterator(chunk_size=2000)]


def heard_of(row: AutomatedSignal, frame: Timeframe) -> Heard:
    assert row.confirmation_time is not None
    ends = ((row.be_exit_at, row.be_exit_price), (row.stop_exit_at, row.stop_exit_price))
    exits = tuple((frame.bar_of(fired), price) for fired, price in ends if fired and frame.known)
    return Heard(row.pk, row.trade_id, row.direction, row.confirmation_time, row.entry_price, exits)
