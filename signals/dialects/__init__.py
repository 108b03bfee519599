"""Dialects: what the bytes of an alert say. Pure; `read` is the only way in.

To teach the system a new dialect, write one module with one `Dialect` and put it into DIALECTS (docs/dialects.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from signals.dialects.base import MAX_ENTRIES, Dialect, Payload, keys_of, kind_of
from signals.dialects.batch import BATCH
from signals.dialects.builtin import ALWAYS
from signals.dialects.export import EXPORT
from signals.dialects.heartbeat import HEARTBEAT
from signals.dialects.jsontext import BrokenError, Spoilt, decoded, parsed
from signals.dialects.plain import PLAIN
from signals.dialects.polling import POLLING
from signals.dialects.repair import repaired
from signals.dialects.shapes import OURS, is_ours
from signals.dialects.snapshot import SNAPSHOT
from signals.dialects.strategy import STRATEGY
from signals.dialects.telemetry import TELEMETRY
from signals.dialects.values import UNFILLED, unfilled
from signals.dialects.wrapped import NAME as WRAPPED
from signals.dialects.wrapped import unwrapped
from signals.facts import Reading, UnreadableError

__all__ = ["DIALECTS", "FOREIGN", "Formats", "read"]

# The first that recognises a payload reads it: those that know one event type before those that know only keys.
DIALECTS: tuple[Dialect, ...] = (BATCH, HEARTBEAT, SNAPSHOT, EXPORT, POLLING, STRATEGY, TELEMETRY, PLAIN)
SEVERAL = "several"  # alerts of more than one dialect in one body
Formats = Callable[[], Sequence[Dialect]]
FOREIGN = (
    "This is no message of the indicator; it comes from another alert. If it should be the indicator's, choose 'Any "
    "alert() function call' as that alert's condition and leave its message alone. Else change that alert's webhook "
    "address, or teach its format: Deliveries, Unknown formats."
)


def no_formats() -> Sequence[Dialect]:
    """For what is read by code alone."""
    return ()


def read(body: bytes, *, signed: bool = False, formats: Formats = no_formats) -> Reading:
    """All that the bytes of one alert say, in the words of `signals.facts`.

    `signed`: their source's market has prices of zero and less. `formats` gives what people have taught, in the order
    in which it is tried; it is asked only for what no dialect in code can read.
    Raises UnreadableError when the delivery must be quarantined: its reason says what is wrong and what to do, its
    proposal is a mended text worth showing an operator.
    """
    text, taught = decoded(body), cache(lambda: (*formats(), *ALWAYS))
    try:
        return _read_all(parsed(text), signed, taught)
    except BrokenError as broken:
        if not text.startswith(("{", "[{")) and not is_ours(text):
            return _read_text(text, signed, taught)
        try:
            repair = repaired(text, broken)
        except UnreadableError:
            if not is_ours(text) and (reading := _by_text(text, signed, taught)):
                return reading
            if found := UNFILLED.search(text):
                raise UnreadableError(f"The body is not JSON: it {unfilled(found[0])}. Dismiss it.") from None
            raise
    return replace(_read_mended(repair.text, signed, taught), repair=repair)


def _read_text(text: str, signed: bool, formats: Formats) -> Reading:
    """A message that is no JSON, by the first format that can read it."""
    reading = _by_text(text, signed, formats)
    if reading is None:
        found = UNFILLED.search(text)
        raise UnreadableError(f"{FOREIGN} And it {unfilled(found[0])}." if found else FOREIGN)
    return reading


def _by_text(text: str, signed: bool, formats: Formats) -> Reading | None:
    opened = ((each, each.opens(text)) for each in formats() if each.opens)
    return _by_format([(each, payload) for each, payload in opened if payload], signed, formats)


def _by_format(offered: Sequence[tuple[Dialect, Payload]], signed: bool, formats: Formats) -> Reading | None:
    """What the first of these formats that can makes of a payload; None where none recognises it.

    Raises UnreadableError where those that do recognise it cannot read it. A format is data: whatever fails in it must
    cost no more than the reading of what it recognises.
    """
    first: UnreadableError | None = None
    for dialect, payload in offered:
        try:
            if not dialect.recognises(payload, kind_of(payload)):
                continue
            if dialect.within is None:
                return dialect.read(payload, signed=signed)
            if (reading := _relayed(dialect, payload, signed, formats)) is not None:
                return reading
        except UnreadableError as error:
            first = first or error
        except Exception as error:  # noqa: BLE001 - see above
            failed = f"The format {dialect.name} failed on it ({type(error).__name__}). Correct or retire the format."
            first = first or UnreadableError(failed)
    if first is not None:
        raise first
    return None


def _relayed(relay: Dialect, payload: Payload, signed: bool, formats: Formats) -> Reading | None:
    """What the message says that a relay carries; None when it carries none. Relays in relays are not looked into."""
    assert relay.within is not None
    carried = relay.within(payload)
    if isinstance(carried, str):
        text = carried.strip()
    elif isinstance(carried, dict):
        return _read(carried, signed, _without_relays(formats))
    else:
        return None
    if not text:
        return None
    try:
        return _read_all(parsed(text), signed, _without_relays(formats))
    except BrokenError:
        return _read_text(text, signed, _without_relays(formats))


def _without_relays(formats: Formats) -> Formats:
    return lambda: [each for each in formats() if each.within is None]


def _read_mended(text: str, signed: bool, formats: Formats) -> Reading:
    """A mended text must be read without any doubt, or not at all."""
    try:
        reading = _read_all(parsed(text), signed, formats)
    except BrokenError as broken:
        raise UnreadableError(f"The mended body is not JSON: {broken.problem}. Correct it.", text) from None
    except UnreadableError as error:
        raise UnreadableError(f"Mended, but: {error.reason}", text) from None
    if reading.refused:
        raise UnreadableError(f"Mended, but: {reading.faults[0]}. Correct it and replay it.", text)
    return reading


def _read_all(payloads: Sequence[Payload | Spoilt], signed: bool, formats: Formats) -> Reading:
    """What the alerts in one body say together. One that cannot be read is a fault as long as another can."""
    if len(payloads) == 1:
        return _read(payloads[0], signed, formats)
    if len(payloads) > MAX_ENTRIES:
        raise UnreadableError(f"The body holds {len(payloads):,} objects; no alert has so many. Dismiss it.")
    readings, problems, place = [], [], 0
    for number, payload in enumerate(payloads, 1):
        try:
            reading = moved(_read(payload, signed, formats), number, place)
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
        format=next((reading.format for reading in readings if reading.format is not None), None),
        symbols=tuple(dict.fromkeys(symbol for reading in readings for symbol in reading.symbols)),
        intervals=tuple(dict.fromkeys(interval for reading in readings for interval in reading.intervals)),
    )


def _read(payload: Payload | Spoilt, signed: bool, formats: Formats) -> Reading:
    if isinstance(payload, Spoilt):
        raise UnreadableError(f"The body cannot be read: {payload.problem}. Correct it and replay it.")
    inner = unwrapped(payload)
    told = payload if inner is None else inner
    dialect = _recognised(told)
    problem = None
    if dialect is not None:
        try:
            reading = dialect.read(told, signed=signed)
            return reading if inner is None else replace(reading, dialect=WRAPPED)
        except UnreadableError as error:
            problem = error
    offered = [(each, payload) for each in formats() if each.opens is None]
    taught = _by_format(offered, signed, formats)
    if taught is None:
        raise problem or UnreadableError(unknown(told))
    return taught


def _recognised(payload: Payload) -> Dialect | None:
    kind = kind_of(payload)
    return next((dialect for dialect in DIALECTS if dialect.recognises(payload, kind)), None)


def unknown(payload: Payload) -> str:
    """Why a payload that no dialect recognises cannot be read."""
    if payload.keys().isdisjoint(OURS):
        return f"{FOREIGN} Its keys: {keys_of(payload)}."
    return (
        f"No dialect is known by these keys: {keys_of(payload)}. A single event needs event_type and trade_id; "
        "if a new indicator version sends this, add its dialect and replay the delivery."
    )
