"""Databento by HTTP: its CSV, how far a key may look, and what it refuses."""

from decimal import Decimal

import pytest

from signals.clock import MINUTE
from signals.feeds.base import FeedBar, Page
from signals.feeds.databento import Databento
from signals.feeds.errors import NotIncludedError, UnknownSymbolError, UnreachableError
from signals.feeds.line import Line

from .server import START, Vendor, calm

END = START + 60 * MINUTE


def pages(line: Line, symbol: str = "MNQ.v.0") -> list[Page]:
    return list(Databento(line).bars(symbol, START, END))


def test_bars_come_in_one_answer_with_their_digits(vendor: Vendor, line: Line) -> None:
    vendor.rows = calm(range(-5, 70), level=25_700.25)
    [page] = pages(line)
    assert [bar.time for bar in page.bars] == [START + minute * MINUTE for minute in range(60)]
    assert page.bars[0] == FeedBar(START, *map(Decimal, ("25700.25", "25701.25", "25699.25", "25700.25")))
    assert page.upto == END


def test_only_what_the_key_may_see_is_asked_for_and_said_to_be_complete(vendor: Vendor, line: Line) -> None:
    vendor.rows, vendor.upto = calm(range(60)), START + 40 * MINUTE
    [page] = pages(line)
    assert (len(page.bars), page.upto) == (40, START + 40 * MINUTE)


def test_a_time_that_is_not_there_yet_has_no_answer(vendor: Vendor, line: Line) -> None:
    vendor.upto = START
    assert pages(line) == []


def test_nothing_is_an_answer(vendor: Vendor, line: Line) -> None:
    assert pages(line) == [Page([], END)]


def test_a_missing_license_names_how_far_it_may_look(vendor: Vendor, line: Line) -> None:
    says = "Not authorized. Try an end time before 2025-12-10T15:30:00.000000000Z."
    vendor.failures, vendor.body = [(403, {})], b'{"detail": {"message": "%s"}}' % says.encode()
    with pytest.raises(UnreachableError, match="no CSV of bars"):  # the second request, of half an hour, was made
        pages(line)
    assert len(vendor.asked) == 2


@pytest.mark.parametrize(
    ("status", "says", "kind"),
    [
        (422, "None of the symbols could be resolved", UnknownSymbolError),
        (422, "The schema is not available", NotIncludedError),
        (403, "Account is locked", NotIncludedError),
    ],
)
def test_what_it_refuses(vendor: Vendor, line: Line, status: int, says: str, kind: type[Exception]) -> None:
    vendor.failures, vendor.body = [(status, {})], b'{"detail": {"message": "%s"}}' % says.encode()
    with pytest.raises(kind):
        pages(line)


@pytest.mark.parametrize("body", [b"<html></html>", b"ts_event,open,high,low,close\n1,x,1,1,1"])
def test_nonsense_is_no_answer(vendor: Vendor, line: Line, body: bytes) -> None:
    vendor.body = body
    with pytest.raises(UnreachableError):
        pages(line)


def test_symbols_that_cannot_be_are_told_without_asking() -> None:
    assert [Databento.fault(symbol) for symbol in ("MNQ.v.0", "MNQZ5", "XNAS.ITCH/AAPL")] == ["", "", ""]
    assert all(Databento.fault(symbol) for symbol in ("MNQ1!", "", "A/B/C"))
