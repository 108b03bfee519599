"""Dialects: what the bytes of an alert say. Pure; `read` is the only way in.

To teach the system a new dialect, write one module with one `Dialect` and put it into DIALECTS (docs/dialects.md).
"""

from dataclasses import replace

from signals.dialects.base import Dialect, Payload, keys_of, kind_of
from signals.dialects.batch import BATCH
from signals.dialects.export import EXPORT
from signals.dialects.heartbeat import HEARTBEAT
from signals.dialects.jsontext import BrokenError, decoded, parsed
from signals.dialects.plain import PLAIN
from signals.dialects.polling import POLLING
from signals.dialects.repair import repaired
from signals.dialects.snapshot import SNAPSHOT
from signals.dialects.strategy import STRATEGY
from signals.dialects.telemetry import TELEMETRY
from signals.dialects.wrapped import NAME as WRAPPED
from signals.dialects.wrapped import unwrapped
from signals.facts import Reading, UnreadableError

__all__ = ["DIALECTS", "read"]

# The first that recognises a payload reads it: those that know one event type before those that know only keys.
DIALECTS: tuple[Dialect, ...] = (BATCH, HEARTBEAT, SNAPSHOT, EXPORT, POLLING, STRATEGY, TELEMETRY, PLAIN)


def read(body: bytes) -> Reading:
    """All that the bytes of one alert say, in the words of `signals.facts`.

    Raises UnreadableError when the delivery must be quarantined: its reason says what is wrong and what to do, its
    proposal is a mended text worth showing an operator.
    """
    text = decoded(body)
    try:
        return _read(parsed(text))
    except BrokenError as broken:
        repair = repaired(text, broken)
    return replace(_read_mended(repair.text), repair=repair)


def _read_mended(text: str) -> Reading:
    """A mended text must be read without any doubt, or not at all."""
    try:
        reading = _read(parsed(text))
    except BrokenError as broken:
        raise UnreadableError(f"The mended body is not JSON: {broken.problem}. Correct it.", text) from None
    except UnreadableError as error:
        raise UnreadableError(f"Mended, but: {error.reason}", text) from None
    if reading.faults:
        raise UnreadableError(f"Mended, but: {reading.faults[0]}. Correct it and replay it.", text)
    return reading


def _read(payload: Payload) -> Reading:
    inner = unwrapped(payload)
    if inner is not None:
        return replace(_recognised(inner).read(inner), dialect=WRAPPED)
    return _recognised(payload).read(payload)


def _recognised(payload: Payload) -> Dialect:
    kind = kind_of(payload)
    for dialect in DIALECTS:
        if dialect.recognises(payload, kind):
            return dialect
    raise UnreadableError(
        f"No dialect is known by these keys: {keys_of(payload)}. A single event needs event_type and trade_id; "
        "if a new indicator version sends this, add its dialect and replay the delivery."
    )
