"""`polling`: POLLING_RESPONSE, the answer to a sync request: a list `signals`, or one signal, `signal` or flat."""

from signals.dialects.base import Dialect, Entry, Payload, listed
from signals.dialects.spellings import STATED_TABLE
from signals.vocabulary import EventType

_KIND = EventType.POLLING_RESPONSE


def _entries(payload: Payload) -> list[Entry]:
    if "signals" in payload:
        return listed(payload, "signals", _KIND)
    return [(_KIND, payload.get("signal", payload))]


POLLING = Dialect(
    name="polling",
    keys=frozenset({"event_type"}),
    kinds=frozenset({_KIND.value}),
    entries=_entries,
    table=STATED_TABLE,
)
