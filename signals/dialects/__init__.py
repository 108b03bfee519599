"""Dialects: what the bytes of an alert say. Pure; `read` is the only way in.

To teach the system a new dialect, write one module with one `Dialect` and put it into DIALECTS (docs/dialects.md).
"""

from collections.abc import Sequence
from dataclasses import replace

from signals.dialects.base import MAX_ENTRIES, Dialect, Payload, keys_of, kind_of
from signals.dialects.batch import BATCH
from signals.dialects.export import EXPORT
from signals.dialects.heartbeat import HEARTBEAT
from signals.dialects.jsontext import BrokenError, Spoilt, decoded, parsed
from signals.dialects.plain import PLAIN
from signals.dialects.polling import POLLING
from signals.dialects.repair import repaired
from signals.dialects.snapshot import SNAPSHOT
from signals.dialects.strategy import STRATEGY
from signals.dialects.telemetry import TELEMETRY
from signals.dialects.values import UNFILLED, unfilled
from signals.dialects.wrapped import NAME as WRAPPED
from signals.dialects.wrapped import unwrapped
from signals.facts import Reading, UnreadableError

__all__ = ["DIALECTS", "read"]

# The first that recognises a payload reads it: those that know one event type before those that know only keys.
DIALECTS: tuple[Dialect, ...] = (BATCH, HEARTBEAT, SNAPSHOT, EXPORT, POLLING, STRATEGY, TELEMETRY, PLAIN)
SEVERAL = "several"  # alerts of more than one dialect in one body


def read(body: bytes, *, signed: bool = False) -> Reading:
    """All that the bytes of one alert say, in the words of `signals.facts`.

    `signed`: their source's market has prices of zero and less.
    Raises UnreadableError when the delivery must be quarantined: its reason says what is wrong and what to do, its
    proposal is a mended text worth showing an operator.
    """
    text = decoded(body)
    try:
        return _read_all(parsed(text), signed)
    except BrokenError as broken:
        try:
            repair = repaired(text, broken)
        except UnreadableError:
            if found := UNFILLED.search(text):
                raise UnreadableError(f"The body is not JSON: it {unfilled(found[0])}. Dismiss it.") from None
            raise
    return replace(_read_mended(repair.text, signed), repair=repair)


def _read_mended(text: str, signed: bool) -> Reading:
    """A mended text must be read without any doubt, or not at all."""
    try:
        reading = _read_all(parsed(text), signed)
    except BrokenError as broken:
        raise UnreadableError(f"The mended body is not JSON: {broken.problem}. Correct it.", text) from None
    except UnreadableError as error:
        raise UnreadableError(f"Mended, but: {error.reason}", text) from None
    if reading.refused:
        raise UnreadableError(f"Mended, but: {reading.faults[0]}. Correct it and replay it.", text)
    return reading


def _read_all(payloads: Sequence[Payload | Spoilt], signed: bool) -> Reading:
    """What the alerts in one body say together. One that cannot be read is a fault as long as another can."""
    if len(payloads) == 1:
        return _read(payloads[0], signed)
    if len(payloads) > MAX_ENTRIES:
        raise UnreadableError(f"The body holds {len(payloads):,} objects; no alert has so many. Dismiss it.")
    readings, problems, place = [], [], 0
    for number, payload in enumerate(payloads, 1):
        try:
            reading = moved(_read(payload, signed), number, place)
        except UnreadableError as error:
            problems.append(f"alert {number}: {error.reason.rstrip('.')}")
            place += 1
            continue
        readings.append(reading)
        place = 1 + max((event.position for event in reading.events), default=place)
    if not readings:
        raise UnreadableError(f"None of {len(payloads)} alerts can be read; {problems[0]}.")
    return joined(readings, problems)


def moved(reading: Reading, number: int, place: int) -> Reading:
    """The reading of one of several alerts in a body, its positions counted on from `place`."""
    return replace(
        reading,
        events=tuple(replace(event, position=place + event.position) for event in reading.events),
        bars=tuple(replace(bar, position=place + bar.position) for bar in reading.bars),
        faults=tuple(f"alert {number}, {fault}" for fault in reading.faults),
    )


def joined(readings: Sequence[Reading], problems: Sequence[str]) -> Reading:
    """Several alerts' readings as one; the last heartbeat counts."""
    names = {reading.dialect for reading in readings}
    refusals = [fault for reading in readings for fault in reading.faults[: reading.refused]]
    notes = [fault for reading in readings for fault in reading.faults[reading.refused :]]
    return Reading(
        names.pop() if len(names) == 1 else SEVERAL,
        tuple(event for reading in readings for event in reading.events),
        tuple(bar for reading in readings for bar in reading.bars),
        heartbeat=next((reading.heartbeat for reading in reversed(readings) if reading.heartbeat), None),
        faults=(*problems, *refusals, *notes),
        refused=len(problems) + len(refusals),
        symbols=tuple(dict.fromkeys(symbol for reading in readings for symbol in reading.symbols)),
        intervals=tuple(dict.fromkeys(interval for reading in readings for interval in reading.intervals)),
    )


def _read(payload: Payload | Spoilt, signed: bool) -> Reading:
    if isinstance(payload, Spoilt):
        raise UnreadableError(f"The body cannot be read: {payload.problem}. Correct it and replay it.")
    inner = unwrapped(payload)
    if inner is not None:
        return replace(_recognised(inner).read(inner, signed=signed), dialect=WRAPPED)
    return _recognised(payload).read(payload, signed=signed)


def _recognised(payload: Payload) -> Dialect:
    kind = kind_of(payload)
    for dialect in DIALECTS:
        if dialect.recognises(payload, kind):
            return dialect
    raise UnreadableError(
        f"No dialect is known by these keys: {keys_of(payload)}. A single event needs event_type and trade_id; "
        "if a new indicator version sends this, add its dialect and replay the delivery."
    )
