"""The fields of a dataset, each with what it means and which values of the signal it rests on. Pure.

What is known at signal time comes first, then what is known at the entry, then what came of it: nothing of a later
group is in an earlier one. docs/datasets.md lists them; a test compares.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from dashboard.analysis.outcomes import End, Leg, end_rests_on
from signals.clock import local
from signals.models import AutomatedSignal
from signals.vocabulary import TIMEFRAMES, Status

from .knowing import Known

TARGETS: Mapping[str, float | None] = {"1": 1.0, "2": 2.0, "3": 3.0, "5": 5.0, "10": 10.0, "end": None}  # R


@dataclass(frozen=True, slots=True)
class Row:
    """A signal with how its legs ended, and by target what each is worth in R, NaN where not known."""

    known: Known
    be_end: str
    stop_end: str
    be_r: Mapping[str, float]
    stop_r: Mapping[str, float]

    @property
    def signal(self) -> AutomatedSignal:
        return self.known.signal

    def fields(self, rests_on: tuple[str, ...]) -> tuple[str, ...]:
        """The signal's fields that these stand for."""
        found: list[str] = []
        for name in rests_on:
            if name == BE_END:
                found += end_rests_on("be", self.be_end, self.signal.provenance)
            elif name == STOP_END:
                found += end_rests_on("stop", self.stop_end, self.signal.provenance)
            elif name == TRADE_END:
                found += [each for each in TRADE_ENDS if each in self.signal.provenance][:1]
            else:
                found.append(name)
        return tuple(found)


Value = str | int | float | bool | Decimal | datetime | date | None


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `kind` is text, int, float, bool, moment or date; `rests_on` are the signal's fields that it follows
    from, whose least trusted says its source and confidence (none: it is of the source, or the id itself)."""

    name: str
    kind: str
    about: str
    value: Callable[[Row], Value]
    rests_on: tuple[str, ...] = ()


def column(name: str) -> Callable[[Row], Value]:
    def value(row: Row) -> Value:
        found: Value = getattr(row.signal, name)
        return found

    return value


def wall(part: str) -> Callable[[Row], Value]:
    """A part of the signal's time by the market's clock."""

    def value(row: Row) -> Value:
        moment = row.signal.signal_time
        return getattr(local(moment, row.known.venue.zone), part) if moment else None

    return value


def weekday(row: Row) -> Value:
    day = row.signal.signal_date
    return day.isoweekday() if day else None


def told_in_time(signal: AutomatedSignal) -> bool:
    """Whether an event told the alignment of the signal's own bar. Of a later bar it is another, and of the future; so
    is what a tier concluded from the signals around it."""
    told, bar = signal.htf_as_of, signal.signal_time
    return told is not None and bar is not None and told <= bar


def trend(frame: str) -> Callable[[Row], Value]:
    def value(row: Row) -> Value:
        return (row.signal.htf_alignment or {}).get(frame) if told_in_time(row.signal) else None

    return value


def htf_late(row: Row) -> Value:
    return None if row.signal.htf_alignment is None else not told_in_time(row.signal)


def confirmed(row: Row) -> Value:
    if row.signal.status == Status.PENDING:
        return None
    return row.signal.status != Status.CANCELLED


def while_active(name: str) -> Callable[[Row], Value]:
    """A value of the trade; nothing of a signal that was never confirmed."""
    get = column(name)
    return lambda row: get(row) if row.signal.status in (Status.CONFIRMED, Status.COMPLETED) else None


def risk(row: Row) -> Value:
    return row.signal.risk if row.signal.status in (Status.CONFIRMED, Status.COMPLETED) else None


def ended_at(row: Row) -> Value:
    signal = row.signal
    if signal.status != Status.COMPLETED:
        return None
    found: datetime | None = signal.stop_exit_at or signal.seen_completed_at or signal.be_exit_at
    return found


def to_its_end(name: str, leg: str) -> Callable[[Row], Value]:
    """An MFE up to the leg's end; nothing while that is still to come, or where it is not known so far."""

    def value(row: Row) -> Value:
        end = row.be_end if leg == "be" else row.stop_end
        if not end or end == End.UNKNOWN or row.known.mfe_short:
            return None
        found: Value = getattr(row.signal, name)
        return found

    return value


def worth(leg: str, target: str) -> Callable[[Row], Value]:
    def value(row: Row) -> Value:
        found = (row.be_r if leg == "be" else row.stop_r)[target]
        return None if found != found else found  # noqa: PLR0124 - NaN

    return value


# Stand for the fields that a leg's end follows from, which are others from signal to signal.
BE_END, STOP_END, TRADE_END = "be end", "stop end", "trade end"
TRADE_ENDS = ("stop_exit_at", "seen_completed_at", "be_exit_at")  # the first that is known
LEGS = {
    "be": ("break-even leg", "be_mfe", (BE_END,)),
    "stop": ("leg with the original stop", "no_be_mfe", (STOP_END,)),
}

IDENTITY = (
    Field("source", "text", "Name of the source that sent it.", lambda row: row.signal.source.name),
    Field("symbol", "text", "As its alerts state it, else its source's.",
          lambda row: row.signal.symbol or row.signal.source.symbol or None),
    Field("trade_id", "text", "The indicator's id.", column("trade_id")),
    Field("life", "int", "Which trade of those that had the id one after the other, from 1.", column("life")),
)  # fmt: skip
AT_SIGNAL = (
    Field("direction", "text", "Bullish or Bearish.", column("direction"), ("direction",)),
    Field("signal_time", "moment", "Open of the signal's bar; it is known a bar later.", column("signal_time"),
          ("signal_time",)),
    Field("signal_date", "date", "Its date by the market's clock.", column("signal_date"), ("signal_date",)),
    Field("weekday", "int", "Of that date, 1 is Monday.", weekday, ("signal_date",)),
    Field("hour", "int", "Of the signal's time by the market's clock.", wall("hour"), ("signal_time",)),
    Field("minute", "int", "The same.", wall("minute"), ("signal_time",)),
    Field("session", "text", "Computed of the signal's bar, whatever its label said.", column("session"), ("session",)),
    Field("bar_minutes", "int", "Length of a bar of its chart.", lambda row: row.signal.source.bar_minutes),
    *(
        Field(f"htf_{frame}", "text", f"Trend of the timeframe {frame}, where it was told of the signal's own bar.",
              trend(frame), ("htf_alignment",))
        for frame in TIMEFRAMES
    ),
    Field("htf_late", "bool", "The alignment is of a later bar, or was concluded from others, and is left out.",
          htf_late, ("htf_alignment",)),
)  # fmt: skip
AT_ENTRY = (
    Field("entry_time", "moment", "Open of the bar that confirmed it.", while_active("confirmation_time"),
          ("confirmation_time",)),
    Field("entry_bars", "int", "Bars of open market from the signal's to that.", while_active("bars_to_confirmation"),
          ("bars_to_confirmation",)),
    Field("entry_price", "float", "Points.", while_active("entry_price"), ("entry_price",)),
    Field("entry_stop", "float", "The original stop, points.", while_active("stop_loss"), ("stop_loss",)),
    Field("entry_risk", "float", "Points between both: 1 R.", risk, ("entry_price", "stop_loss")),
)  # fmt: skip
OUTCOME = (
    Field("outcome_status", "text", "PENDING, CONFIRMED, COMPLETED or CANCELLED.", column("status"), ("status",)),
    Field("outcome_confirmed", "bool", "Whether it was confirmed; empty while that is open.", confirmed, ("status",)),
    Field("outcome_ended_at", "moment", "When the whole trade ended: the minute in which its last exit fired.",
          ended_at, (TRADE_END,)),
    Field("outcome_mae", "float", "MAE of the completed trade, R.",
          lambda row: row.signal.mae if row.signal.status == Status.COMPLETED else None, ("mae",)),
    *(
        field
        for leg, (name, mfe, rests) in LEGS.items()
        for field in (
            Field(f"outcome_{leg}_end", "text", f"How the {name} ended: stopped, break_even, order or unknown.",
                  (lambda row: row.be_end or None) if leg == "be" else (lambda row: row.stop_end or None), rests),
            Field(f"outcome_{leg}_mfe", "float", f"MFE of the {name} up to its end, R.", to_its_end(mfe, leg),
                  (mfe, *rests)),
            *(
                Field(f"outcome_{leg}_r_{target}", "float",
                      f"Result of the {name} in R, "
                      + ("to its end." if target == "end" else f"with a target of {target} R."),
                      worth(leg, target), rests if target == "end" else (mfe, *rests))
                for target in TARGETS
            ),
        )
    ),
)  # fmt: skip
GROUPS: Mapping[str, Sequence[Field]] = {
    "What it is": IDENTITY,
    "Known at the signal": AT_SIGNAL,
    "Known at the entry": AT_ENTRY,
    "What came of it": OUTCOME,
}
FIELDS: Mapping[str, Field] = {field.name: field for group in GROUPS.values() for field in group}
SOURCE, CONFIDENCE = "__source", "__confidence"


def chosen(names: Sequence[str] | None) -> list[Field]:
    """The fields of these names, in the order of the table; all of them where none is named. ValueError for others."""
    if not names:
        return list(FIELDS.values())
    if unknown := sorted(set(names) - FIELDS.keys()):
        raise ValueError(f"There is no field {', '.join(unknown)}. There are {', '.join(FIELDS)}.")
    return [field for field in FIELDS.values() if field.name in names]


def legs_of(signals: Sequence[Known], ends: Sequence[tuple[str, str]]) -> tuple[Leg, Leg]:
    """Both legs of some signals, as the figures of Analysis take them."""
    return leg_of(signals, [be for be, _ in ends], "be_mfe"), leg_of(signals, [stop for _, stop in ends], "no_be_mfe")


def leg_of(signals: Sequence[Known], ends: Sequence[str], mfe: str) -> Leg:
    return Leg(
        end=np.array(ends, dtype="U10"),
        order=np.array([ordered(each.signal) for each in signals]),
        mfe=np.array([None if each.mfe_short else getattr(each.signal, mfe) for each in signals], dtype=np.float64),
        filled=np.full(len(signals), np.nan),
    )


def ordered(signal: AutomatedSignal) -> float:
    """What an order made of the trade, in R; NaN where none did, or the risk is not known."""
    exit, entry, stop = signal.exit_price, signal.entry_price, signal.stop_loss
    if exit is None or entry is None or stop is None or entry == stop:
        return float("nan")
    return float((exit - entry) / (entry - stop))
