"""`batch`: MFE_UPDATE_BATCH, once a minute, one MFE_UPDATE for each entry of `signals`.

All entries carry the close of the same bar. The later form adds what the signal is (entry, stop, times in epoch
milliseconds, session, symbol, completed) to what it measures.
"""

from signals.dialects.base import Dialect, Entry, Payload, closes, listed
from signals.dialects.spellings import STATED_TABLE
from signals.vocabulary import EventType


def _entries(payload: Payload) -> list[Entry]:
    return listed(payload, "signals", EventType.MFE_UPDATE)


BATCH = Dialect(
    name="batch",
    keys=frozenset({"event_type"}),
    kinds=frozenset({"MFE_UPDATE_BATCH"}),
    entries=_entries,
    table=STATED_TABLE,
    bars=closes,
)
