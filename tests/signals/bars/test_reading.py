"""Files of price bars: each format's times and prices, and what is refused row by row."""

import csv
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from signals.bars.reading import BadRowError, FileBar, NotBarsError, read_bars

AT = datetime(2025, 12, 2, 0, 5, tzinfo=UTC)
PRICES = (Decimal("25390.5"), Decimal("25393.5"), Decimal("25389.5"), Decimal("25391.25"))
PLAIN = "time,open,high,low,close"


def read(*lines: str, closes: bool = False) -> list[FileBar | BadRowError]:
    return list(read_bars(lines, closes=closes))


def bar(*lines: str, closes: bool = False) -> FileBar:
    [found] = read(*lines, closes=closes)
    assert isinstance(found, FileBar)
    return found


def reason(row: str) -> str:
    [found] = read(PLAIN, row)
    assert isinstance(found, BadRowError)
    return str(found)


@pytest.mark.parametrize(
    "time",
    [
        "2025-12-02T00:05:00Z", "2025-12-01T19:05:00-05:00", "2025-12-02 00:05:00+00:00",
        "1764633900", "1764633900000", "1764633900000000000",
    ],
)  # fmt: skip
def test_times_in_every_spelling(time: str) -> None:
    assert bar(PLAIN, f"{time},25390.50,25393.50,25389.50,25391.25")[1:6] == (AT, *PRICES)


def test_other_columns_of_a_chart_export_are_passed_over() -> None:
    export = "time,open,high,low,close,Volume,MA"
    assert bar(export, "1764633900,25390.5,25393.5,25389.5,25391.25,77,NaN")[1:6] == (AT, *PRICES)


def test_databento_fixed_point_and_its_symbol() -> None:
    header = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol"
    found = bar(
        header, "1764633900000000000,33,1,2,25390500000000,25393500000000,25389500000000,25391250000000,9,MNQZ5"
    )
    assert found[:6] == ("MNQZ5", AT, *PRICES)


def test_databento_with_pretty_prices_and_times() -> None:
    header = "ts_event,open,high,low,close,symbol"
    row = "2025-12-02T00:05:00.000000000Z,25390.500000000,25393.500000000,25389.500000000,25391.250000000,MNQZ5"
    assert bar(header, row)[1:6] == (AT, *PRICES)


def test_times_that_are_closes_name_the_bar_that_opened_a_minute_before() -> None:
    assert bar(PLAIN, "2025-12-02T00:06:00Z,25390.5,25393.5,25389.5,25391.25", closes=True).time == AT


def test_the_same_bar_is_the_same_evidence_however_it_is_written() -> None:
    iso = bar(PLAIN, "2025-12-02T00:05:00Z,25390.50,25393.50,25389.50,25391.250")
    unix = bar(PLAIN, "1764633900,25390.5,25393.5,25389.5,25391.25")
    other = bar(PLAIN, "1764633900,25390.5,25393.5,25389.5,25391.5")
    assert iso.evidence == unix.evidence != other.evidence


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2025-12-02T00:05:00,1,1,1,1", "without a zone"),
        ("2025-12-02,1,1,1,1", "without a zone"),
        ("yesterday,1,1,1,1", "cannot be read"),
        ("17646339,1,1,1,1", "neither seconds"),
        ("4102444800,1,1,1,1", "this century"),
        ("1764633900,1,NaN,1,1", "no number"),
        ("1764633900,1,one,1,1", "no number"),
        ("1764633900,1,9999999999999,1,1", "too large"),
        ("1764633900,1,159e9500000000,1,1", "too large"),
        ("1764633900,1,1e-9500000000,1,1", "more than 18 decimals"),
        ("1764633900,1,1", "too few columns"),
        ("1764633900,123456789012.5000000000000000001,1,1,1", "more than 18 decimals"),
    ],
)
def test_rows_that_say_no_bar(row: str, why: str) -> None:
    assert why in reason(row)


def test_a_price_may_have_all_the_digits_that_are_kept() -> None:
    """Thirty, which is more than numbers are calculated with."""
    assert bar(PLAIN, "1764633900,123456789012.5,999999999999.000000000000000001,1,1").open == Decimal("123456789012.5")


@pytest.mark.parametrize("symbol", ["MNQZ" + "9" * 30, "MNQ\x001!", "MNQ\udcff"])
def test_a_symbol_that_cannot_be_stored_is_none(symbol: str) -> None:
    found = list(read_bars([f"{PLAIN},symbol\n", f"1764633900,1,1,1,1,{symbol}\n"]))
    assert [str(each) for each in found] == ["a symbol that is none"]


def test_a_file_whose_lines_are_no_csv_is_no_file_of_bars() -> None:
    with pytest.raises(NotBarsError, match="its line 2 is no CSV"):
        list(read_bars([f"{PLAIN}\n", "1764633900,1,1,1," + "1" * (csv.field_size_limit() + 1)]))


def test_one_bad_row_costs_itself_only() -> None:
    found = read(PLAIN, "bad,1,1,1,1", "1764633900,1,1,1,1")
    assert [type(each) for each in found] == [BadRowError, FileBar]


@pytest.mark.parametrize("header", ["", "a,b", "open,high,low,close", "time,open,high,low"])
def test_a_file_of_something_else_is_refused_before_its_first_row(header: str) -> None:
    with pytest.raises(NotBarsError, match="names no"):
        read(header, "1764633900,1,1,1,1")
