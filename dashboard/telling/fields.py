"""A signal's fields as people read them: their names, their order, and how each kind of value is written. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString

from reconciliation.gaps import CATALOGUE
from signals.facts import FACTS
from signals.formats import EMPTY
from signals.models import AutomatedSignal
from signals.models.signal import R_PLACES
from signals.vocabulary import Status

from .formats import TICK, clock, htf, new_york, price, r, words

# The fields that the page of a signal shows, by heading. Targets, which hold several values, are written as a list.
GROUPS: Mapping[str, Mapping[str, str]] = {
    "Signal": {
        "status": "Status", "direction": "Direction", "signal_time": "Signal time", "session": "Session",
        "session_label": "Session as sent", "htf_alignment": "Higher timeframes", "htf_conflict": "Timeframes conflict",
        "clock_zone": "Clock of its id",
    },
    "Prices": {
        "entry_price": "Entry", "stop_loss": "Stop", "be_price": "Break-even price", "targets": "Targets stated",
        "targets_extended": "Targets 1R to 20R", "current_price": "Last price", "highest_high": "Highest high",
        "lowest_low": "Lowest low",
    },
    "Confirmation": {
        "confirmation_time": "Confirmation time", "bars_to_confirmation": "Bars to confirmation",
        "created_fired_at": "Creation fired", "entry_fired_at": "ENTRY fired", "seen_confirmed_at": "Seen confirmed",
        "cancelled_at": "Cancelled", "cancel_reason": "Cancelled because", "cancelled_by": "Cancelled by",
        "seen_cancelled_at": "Seen cancelled", "bars_pending": "Bars pending",
    },
    "Legs": {
        "be_mfe": "MFE, break-even leg", "no_be_mfe": "MFE, original stop", "mae": "MAE",
        "be_triggered_at": "Break-even triggered", "be_exit_at": "Exit at break-even", "be_exit_price": "Its price",
        "be_exit_reason": "Its reason", "stop_exit_at": "Exit, original stop", "stop_exit_price": "Its price",
        "stop_exit_reason": "Its reason", "exit_price": "Exit price", "exit_reason": "Exit because",
        "seen_completed_at": "Seen completed", "unprotected_at": "+1 R not yet reached",
        "seen_protected_at": "Seen at +1 R",
    },
}  # fmt: skip
NAMES = {name: label for group in GROUPS.values() for name, label in group.items()}
NAMES |= {"tp1": "Target 1", "tp2": "Target 2", "tp3": "Target 3", "exit_reason": "Because"}
NAMES |= {
    "mfe_as_of": "MFE as of", "mae_as_of": "MAE as of", "be_mfe_peak": "Highest MFE, break-even leg",
    "no_be_mfe_peak": "Highest MFE, original stop", "htf_as_of": "Timeframes as of",
}  # fmt: skip
# Columns and facts that hold one of a few words; each word with what people read.
CHOICES: Mapping[str, Mapping[Any, str]] = {
    column.name: {value: str(label) for value, label in column.flatchoices}
    for column in AutomatedSignal._meta.concrete_fields
    if column.choices
} | {
    "state": {status.value: str(status.label) for status in Status},
    "cancel_reason": {"opposite_signal": "an opposite signal followed"},
}
LADDER = "targets_extended"
# What tiers go by, in words.
METHODS: Mapping[str, str] = {
    "stated_bar": "the bar that an event stated", "id_direction": "the direction in its id",
    "id_bar": "the bar that its id names", "bar_before_entry": "the bar before ENTRY's",
    "id_session": "the session of its bar", "id_to_entry": "ENTRY's fire minute",
    "id_entry_bar": "ENTRY's bar, which its id names", "open_minutes": "open minutes from its bar to ENTRY's",
    "ladder": "two known prices of its ladder", "reported_extremes": "the extreme prices of its reports",
    "side_of_stop": "the side that the stop is on", "price_bars": "its last report and price bars",
    "own_extremes": "its highest high and lowest low", "legs_together": "the other leg, while both ran",
    "ended_at_once": "it ended in the next bar", "price_touch": "the bar that touched the level",
    "shown_later": "an update that shows it had been",
    "close_at_entry": "the first close at the entry price", "neighbours_agree": "the nearest signals agree",
    "replay": "the indicator's rules on the market's bars", "alternation": "an opposite signal followed",
    "stored_events": "its stored events",
}  # fmt: skip
LONGEST = 28  # characters of a value in a list


def kind_of(name: str) -> str:
    """price, r, moment, htf, choice or text: of a column of the signal, or of a fact of an event."""
    if name in CHOICES:
        return "choice"
    if name in FACTS:
        return FACTS[name]
    if name in ("targets", "targets_extended"):
        return "prices"
    try:
        column = AutomatedSignal._meta.get_field(name)
    except FieldDoesNotExist:
        return "text"
    if isinstance(column, models.DecimalField):
        return "r" if column.decimal_places == R_PLACES else "price"
    return "moment" if isinstance(column, models.DateTimeField) else "text"


def written(name: str, value: Any, tick: Decimal) -> str:
    """A value of the field, from a column or as stored in JSON. What does not fit is shown as it is."""
    if value in (None, "", {}):
        return EMPTY
    kind = kind_of(name)
    if kind == "choice":
        return CHOICES[name].get(value, str(value))
    try:
        return WRITERS[kind](value, tick)
    except (InvalidOperation, TypeError, ValueError, AttributeError):
        return str(value)


def brief(name: str, value: Any, tick: Decimal) -> str:
    """As written; of the twenty targets only the first and the last."""
    if name != LADDER or not isinstance(value, dict) or len(value) < 3:
        return written(name, value, tick)
    ends = sorted(value.items(), key=rung_of)
    return f"{written(name, dict(ends[:1]), tick)} to {written(name, dict(ends[-1:]), tick)}"


def said(field: str, value: Any, tick: Decimal = TICK) -> SafeString | str:
    """As written, for one line of a list: a long value is cut in the middle, and whole on hover."""
    shown = written(field, value, tick)
    if isinstance(shown, SafeString) or len(shown) <= LONGEST:
        return shown
    return format_html('<span title="{}">{} … {}</span>', shown, shown[: LONGEST // 2], shown[-LONGEST // 2 :])


def written_text(value: Any, _: Decimal) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(getattr(value, "label", value))


def written_moment(value: Any, _: Decimal) -> str:
    return clock(value if isinstance(value, datetime) else datetime.fromisoformat(value))


def written_prices(value: Mapping[str, Any], tick: Decimal) -> str:
    return ", ".join(f"{rung} {price(at, tick)}" for rung, at in sorted(value.items(), key=rung_of))


WRITERS: defaultdict[str, Callable[[Any, Decimal], str]] = defaultdict(
    lambda: written_text,
    price=price,
    r=lambda value, _: r(value),
    prices=written_prices,
    moment=written_moment,
    htf=lambda value, _: htf(value),
)


def method_name(method: str) -> str:
    return METHODS.get(method) or words(method)


def evident(value: Any) -> str:
    """A piece of evidence in a line: names with their values, numbered ones in order, times as New York's."""
    if isinstance(value, Mapping):
        in_order = sorted(value.items(), key=lambda item: int(item[0]) if item[0].lstrip("-").isdecimal() else 0)
        return "; ".join(f"{words(name)} {evident(each)}" for name, each in in_order)
    return ", ".join(map(evident, value)) if isinstance(value, list | tuple) else new_york(value)


def rung_of(target: tuple[str, Any]) -> int:
    return int("".join(filter(str.isdigit, target[0])) or 0)


def named(name: str) -> str:
    return NAMES.get(name) or words(name).capitalize()


def gap_title(name: str) -> str:
    return CATALOGUE[name].title if name in CATALOGUE else name
