"""`telemetry`: the indicator's own alerts, one event each, marked by `schema_version` and `event_type`.

`event_timestamp` is the signal's own bar at SIGNAL_CREATED and ENTRY, and mixed at the rest. Where it ends in `Z` the
`Z` is false (the time is local), and the alert comes from the older script that follows one leg only.
"""

from signals.dialects import values
from signals.dialects.base import Dialect, closes, one_event
from signals.dialects.spellings import TABLE, row
from signals.vocabulary import EventType

_OWN_BAR = frozenset({EventType.SIGNAL_CREATED, EventType.ENTRY})

TELEMETRY = Dialect(
    name="telemetry",
    keys=frozenset({"schema_version", "event_type"}),
    entries=one_event,
    table=TABLE.with_rows(
        row("signal_date", "event_timestamp", convert=values.day_of, at=_OWN_BAR),
        row("signal_clock", "event_timestamp", convert=values.clock_of, at=_OWN_BAR),
        row("single_leg", "event_timestamp", convert=values.ends_in_z),
    ),
    bars=closes,
)
