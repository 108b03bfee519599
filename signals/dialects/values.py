"""Payload values to canonical values (`facts` says what canonical is), one converter per kind.

A converter gets a value that is not null and returns the canonical one, None for a placeholder, or raises FaultError
with words that fit behind "field 'value': ".
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from signals.clock import TradeId
from signals.facts import FACTS
from signals.formats import canonical
from signals.formats import quoted as shown
from signals.symbols import normalised
from signals.vocabulary import Direction, EventType, Session, Status, Trend

Converter = Callable[[Any], Any]

# What the columns hold. Beyond these, a number is no price and no R but an error of the sender.
PRICE_LIMIT, PRICE_PLACES = 10**12, 18
R_LIMIT, R_PLACES = 10**7, 12  # the indicator prints ten; what lies beyond is float noise
MAX_DIGITS = 18
EXACT = Context(prec=15)  # digits that a double carries, in which charts count: the others are noise of its writing
MAX_COUNT = 10**6
MAX_TEXT = 64
MAX_LABEL = 24
MAX_SYMBOL = 32
MAX_TRADE_ID = 64
NO_NUMBERS = frozenset(
    {"nan", "na", "n/a", *(f"{sign}{word}" for sign in ("", "+", "-") for word in ("inf", "infinity"))}
)
LONGEST_NO_NUMBER = 16
YEARS = range(2000, 2100)  # beyond them a date is damaged; at the ends of the calendar no zone can be added to it
EARLIEST_MS, LATEST_MS = 946_684_800_000, 4_102_444_800_000  # the same years

UNFILLED = re.compile(r"\{\{[^{}]*\}\}")  # of TradingView, as {{close}}
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?", re.ASCII)

_DIRECTIONS = {
    **dict.fromkeys(("BULLISH", "BULL", "LONG"), Direction.BULLISH.value),
    **dict.fromkeys(("BEARISH", "BEAR", "SHORT"), Direction.BEARISH.value),
}
_TRENDS = {
    **dict.fromkeys(("BULLISH", "BULL"), Trend.BULLISH.value),
    **dict.fromkeys(("BEARISH", "BEAR"), Trend.BEARISH.value),
    **dict.fromkeys(("NEUTRAL", "NEUT"), Trend.NEUTRAL.value),
}
_SESSIONS = {member.value.replace("_", " "): member.value for member in Session}
_STATES = {
    **{member.value: member.value for member in Status},
    "ACTIVE": Status.CONFIRMED.value,  # the indicator's older word for a running trade
}
EVENT_TYPES = {
    **{member.value: member for member in EventType},
    "EXIT_SL": EventType.EXIT_STOP_LOSS,
    "EXIT_BE": EventType.EXIT_BREAK_EVEN,
}
# Canonical timeframe: its name inside `htf_alignment`, its name as a flat field.
_TIMEFRAMES = (
    ("daily", "daily", "htf_daily"),
    ("h4", "4h", "htf_4h"),
    ("h1", "1h", "htf_1h"),
    ("m15", "15m", "htf_15m"),
    ("m5", "5m", "htf_5m"),
    ("m1", "1m", "htf_1m"),
)
_ALIGNING = frozenset({"htf_alignment", *(flat for _, _, flat in _TIMEFRAMES)})


class FaultError(ValueError):
    """A value that cannot be what its field says it is."""


def is_absent(value: object) -> bool:
    """Null and empty, also as the texts that string concatenation in Pine makes of them, and what it prints for na."""
    return value is None or (value.__class__ is str and (value in ("", "null") or is_no_number(value)))


def is_no_number(value: object) -> bool:
    """What is written where a number could not be had."""
    return isinstance(value, str) and len(value) <= LONGEST_NO_NUMBER and value.strip().lower() in NO_NUMBERS


def filled(value: Any) -> Any:
    """The value itself. Raises FaultError for one that holds a placeholder as it was written."""
    found = UNFILLED.search(value) if value.__class__ is str and "{{" in value else None
    if found:
        raise FaultError(unfilled(found[0]))
    return value


def unfilled(placeholder: str) -> str:
    return (
        f"is a placeholder: TradingView did not fill in {placeholder[:40]}; placeholders work only in the alert"
        " dialog's message, not in alert()"
    )


def number(value: Any, limit: int, places: int) -> Decimal:
    """A decimal from a JSON number or its text, at most `limit` in size, with what `places` hold of its digits."""
    decimal = _decimal(value)
    _, digits, exponent = decimal.as_tuple()
    if len(digits) > MAX_DIGITS:
        raise FaultError(f"has more than {MAX_DIGITS} digits")
    if not -limit <= decimal <= limit:  # not abs(), which overflows on the exponents JSON allows
        raise FaultError(f"is beyond {limit:,}")
    if int(exponent) < -places:
        decimal = decimal.quantize(Decimal((0, (1,), -places)))
    return EXACT.plus(decimal) if len(digits) > EXACT.prec else decimal


def _decimal(value: Any) -> Decimal:
    if value.__class__ is Decimal:
        return value
    if value.__class__ is int:
        return Decimal(value)
    if value.__class__ is str and _NUMBER.fullmatch(value.strip()):
        try:
            return Decimal(value.strip())
        except InvalidOperation:
            pass
    raise FaultError("is not a number")


def r_multiple(value: Any) -> str:
    return canonical(number(value, R_LIMIT, R_PLACES))


def positive(value: Any) -> Decimal:
    decimal = number(value, PRICE_LIMIT, PRICE_PLACES)
    if decimal <= 0:
        raise FaultError("is not above zero, as a price must be")
    return decimal


def signed(value: Any) -> Decimal:
    """A price of a market that has prices of zero and less."""
    return number(value, PRICE_LIMIT, PRICE_PLACES)


def price(value: Any) -> str:
    """A price that the event itself is about: zero is an error."""
    return canonical(positive(value))


def price_or_placeholder(value: Any) -> str | None:
    """A price that is carried along: the indicator writes 0 for one that it does not know."""
    return canonical(positive(value)) if _decimal(value) else None


def signed_price(value: Any) -> str:
    return canonical(signed(value))


def signed_or_placeholder(value: Any) -> str | None:
    return canonical(signed(value)) if _decimal(value) else None


# Where a market has prices of zero and less.
SIGNED: dict[Converter, Converter] = {price: signed_price, price_or_placeholder: signed_or_placeholder}


def count(value: Any) -> int:
    decimal = number(value, MAX_COUNT, MAX_DIGITS)
    if decimal < 0 or decimal != decimal.to_integral_value():
        raise FaultError("is not a count")
    return int(decimal)


def flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None
    if known is None:
        raise FaultError("is neither true nor false")
    return known


def text(value: Any) -> str | None:
    """A text in words, cut to what is kept of it; the delivery keeps the rest."""
    if not isinstance(value, str):
        raise FaultError("is not a text")
    stripped = value.strip()
    if not stripped.isprintable():
        raise FaultError("holds control characters")
    return stripped[:MAX_TEXT].rstrip() or None


def symbol(value: Any) -> str:
    """A symbol in its one spelling. It decides whose prices these are, so it is never cut."""
    if isinstance(filled(value), str) and len(value.strip()) > MAX_SYMBOL:
        raise FaultError(f"is longer than {MAX_SYMBOL} characters")
    return normalised(text(value) or "")


def version(value: Any) -> str:
    """A version is a text or, from some senders, a bare number."""
    return (text(str(value)) if isinstance(value, int | Decimal) else text(value)) or ""


def trade_id(value: Any) -> str:
    """The signal's name in one spelling, whatever the case and the spaces of an id that names a bar."""
    if is_absent(value) or (isinstance(value, str) and not value.strip()):
        raise FaultError("is missing; every event must name its signal")
    if not isinstance(value, str):
        raise FaultError("is not a text")
    if len(value) > MAX_TRADE_ID:
        raise FaultError(f"is longer than {MAX_TRADE_ID} characters")
    if not value.isprintable():
        raise FaultError("holds control characters")
    return TradeId.spelling(filled(value))


def _word(value: Any, words: Mapping[str, str]) -> str:
    known = words.get(value.strip().upper()) if isinstance(value, str) else None
    if known is None:
        filled(value)
        raise FaultError("is none of " + ", ".join(words))
    return known


def direction(value: Any) -> str:
    return _word(value, _DIRECTIONS)


def state(value: Any) -> str:
    return _word(value, _STATES)


def session(value: Any) -> str | None:
    """Our spelling of the label; an unknown one is kept in capitals, to become a finding."""
    label = (text(value) or "").upper()[:MAX_LABEL]
    return _SESSIONS.get(label.replace("_", " "), label) or None


def instant(value: Any) -> datetime | None:
    """Epoch milliseconds to aware UTC. Zero is a placeholder, and so is any other text: a time without a proven
    zone is no moment (the early telemetry's `Z` is false)."""
    if isinstance(value, str) and not value.strip().isdecimal():
        text(value)
        return None
    decimal = _decimal(value)
    if not decimal:
        return None
    if not EARLIEST_MS <= decimal < LATEST_MS:
        raise FaultError("is not a time in epoch milliseconds")
    return datetime.fromtimestamp(int(decimal) // 1000, UTC)


def moment(value: Any) -> str | None:
    at = instant(value)
    return None if at is None else at.replace(tzinfo=None).isoformat() + "Z"


def day(value: Any) -> str:
    """A local date, as stated."""
    try:
        stated = date.fromisoformat(value.strip())
    except (AttributeError, ValueError):
        raise FaultError("is not a date like 2025-12-11") from None
    return within_years(stated).isoformat()


def within_years(stated: date) -> date:
    if stated.year not in YEARS:
        raise FaultError(f"is not in the years {YEARS.start} to {YEARS.stop - 1}")
    return stated


def clock_or_moment(value: Any) -> str | None:
    """The clock in `signal_time` where it is a local time; reports put epoch milliseconds there (see `moment`)."""
    if isinstance(value, int | Decimal) or (isinstance(value, str) and value.strip().isdecimal()):
        return None
    try:
        return time.fromisoformat(value.strip()).replace(microsecond=0, tzinfo=None).isoformat()
    except (AttributeError, ValueError):
        raise FaultError("is not a time like 09:30:00") from None


def _stated(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value.strip())
    except (AttributeError, ValueError):
        raise FaultError("is not a time like 2025-12-11T00:47:00") from None


def day_of(value: Any) -> str:
    return within_years(_stated(value).date()).isoformat()


def clock_of(value: Any) -> str:
    return _stated(value).time().replace(microsecond=0).isoformat()


def ends_in_z(value: Any) -> bool | None:
    return True if isinstance(value, str) and value.endswith("Z") else None


def always(_: Any) -> bool:
    return True


def alignment(entry: Mapping[str, Any]) -> dict[str, str] | None:
    """The state of the higher timeframes, nested in `htf_alignment` or flat as `htf_1h` and so on."""
    if _ALIGNING.isdisjoint(entry):
        return None
    nested = entry.get("htf_alignment")
    if is_absent(nested):
        nested = {}
    elif not isinstance(nested, dict):
        raise FaultError("htf_alignment is not an object of timeframes")
    trends = {}
    for name, other, flat in _TIMEFRAMES:
        for value in (nested.get(name), nested.get(other), entry.get(flat)):
            if is_absent(value):
                continue
            try:
                trends[name] = _word(value, _TRENDS)
            except FaultError as fault:
                raise FaultError(f"timeframe {name} {shown(value)} {fault}") from None
            break
    return trends or None


def contradiction(value: Any) -> bool | None:
    """True when `htf_alignment` says all bullish and all bearish at once."""
    if not isinstance(value, dict):
        return None
    claims = [value.get("all_bullish"), value.get("all_bearish")]
    return True if all(not is_absent(claim) and flag(claim) for claim in claims) else None


CONVERTERS: dict[str, Converter] = {
    "price": price_or_placeholder,
    "r": r_multiple,
    "count": count,
    "flag": flag,
    "text": text,
    "moment": moment,
    "htf": alignment,
}


def converter_for(fact: str) -> Converter:
    """The converter of the fact's kind; facts of kind `name` have one each, named in the table."""
    return CONVERTERS[FACTS[fact]]
