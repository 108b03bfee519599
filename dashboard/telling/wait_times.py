"""How long a signal stood before it was confirmed or cancelled. Pure: `now` is passed in."""

from dataclasses import dataclass
from datetime import datetime

from signals.models import AutomatedSignal
from signals.timeframe import Timeframe
from signals.vocabulary import Status


@dataclass(frozen=True, slots=True)
class Wait:
    """From the open of the signal's bar to that of its event's bar; None for what is not known.

    `bars` are those of open market, `minutes` of wall clock. `age` is in seconds of wall clock, and for a signal
    that still waits for its event it runs on to now.
    """

    bars: int | None = None
    minutes: int | None = None
    age: int | None = None


def wait_of(signal: AutomatedSignal, frame: Timeframe, now: datetime) -> Wait:
    """The wait for the signal's event: its cancellation if it was cancelled, else its confirmation."""
    start = signal.signal_time
    if signal.status == Status.PENDING:
        return Wait(age=seconds(start, now))
    if signal.status == Status.CANCELLED:
        end, bars = signal.cancellation_time, signal.bars_pending
    else:
        end, bars = signal.confirmation_time, signal.bars_to_confirmation
    age = seconds(start, end)
    if bars is None and age is not None and start and end:
        own = frame.holding(start)
        bars = own.count(start, end) if own.known else None
    return Wait(bars=bars, minutes=None if age is None else age // 60, age=age)


def seconds(start: datetime | None, end: datetime | None) -> int | None:
    """None when either is unknown, or the event's bar comes first: such times contradict each other."""
    if start is None or end is None or end < start:
        return None
    return int((end - start).total_seconds())
