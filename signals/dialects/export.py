"""`export`: the indicator's full state of the signals it knows, in numbered batches.

No price bars come of it: an export is sent when asked for, not at a bar's close.
"""

from signals.dialects.base import Dialect, Entry, Payload, kind_of, listed
from signals.dialects.spellings import STATED_TABLE
from signals.vocabulary import EventType


def _entries(payload: Payload) -> list[Entry]:
    return listed(payload, "signals", EventType(kind_of(payload)))


EXPORT = Dialect(
    name="export",
    keys=frozenset({"event_type"}),
    kinds=frozenset({EventType.INDICATOR_EXPORT_V2.value, EventType.ALL_SIGNALS_EXPORT.value}),
    entries=_entries,
    table=STATED_TABLE,
)
