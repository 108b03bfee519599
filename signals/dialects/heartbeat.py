"""`heartbeat`: the indicator is alive. It speaks of no signal."""

from signals.dialects import values
from signals.dialects.base import Dialect, Entry, Payload
from signals.dialects.values import FaultError, is_absent
from signals.facts import Heartbeat
from signals.formats import quoted


def _no_entries(_: Payload) -> list[Entry]:
    return []


def _pulse(payload: Payload) -> Heartbeat:
    tracked = payload.get("signal_count")
    tracked = payload.get("tracked_signals") if is_absent(tracked) else tracked
    version = payload.get("indicator_version")
    try:
        return Heartbeat(
            signal_count=None if is_absent(tracked) else values.count(tracked),
            indicator_version="" if is_absent(version) else values.version(version),
        )
    except FaultError as fault:
        raise FaultError(f"signal_count {quoted(tracked)} or indicator_version {quoted(version)} {fault}") from None


HEARTBEAT = Dialect(
    name="heartbeat",
    keys=frozenset({"event_type"}),
    kinds=frozenset({"HEARTBEAT"}),
    entries=_no_entries,
    pulse=_pulse,
)
