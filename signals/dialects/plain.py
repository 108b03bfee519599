"""`plain`: one flat event with `event_type` and `trade_id` and no `schema_version`, in any known spelling.

The dialect of hand-made requests and of other senders. `signal_date` and `signal_time` are the signal's own bar;
`event_timestamp` is not read, because nothing says whose bar it is.
"""

from signals.dialects.base import Dialect, closes, one_event

PLAIN = Dialect(
    name="plain",
    keys=frozenset({"event_type", "trade_id"}),
    entries=one_event,
    bars=closes,
)
