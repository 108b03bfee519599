"""`snapshot`: UNIFIED_SNAPSHOT_V1, one price bar, the state of the open signals, and the signals new since the last.

`bar_ts` is the bar's close; a bar is named by its open, one minute earlier.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from signals.dialects import values
from signals.dialects.base import Dialect, Entry, Payload, listed, symbol_of, whole_bar
from signals.dialects.spellings import STATED_TABLE
from signals.dialects.values import FaultError
from signals.facts import BarFacts, EventFacts
from signals.formats import quoted
from signals.vocabulary import EventType

BAR_LENGTH = timedelta(minutes=1)


def _entries(payload: Payload) -> list[Entry]:
    kind = EventType.UNIFIED_SNAPSHOT_V1
    return [
        *listed(payload, "signals", kind, optional=True),
        *listed(payload, "triangles_delta", kind, optional=True),
    ]


def _bar(payload: Payload, _: Sequence[EventFacts], signed: bool) -> tuple[BarFacts, ...]:
    """The bar, with O/H/L/C all present and in order, or nothing when the snapshot carries no price."""
    bar = whole_bar(payload, signed)
    if bar is None:
        return ()
    closed = values.instant(payload.get("bar_ts") or 0)
    if closed is None or closed.second:
        raise FaultError(f"bar_ts {quoted(payload.get('bar_ts'))} is not a whole minute in epoch milliseconds")
    return (replace(bar, time=closed - BAR_LENGTH, symbol=symbol_of(payload)),)


SNAPSHOT = Dialect(
    name="snapshot",
    keys=frozenset({"event_type"}),
    kinds=frozenset({EventType.UNIFIED_SNAPSHOT_V1.value}),
    entries=_entries,
    table=STATED_TABLE,
    bars=_bar,
)
