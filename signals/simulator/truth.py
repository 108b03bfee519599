"""The truth about a trade in the words of a stored signal, as JSON, and as the indicator would answer when asked."""

import json
from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from signals.clock import MINUTE
from signals.formats import iso
from signals.simulator.bodies import SHORT, ms, price
from signals.simulator.scenario import Mark, TradeTruth
from signals.vocabulary import EventType, Status

MEASURED = ("be_mfe", "no_be_mfe", "mae")  # the measurements of a Mark, in its order
_ASKED = {"daily": "htf_daily", "h4": "htf_4h", "h1": "htf_1h", "m15": "htf_15m", "m5": "htf_5m", "m1": "htf_1m"}


def values_of(truth: TradeTruth) -> dict[str, Any]:
    """What a stored signal should hold, by its field: all that the truth has a value for, but measurements.

    Moments are as stored: a time is the open of a bar, and what fired is a minute later.
    """
    exits = dict(truth.exits)
    values = {
        "status": truth.status.value,
        "direction": truth.direction.value,
        "signal_time": truth.signal_bar,
        "session": truth.session.value,
        "htf_alignment": {frame: trend.value for frame, trend in truth.htf.items()},
        "entry_price": truth.entry,
        "stop_loss": truth.stop,
        "targets": list(truth.targets) or None,
        "confirmation_time": truth.confirmation_time,
        "bars_to_confirmation": truth.bars_to_confirmation,
        "be_triggered_at": fired(truth.be_time),
        "be_exit_at": fired(exits.get(EventType.EXIT_BREAK_EVEN)),
        "stop_exit_at": fired(exits.get(EventType.EXIT_STOP_LOSS)),
        "cancelled_at": fired(truth.cancelled_at),
    }
    return {field: value for field, value in values.items() if value is not None}


def fired(bar: datetime | None) -> datetime | None:
    """When it is told what happened in a bar."""
    return bar and bar + MINUTE


def measured(truth: TradeTruth, bar: datetime) -> Mark | None:
    """The measurements as of the close of a bar; None before confirmation."""
    at = bisect_right(truth.marks, bar, key=lambda mark: mark.bar)
    return truth.marks[at - 1] if at else None


def as_json(truth: TradeTruth, **more: Any) -> str:
    """One line: the trade id, what a stored signal should hold, the measurements at last, and `more`."""
    row = {"trade_id": truth.trade_id, **more, "heard": truth.heard, **values_of(truth)}
    if truth.marks:
        row |= zip(MEASURED, truth.marks[-1][1:], strict=True)
    return json.dumps(row, default=plain)


def plain(value: Any) -> str:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Decimal):
        return price(value)
    raise TypeError(f"{value!r} is not of the truth")


def answer(truths: Iterable[TradeTruth], bar: datetime, symbol: str) -> bytes:
    """What the indicator says when it is asked about these at the close of a bar: a POLLING_RESPONSE."""
    told = [state_of(truth, bar, symbol) for truth in truths if truth.signal_bar <= bar]
    return json.dumps({"event_type": EventType.POLLING_RESPONSE.value, "signals": told}).encode()


def state_of(truth: TradeTruth, bar: datetime, symbol: str) -> dict[str, Any]:
    """A signal's whole state as of the close of a bar."""
    confirmed, cancelled = truth.confirmation_time, truth.cancelled_at
    ended = max((end for _, end in truth.exits), default=None) if truth.status == Status.COMPLETED else None
    state: dict[str, Any] = {
        "trade_id": truth.trade_id,
        "symbol": symbol,
        "direction": truth.direction.value,
        "triangle_time": ms(truth.signal_bar),
        "status": Status.CANCELLED.value if cancelled and cancelled <= bar else Status.PENDING.value,
        **{_ASKED[frame]: SHORT[trend] for frame, trend in truth.htf.items()},
    }
    mark = measured(truth, bar)
    if confirmed is None or mark is None:
        return state
    over = ended is not None and ended <= bar
    return state | {
        "status": (Status.COMPLETED if over else Status.CONFIRMED).value,
        "confirmation_time": ms(confirmed),
        "bars_to_confirm": truth.bars_to_confirmation,
        "entry": number(truth.entry),
        "stop": number(truth.stop),
        **{field: number(value) for field, value in zip(MEASURED, mark[1:], strict=True)},
    }


def number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
