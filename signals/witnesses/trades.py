"""The Strategy Tester's list of trades, TradingView's CSV export, read into trades. Pure.

An export has two rows a trade, newest first, whose times are opens of bars by the chart's clock, without a zone.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import chain

from signals.clock import instant
from signals.formats import quoted
from signals.vocabulary import Direction

ADVICE = "Export it again: Strategy Tester, List of trades, Download."
# How the versions of the export name what is needed; prices carry the currency behind their name.
NAMES: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"trade (#|number|no\.?)"),
    "type": re.compile(r"type"),
    "time": re.compile(r"date/time|date and time|date & time|time"),
    "price": re.compile(r"price( \S+)?"),
    "signal": re.compile(r"signal"),
}
NEEDED = ("number", "type", "time", "price")
YEARS = range(1970, 2200)
_TYPE = re.compile(r"(entry|exit)\s+(long|short)", re.IGNORECASE)
_DIRECTIONS = {"long": Direction.BULLISH, "short": Direction.BEARISH}
_OPEN = "open"  # the signal of the exit of a trade that still runs: its time and price are the last bar's


class NotTradesError(ValueError):
    """The file is no list of trades; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade of the list: times are opens of bars in UTC, prices in points; without exit while it runs."""

    number: str
    direction: Direction
    entered_at: datetime
    entry_price: Decimal
    exited_at: datetime | None = None
    exit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Trades:
    """A list of trades in order of entry, and a line for each row or trade that cannot be read."""

    trades: tuple[Trade, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: an end of a trade."""

    number: str
    end: str
    direction: Direction
    at: datetime
    price: Decimal
    runs: bool


def read_trades(lines: Iterable[str], zone: str) -> Trades:
    """The trades of an export, whose times are wall clocks of `zone`. Raises NotTradesError when it is none."""
    ends: dict[str, dict[str, Row]] = {}
    faults: list[str] = []
    for line, cells in numbered(lines):
        try:
            row = row_of(cells, zone)
        except ValueError as error:
            faults.append(f"Line {line}: {error}")
            continue
        ends.setdefault(row.number, {})[row.end] = row
    trades = []
    for number, pair in ends.items():
        if "entry" in pair:
            trades.append(trade_of(pair["entry"], pair.get("exit")))
        else:
            faults.append(f"Trade {quoted(number)} has no entry.")
    return Trades(tuple(sorted(trades, key=lambda trade: (trade.entered_at, trade.number))), tuple(faults))


def numbered(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The cells that are needed of every row that is not empty, with its line's number in the file."""
    text = iter(lines)
    first = next(text, "").removeprefix("\ufeff")
    separator = max(",;\t", key=first.count)
    rows = csv.reader(chain([first], text), delimiter=separator)
    try:
        places = places_of(next(rows, []))
        for row in rows:
            if any(cell.strip() for cell in row):
                cells = {name: row[place].strip() if place < len(row) else "" for name, place in places.items()}
                yield rows.line_num, cells
    except csv.Error as error:
        raise NotTradesError(f"This is no CSV file ({error}). {ADVICE}") from error


def places_of(header: list[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, title in enumerate(header):
        for name, pattern in NAMES.items():
            if pattern.fullmatch(title.strip().lower()):
                places.setdefault(name, place)
    missing = [name for name in NEEDED if name not in places]
    if missing:
        shown = ", ".join(quoted(title) for title in header[:10]) or "none"
        raise NotTradesError(f"No column for {', '.join(missing)} in the first line ({shown}). {ADVICE}")
    return places


def row_of(cells: Mapping[str, str], zone: str) -> Row:
    kind = _TYPE.fullmatch(cells["type"])
    if kind is None:
        raise ValueError(f"the type {quoted(cells['type'])} is neither Entry nor Exit, long or short.")
    end, side = kind[1].lower(), kind[2].lower()
    runs = end == "exit" and cells.get("signal", "").lower() == _OPEN
    return Row(cells["number"], end, _DIRECTIONS[side], moment_of(cells["time"], zone), price_of(cells["price"]), runs)


def moment_of(cell: str, zone: str) -> datetime:
    try:
        stated = datetime.fromisoformat(cell)
    except ValueError:
        stated = None
    if stated is None or stated.tzinfo is not None or stated.year not in YEARS:
        raise ValueError(f"the time {quoted(cell)} is not like 2025-12-11 05:59.")
    if ":" not in cell:
        raise ValueError(f"the time {quoted(cell)} is a date without a clock, and none is guessed.")
    return instant(stated, zone)


def price_of(cell: str) -> Decimal:
    """A price, with commas between thousands or without."""
    plain = cell.replace("\u00a0", "").replace("\u202f", "").replace("\u2212", "-")
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    try:
        price = Decimal(plain)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite():
        raise ValueError(f"the price {quoted(cell)} is not a number.")
    return price


def trade_of(entry: Row, ended: Row | None) -> Trade:
    if ended is None or ended.runs:
        return Trade(entry.number, entry.direction, entry.at, entry.price)
    return Trade(entry.number, entry.direction, entry.at, entry.price, ended.at, ended.price)
