"""What fired: the values of a signal that the indicator's own events state, and what contradicts one of them. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from signals.clock import TradeId
from signals.models import AutomatedSignal
from signals.signal.deriving import named_bar

REPORT, EXPORT, BARS = "report", "export", "bars"  # who says otherwise
# One of the entries in `AutomatedSignal.repainted`: `by` whom, of which `field` ("" of the signal itself), what `fired`
# and what it `says` (None: nothing at all), as JSON; `at` is when it was said, or the bar.
Contradiction = dict[str, Any]


def fired_at(signal: AutomatedSignal, field: str) -> str:
    """The fire minute of the event that stated the field and owns it, ISO 8601; "" where none did."""
    entry = signal.provenance.get(field)
    if entry is None or entry["tier"] is not None or "rule" in entry["evidence"] or getattr(signal, field) is None:
        return ""
    return str(entry["at"])


def born_at(signal: AutomatedSignal) -> datetime | None:
    """When its birth was first heard; None of a stranger. An id that names no bar may be another's next time."""
    if TradeId.parse(signal.trade_id) is None or signal.standing != AutomatedSignal.Standing.ALONE:
        return None
    return min(filter(None, (signal.created_fired_at, signal.entry_fired_at)), default=None)


def bars_of(signal: AutomatedSignal) -> Iterator[datetime]:
    """The bars that the signal may be called by: its triangle's first, as told or named, and ENTRY's."""
    bar = signal.triangle_time or signal.signal_time or named_bar(signal)
    yield from filter(None, (bar, named_bar(signal), signal.confirmation_time))
