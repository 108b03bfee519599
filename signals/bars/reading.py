"""Files of price bars, row by row: TradingView's chart export, plain CSV, and Databento's CSV. Pure.

All have a header. TradingView and plain files have `time,open,high,low,close` (other columns are passed over) with the
time in Unix seconds or ISO 8601 with an offset; Databento's `ohlcv-1m` has `ts_event` in nanoseconds or ISO 8601,
prices in its fixed-point encoding (units of 1e-9) or as decimals, and a symbol in each row.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from signals.clock import MINUTE
from signals.formats import quoted
from signals.symbols import normalised

PRICES = ("open", "high", "low", "close")
FIXED_POINT = 9  # decimals of Databento's whole numbers
LARGEST = 12  # digits before the point; the columns hold no more
PLACES = 18
WIDE = Context(prec=40)  # digits, of which a price that the columns hold has up to 30
MAX_SYMBOL = 32
YEARS = range(2000, 2100)


class Remedy(StrEnum):
    """What makes a file readable after all, as the command's options say it, behind the problem."""

    SYMBOL = ": say it, as --symbol MNQ1!"
    OPENS = "; import it with --times open"
    CLOSES = "; import it with --times close"


class NotBarsError(ValueError):
    """The file as a whole is no file of price bars; the message says what it lacks."""

    def __init__(self, problem: str, remedy: Remedy | None = None) -> None:
        super().__init__(f"{problem}{remedy or ''}")
        self.problem, self.remedy = problem, remedy


class BadRowError(ValueError):
    """A row that says no bar at all; the message is the reason, the same for all rows with this fault."""


class FileBar(NamedTuple):
    """One row. `time` is the bar's open, UTC; `symbol` is "" where the file does not say; prices in points."""

    symbol: str
    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    evidence: str


def read_bars(lines: Iterable[str], *, closes: bool = False) -> Iterator[FileBar | BadRowError]:
    """The rows' bars in their order, or why a row is none. `closes` says that the file's times are bars' closes.

    Raises NotBarsError before the first row when the header is not one of those, and where the file is no CSV.
    """
    rows = rows_of(lines)
    header = [name.strip().lower().lstrip("\ufeff") for name in next(rows, [])]
    clock = next((name for name in ("ts_event", "time", "timestamp", "date") if name in header), None)
    missing = [name for name in PRICES if name not in header]
    if clock is None or missing:
        raise NotBarsError(
            f"its first line names no {', '.join(([] if clock else ['time']) + missing)}: "
            "a file of price bars has time,open,high,low,close (or Databento's ts_event)"
        )
    places = {name: header.index(name) for name in (clock, *PRICES)}
    symbol = header.index("symbol") if "symbol" in header else None
    later = MINUTE if closes else timedelta()
    for row in rows:
        if not any(row):
            continue
        try:
            time = moment(row[places[clock]]) - later
            opened, high, low, close = (price(row[places[name]], fixed=clock == "ts_event") for name in PRICES)
            named = symbol_in(row[symbol]) if symbol is not None else ""
        except (BadRowError, IndexError) as error:
            yield error if isinstance(error, BadRowError) else BadRowError("a row with too few columns")
            continue
        yield FileBar(named, time, opened, high, low, close, evidence_of(time, (opened, high, low, close)))


def rows_of(lines: Iterable[str]) -> Iterator[list[str]]:
    rows = csv.reader(lines)
    try:
        yield from rows
    except csv.Error as error:
        raise NotBarsError(f"its line {rows.line_num} is no CSV ({error})") from error


def evidence_of(time: datetime, prices: Iterable[Decimal]) -> str:
    """Names what a row says, however it is written, so that the same bar of two files is the same evidence."""
    said = f"{time.isoformat()} {' '.join(format(price.normalize(), 'f') for price in prices)}"
    return f"{blake2b(said.encode(), digest_size=16).hexdigest()}:0"


def symbol_in(text: str) -> str:
    named = normalised(text)
    if len(named) > MAX_SYMBOL or not named.isprintable():
        raise BadRowError("a symbol that is none")
    return named


def moment(text: str) -> datetime:
    """Unix seconds, milliseconds or nanoseconds, or ISO 8601 with an offset; a time without a zone is no time."""
    text = text.strip()
    try:
        if text.isdigit():
            digits = {9: 0, 10: 0, 13: 3, 19: 9}.get(len(text))
            if digits is None:
                raise BadRowError("a time that is neither seconds, milliseconds nor nanoseconds")
            found = datetime.fromtimestamp(int(text) // 10**digits, UTC)
        else:
            found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        if isinstance(error, BadRowError):
            raise
        raise BadRowError(f"a time that cannot be read, as {quoted(text)}") from None
    if found.tzinfo is None:
        raise BadRowError("a time without a zone: export it in UTC, or with its offset")
    if found.year not in YEARS:
        raise BadRowError("a time out of this century")
    return found.astimezone(UTC)


def too_much_of(price: Decimal, digits: int = 0) -> str:
    """Why the columns cannot hold a price, or one of which so many digits are decimals; "" where they can.

    By its digits: calculating with a number whose exponent is absurd would overflow.
    """
    if price and price.adjusted() >= LARGEST + digits:
        return "a price that is too large"
    held = price.quantize(Decimal(1).scaleb(digits - PLACES), context=WIDE)
    return "" if price == held else f"a price with more than {PLACES} decimals"


def price(text: str, *, fixed: bool) -> Decimal:
    """A price in points. `fixed`: whole numbers are in Databento's fixed-point encoding."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        raise BadRowError("a price that is no number") from None
    if not found.is_finite():
        raise BadRowError("a price that is no number")
    digits = FIXED_POINT if fixed and "." not in text else 0
    if problem := too_much_of(found, digits):
        raise BadRowError(problem)
    return found.scaleb(-digits, context=WIDE)
