"""One table of spellings, shared by all dialects: canonical fact <- payload fields, converter, event types.

Rows are in order of preference: the first that gives a value wins. A dialect adds rows in front for what only it
means by a field (`with_rows`); a new spelling of an old fact is one more name in one row here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from signals.dialects import values
from signals.dialects.values import SIGNED, Converter, FaultError, converter_for, filled, is_absent, is_no_number
from signals.formats import quoted
from signals.vocabulary import EXITS, REPORTS, EventType, Status

EVERY = frozenset(EventType)
# Nothing has been measured on a signal that is not confirmed: the zeros written there mean nothing.
MEASURED = EVERY - {EventType.SIGNAL_CREATED, EventType.CANCELLED}
MEASUREMENTS = frozenset(
    {"be_mfe", "no_be_mfe", "mae", "highest_high", "lowest_low", "be_triggered", "be_price", "exit_price"}
)
UNCONFIRMED = frozenset({Status.PENDING.value, Status.CANCELLED.value})


@dataclass(frozen=True, slots=True)
class Row:
    """`fact` is read from the first of `fields` that is there, at the event types in `at`.

    A field is a name, or two joined by a dot; the empty field is the whole entry, for facts made of several fields.
    """

    fact: str
    fields: tuple[str, ...]
    convert: Converter
    at: frozenset[EventType] = EVERY


def row(fact: str, *fields: str, convert: Converter | None = None, at: Iterable[EventType] = EVERY) -> Row:
    return Row(fact, fields, convert or converter_for(fact), frozenset(at))


SHARED: tuple[Row, ...] = (
    row("direction", "direction", "bias", convert=values.direction),
    row("session", "session", convert=values.session),
    row("htf_alignment", "", convert=values.alignment),
    row("htf_conflict", "htf_alignment", convert=values.contradiction),
    row("signal_date", "signal_date", "date", convert=values.day),
    row("signal_clock", "signal_time", convert=values.clock_or_moment),
    row("triangle_time", "triangle_time", "signal_time"),
    row("confirmation_time", "confirmation_time"),
    row("bars_to_confirmation", "bars_to_confirmation", "bars_to_confirm", at=MEASURED),
    row("entry_price", "entry_price", "entry", convert=values.price, at={EventType.ENTRY}),
    row("stop_loss", "stop_loss", "sl_price", "stop", convert=values.price, at={EventType.ENTRY}),
    row("entry_price", "entry_price", "entry", at=EVERY - {EventType.ENTRY}),
    row("stop_loss", "stop_loss", "sl_price", "stop", at=EVERY - {EventType.ENTRY}),
    row("tp1", "targets.tp1_price", "tp1_price", "tp1", "target_1r"),
    row("tp2", "targets.tp2_price", "tp2_price", "tp2", "target_2r"),
    row("tp3", "targets.tp3_price", "tp3_price", "tp3", "target_3r"),
    row("be_price", "be_price", at=MEASURED),
    row("exit_price", "exit_price", at=MEASURED),
    row("exit_reason", "exit_reason", "completion_reason", at=EXITS | REPORTS),
    row("be_mfe", "final_be_mfe", at=EXITS),
    row("be_mfe", "be_mfe", "mfe_R", at=MEASURED),
    row("no_be_mfe", "final_no_be_mfe", at=EXITS),
    row("no_be_mfe", "no_be_mfe", at=MEASURED),
    # The original-stop leg, but only here: old telemetry writes 0 into it at every other event.
    row("no_be_mfe", "final_mfe_R", at={EventType.EXIT_STOP_LOSS}),
    # Not `mae_R`: it is a placeholder, 0 or a copy of the MFE.
    row("mae", "mae_global_r", "mae_R_global", "mae", at=MEASURED),
    row("highest_high", "highest_high", at=MEASURED),
    row("lowest_low", "lowest_low", at=MEASURED),
    row("current_price", "current_price"),
    row("be_triggered", "be_triggered", "be_hit", at=MEASURED),
    row("completed", "completed", at=MEASURED),
    row("cancel_reason", "cancel_reason", at={EventType.CANCELLED}),
    row("cancelled_by", "cancelled_by", at={EventType.CANCELLED}),
    row("bars_pending", "bars_pending", at={EventType.CANCELLED}),
)
# Reports and batch entries state the signal's status; in single events the word is the alert's, not the signal's.
STATED: tuple[Row, ...] = (row("state", "status", convert=values.state),)


class _Column(NamedTuple):
    """One lookup: `part` is looked up inside `field` when it is not empty."""

    fact: str
    field: str
    part: str
    convert: Converter


class Table:
    """Rows laid out per event type, so that reading an entry is one pass of plain lookups."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)
        self._columns = {kind: tuple(_columns(self.rows, kind)) for kind in EventType}
        self._names = frozenset(each.field for columns in self._columns.values() for each in columns)
        self._told = lru_cache(maxsize=256)(self._columns_told)

    def with_rows(self, *rows: Row) -> "Table":
        return Table((*rows, *self.rows))

    @cached_property
    def signed(self) -> "Table":
        """The same for a market that has prices of zero and less."""
        return Table(replace(each, convert=SIGNED.get(each.convert, each.convert)) for each in self.rows)

    def read(self, kind: EventType, entry: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
        """The facts of one entry. Raises FaultError naming the first field that cannot be read, and its value.

        `notes` is told of fields that hold no number and count as absent.
        """
        found: dict[str, Any] = {}
        for fact, name, part, convert in self._told(kind, self._names.intersection(entry)):
            if fact in found:
                continue
            raw = entry.get(name) if name else entry
            if raw is None:
                continue
            if part:
                raw = _inside(raw, name, part)
            if is_absent(raw):
                if is_no_number(raw):
                    notes.append(f"{_path(name, part)} {quoted(raw)} is no number and counts as absent")
                continue
            try:
                value = convert(filled(raw))
            except FaultError as fault:
                raise FaultError(f"{_path(name, part)} {quoted(raw)} {fault}" if name else str(fault)) from None
            if value is not None:
                found[fact] = value
        if found.get("state") in UNCONFIRMED:
            return _without_measurements(found)
        return found

    def _columns_told(self, kind: EventType, names: frozenset[str]) -> tuple[_Column, ...]:
        """The lookups that can find something in an entry with these names: a tenth of them, and mostly the same."""
        return tuple(each for each in self._columns[kind] if not each.field or each.field in names)


def _columns(rows: Iterable[Row], kind: EventType) -> Iterable[_Column]:
    for each in rows:
        if kind in each.at:
            for path in each.fields:
                name, _, part = path.partition(".")
                yield _Column(each.fact, name, part, each.convert)


def _inside(raw: Any, name: str, part: str) -> Any:
    if isinstance(raw, dict):
        return raw.get(part)
    if is_absent(raw):
        return None
    raise FaultError(f"{name} {quoted(raw)} is not an object")


def _path(name: str, part: str) -> str:
    return f"{name}.{part}" if part else name


def _without_measurements(found: dict[str, Any]) -> dict[str, Any]:
    dropped = MEASUREMENTS | {"confirmation_time", "bars_to_confirmation"}
    return {fact: value for fact, value in found.items() if fact not in dropped}


TABLE = Table(SHARED)
STATED_TABLE = Table((*SHARED, *STATED))
