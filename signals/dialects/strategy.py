"""`strategy`: the strategy script's alerts, one event each, named by `type` and `signal_id`.

The id names ENTRY's bar, so ENTRY's own `timestamp` (true UTC) is the only word on the triangle's bar; every other
event's `timestamp` is that event's bar. `date` and `time` say the same as ENTRY's `timestamp` in New York time, while
the id is in another zone: reading them as the signal's local date and clock would mix the two, so they are left.
"""

from signals.dialects import values
from signals.dialects.base import Dialect, closes, one_event
from signals.dialects.spellings import SHARED, Table, row
from signals.vocabulary import EventType

_TABLE = Table(each for each in SHARED if each.fact not in {"signal_date", "signal_clock"}).with_rows(
    row("triangle_time", "timestamp", at={EventType.ENTRY}),
    row("single_leg", "signal_id", convert=values.always),
)

STRATEGY = Dialect(
    name="strategy",
    keys=frozenset({"type", "signal_id"}),
    entries=one_event,
    table=_TABLE,
    bars=closes,
)
