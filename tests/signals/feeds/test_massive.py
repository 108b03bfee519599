"""Massive by HTTP: its two forms of bars, pages, and every way in which it cannot be asked."""

from decimal import Decimal

import pytest

from signals.clock import MINUTE
from signals.feeds.base import FeedBar
from signals.feeds.errors import (
    DeniedError,
    FeedError,
    NotIncludedError,
    OutOfTimeError,
    TooManyError,
    UnknownSymbolError,
    UnreachableError,
)
from signals.feeds.line import Line
from signals.feeds.massive import Massive

from .server import KEY, START, Clock, Vendor, calm

END = START + 60 * MINUTE


def bars(line: Line, symbol: str = "MNQZ5") -> list[FeedBar]:
    return [bar for page in Massive(line).bars(symbol, START, END) for bar in page.bars]


@pytest.mark.parametrize("symbol", ["MNQZ5", "X:BTCUSD"])
def test_bars_come_in_order_page_by_page(vendor: Vendor, line: Line, symbol: str) -> None:
    vendor.rows, vendor.page = calm(range(-5, 70)), 25
    pages = list(Massive(line).bars(symbol, START, END))
    found = [bar for page in pages for bar in page.bars]
    assert [bar.time for bar in found] == [START + minute * MINUTE for minute in range(60)]
    assert found[1] == FeedBar(START + MINUTE, *map(Decimal, ("25701", "25702", "25700", "25701")))
    assert [page.upto for page in pages] == [START + 25 * MINUTE, START + 50 * MINUTE, END]


def test_a_price_keeps_the_digits_that_it_is_written_with(vendor: Vendor, line: Line) -> None:
    vendor.body = b'{"results": [{"t": %d, "o": 0.1, "h": 0.3, "l": 0.1, "c": 0.30000000001}]}' % (
        START.timestamp() * 1000
    )
    assert bars(line, "AAPL")[0].close == Decimal("0.30000000001")


def test_nothing_is_an_answer(vendor: Vendor, line: Line) -> None:
    [page] = Massive(line).bars("MNQZ5", START, END)
    assert (page.bars, page.upto) == ([], END)


def test_a_passing_failure_is_asked_again_after_a_pause(vendor: Vendor, line: Line, clock: Clock) -> None:
    vendor.rows, vendor.failures = calm(range(60)), [(500, {}), (429, {"Retry-After": "7"})]
    assert len(bars(line)) == 60
    assert clock.slept[0] == 1.0
    assert 7.0 in clock.slept


def test_requests_are_paced(vendor: Vendor, clock: Clock) -> None:
    vendor.rows, vendor.page = calm(range(60)), 20
    line = Line(key=KEY, per_minute=5, seconds=60.0, since=2.0, clock=clock, sleep=clock.sleep)
    assert len(bars(line)) == 60
    assert clock.slept == [10.0, 12.0, 12.0]
    assert (line.requests, line.left) == (3, 3)


def test_a_turn_ends_by_its_own_deadline_and_keeps_the_pages_before(vendor: Vendor, clock: Clock) -> None:
    vendor.rows, vendor.page = calm(range(60)), 20
    line = Line(key=KEY, per_minute=5, seconds=20.0, clock=clock, sleep=clock.sleep)
    pages = Massive(line).bars("MNQZ5", START, END)
    assert len(next(pages).bars) + len(next(pages).bars) == 40
    with pytest.raises(OutOfTimeError):
        next(pages)


def test_an_answer_that_never_comes_or_never_ends_is_given_up(
    vendor: Vendor, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signals.feeds.line.LONGEST", 0.2)
    vendor.silent = True
    with pytest.raises(UnreachableError, match="did not answer in time"):
        bars(line)
    vendor.silent, vendor.drip = False, True
    with pytest.raises(UnreachableError, match="did not answer in time"):
        bars(line)
    assert line.requests == 6  # of which a busy machine's vendor may not have heard


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (401, DeniedError, 1),
        (403, NotIncludedError, 1),
        (404, UnknownSymbolError, 1),
        (400, NotIncludedError, 1),
        (302, NotIncludedError, 1),
        (429, TooManyError, 3),
        (503, UnreachableError, 3),
    ],
)
def test_what_it_refuses_with_says_what_to_do(
    vendor: Vendor, line: Line, status: int, kind: type[FeedError], requests: int
) -> None:
    vendor.failures = [(status, {})] * 3
    with pytest.raises(kind) as caught:
        bars(line)
    assert len(vendor.asked) == requests
    assert KEY not in str(caught.value)
    assert vendor.url not in str(caught.value)


def test_a_wrong_key_is_told(vendor: Vendor, line: Line) -> None:
    line.key = "another"
    with pytest.raises(DeniedError, match="does not take the key"):
        bars(line)


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b'{"status": "ERROR"}', b'{"results": [{"window_start": 1}]}', b'{"results": [7]}',
     b'{"results": [{"window_start": 1, "open": NaN, "high": 1, "low": 1, "close": 1}]}'],
)  # fmt: skip
def test_nonsense_is_no_answer(vendor: Vendor, line: Line, body: bytes) -> None:
    vendor.body = body
    with pytest.raises(UnreachableError):
        bars(line)


def test_the_key_goes_to_no_other_address(vendor: Vendor, line: Line) -> None:
    vendor.body = b'{"results": [], "next_url": "http://127.0.0.1:1/elsewhere"}'
    with pytest.raises(UnreachableError, match="elsewhere"):
        bars(line)


def test_symbols_that_cannot_be_are_told_without_asking() -> None:
    assert [Massive.fault(symbol) for symbol in ("MNQZ5", "X:BTCUSD", "BRK.B")] == ["", "", ""]
    assert all(Massive.fault(symbol) for symbol in ("MNQ1!", "../v3", "", "mnq z5"))
