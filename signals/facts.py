"""What a dialect reads out of a delivery: plain frozen values, ready to be stored as JSON.

A dialect turns bytes into a `Reading`. Everything in `EventFacts.values` is JSON-able and canonical, so that equal
facts are equal text whatever spelling they came in:

    prices, R-multiples   str of a Decimal in plain notation without trailing zeros ("25513.75", "-0.84375", "0")
    moments               str, UTC ISO 8601 to the second with Z ("2025-12-11T05:47:00Z"), from epoch milliseconds
    counts                int
    flags                 bool
    names                 str in the spelling of `vocabulary`
    htf_alignment         dict of timeframe (vocabulary.TIMEFRAMES) to Trend value; absent timeframes are left out

A key whose payload value is null, empty, or a placeholder (docs/dialects.md lists them) is absent, never None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

# Every fact an event may carry, and its kind. The one list that dialects write and the projection reads.
FACTS: dict[str, str] = {
    "direction": "name",
    "session": "name",  # the label as sent, in our spelling where known, else upper-cased as sent
    "htf_alignment": "htf",
    "htf_conflict": "flag",  # all_bullish and all_bearish were claimed at once (present only when true)
    "signal_date": "text",  # YYYY-MM-DD, local to the indicator's clock, as stated about the signal's own bar
    "signal_clock": "text",  # HH:MM:SS, likewise
    "triangle_time": "moment",  # open of the triangle's bar, true UTC
    "confirmation_time": "moment",  # open of ENTRY's bar, true UTC
    "bars_to_confirmation": "count",
    "entry_price": "price",
    "stop_loss": "price",
    "tp1": "price",
    "tp2": "price",
    "tp3": "price",
    "be_price": "price",
    "exit_price": "price",
    "exit_reason": "text",
    "be_mfe": "r",  # MFE of the leg whose stop moves to break-even
    "no_be_mfe": "r",  # MFE of the leg with the original stop
    "mae": "r",  # at most 0 when right; exactly 0 is a value
    "highest_high": "price",  # since confirmation
    "lowest_low": "price",
    "current_price": "price",  # close of the event's bar
    "be_triggered": "flag",
    "completed": "flag",
    "state": "name",  # Status as a report states it
    "cancel_reason": "text",
    "cancelled_by": "text",
    "bars_pending": "count",
    "one_position": "flag",  # its id stands for a market that holds one trade at a time (signal/positions.py)
    "if_open": "flag",  # it ends what is open of its direction, and nothing where nothing is
    "single_leg": "flag",  # true in `strategy` and Z telemetry: any exit ends the trade, the id names ENTRY's bar
}


@dataclass(frozen=True, slots=True)
class EventFacts:
    """One fact about one signal. `position` is its index in the delivery (0 for single-event payloads).

    `symbol` is what it names itself, in its one spelling; "" where it names none.
    """

    type: str
    trade_id: str
    position: int
    values: Mapping[str, Any]
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class BarFacts:
    """A price bar or a close. `time` is the open of its last minute in UTC; None means the one before the fire minute.

    `position` is the index of the first entry that carried it; `of_minute` says that it is stated to be of one minute,
    whatever its source's bars are.
    """

    close: Decimal
    time: datetime | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    symbol: str = ""  # empty: the source's symbol
    position: int = 0
    of_minute: bool = False


@dataclass(frozen=True, slots=True)
class Heartbeat:
    signal_count: int | None = None
    indicator_version: str = ""


@dataclass(frozen=True, slots=True)
class Repair:
    """A mended body: what was read instead of the bytes, and what the mending did, in words."""

    text: str
    summary: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one body says.

    `faults` names the entries that could not be read while others could, `refused` of them, and behind these the values
    that were sent as no number and count as absent. `format` is the key of the format in data that read it, if one did.
    """

    dialect: str
    events: tuple[EventFacts, ...] = ()
    bars: tuple[BarFacts, ...] = ()
    heartbeat: Heartbeat | None = None
    faults: tuple[str, ...] = field(default=())
    refused: int = 0
    repair: Repair | None = None
    format: int | None = None
    symbols: tuple[str, ...] = ()  # that it names, as they are spelled
    intervals: tuple[str, ...] = ()  # bar lengths that it names


class UnreadableError(ValueError):
    """The body cannot be read: quarantine it. `proposal` is a mended text worth showing an operator, if any."""

    def __init__(self, reason: str, proposal: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.proposal = proposal
