"""That a feed could not be asked, or broke off, is never taken for its answer that there is nothing."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.bars.reading import FileBar
from signals.clock import MINUTE
from signals.feeds import asking, errors
from signals.feeds.asking import Need, take_turn
from signals.feeds.base import Feed, FeedBar, Page
from signals.feeds.crypto import Crypto
from signals.feeds.databento import Databento
from signals.feeds.errors import FeedError
from signals.feeds.line import Answer
from signals.feeds.massive import Massive
from signals.feeds.windows import Span, to_ask
from signals.market import market
from signals.models import FeedState, FeedUse, FeedWindow, PriceBar

from .server import START

END = START + 60 * MINUTE
LATER = START + timedelta(days=2)
FAILURES = (
    errors.UnreachableError, errors.TooManyError, errors.DeniedError, errors.NotIncludedError,
    errors.UnknownSymbolError, errors.OutOfTimeError, ZeroDivisionError,
)  # fmt: skip
numbers = count()


class Said:
    """A line on which one answer comes, whatever is asked."""

    key = "k"
    remaining = 60.0

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.answer = Answer(status, {}, body)

    def ask(self, *_: Any, **__: Any) -> Answer:
        return self.answer

    def wait(self) -> None:
        pass


NO_ANSWERS = (
    b"", b"null", b"[]", b"{}", b'"ok"', b'{"status":"ERROR"}', b'{"error":"busy"}', b'{"message":"try again"}',
    b'{"status":"OK","resultsCount":5}', b'{"status":"OK","resultsCount":5,"results":[]}', b'{"results":{}}',
    b'{"results":"x"}', b'{"status":"OK","results":[{}]}', b'{"status":"OK","results":[null]}',
    b'{"status":"OK","results":[', b"<html>", b"\xff\xfe", b'{"status":[]}', b'{"results":1,"resultsCount":1}',
)  # fmt: skip


@pytest.mark.parametrize("body", NO_ANSWERS)
@pytest.mark.parametrize("symbol", ["MNQZ5", "AAPL"])
def test_massive_says_that_there_is_nothing_only_where_it_says_so(body: bytes, symbol: str) -> None:
    with pytest.raises(FeedError):
        list(Massive(Said(body)).bars(symbol, START, END))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body", [b'{"status":"OK"}', b'{"status":"OK","resultsCount":0,"results":[]}', b'{"results":[]}']
)
def test_massive_says_so(body: bytes) -> None:
    assert list(Massive(Said(body)).bars("AAPL", START, END)) == [Page([], END)]  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [body for body in NO_ANSWERS if body])
def test_databento_says_that_there_is_nothing_by_an_empty_body_alone(body: bytes) -> None:
    with pytest.raises(FeedError):
        list(Databento(Said(body)).bars("MNQZ5", START, END))  # type: ignore[arg-type]


@given(st.binary(max_size=200), st.integers(0, 200))
def test_half_of_a_csv_is_no_answer(noise: bytes, cut: int) -> None:
    """Whatever is behind its rows, it is all bars, or an error."""
    header, row = (
        b"ts_event,open,high,low,close\n",
        b"1764633900000000000,1000000000,1000000000,1000000000,1000000000\n",
    )
    body = (header + row)[: len(header) + cut] + noise
    try:
        [page] = Databento(Said(body)).bars("MNQZ5", START, END)  # type: ignore[arg-type]
    except FeedError:
        return
    lines = [line for line in body.decode(errors="replace").splitlines()[1:] if line.strip(", \t")]
    assert not any(isinstance(bar, FileBar) for bar in page.bars)
    assert len(page.bars) <= len(lines)


def test_an_exchange_that_tells_only_of_earlier_times_has_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    old = FeedBar(START - timedelta(hours=1), *[Decimal(1)] * 4)
    monkeypatch.setattr(Crypto, "exchange", lambda *_: None)
    monkeypatch.setattr(Crypto, "page", lambda *_: [old])
    with pytest.raises(FeedError, match="only of times up to"):
        list(Crypto(Said(b"")).bars("kraken:BTC/USD", START, END))  # type: ignore[arg-type]


@st.composite
def broken_off(draw: st.DrawFn) -> tuple[list[tuple[int, bool]], type[Exception] | None]:
    """Pages, as the minute up to which each tells and whether it has bars; then what ends them early, if anything."""
    ends = draw(st.lists(st.integers(1, 59), max_size=3, unique=True).map(sorted))
    failure = draw(st.sampled_from([None, *FAILURES]))
    return [(end, draw(st.booleans())) for end in [*ends, *([60] if failure is None else [])]], failure


@pytest.mark.django_db
@given(broken_off())
def test_what_no_page_told_of_is_asked_again_and_is_never_nothing(
    answer: tuple[list[tuple[int, bool]], type[Exception] | None],
) -> None:
    pages, failure = answer

    class Scripted(Feed):
        about = Massive.about

        @classmethod
        def fault(cls, symbol: str) -> str:
            return ""

        def bars(self, symbol: str, start: datetime, end: datetime) -> Iterator[Page]:
            at = 0
            for upto, full in pages:
                bars = [FeedBar(START + minute * MINUTE, *[Decimal(100)] * 4) for minute in range(at, upto)]
                yield Page(bars if full else [], START + upto * MINUTE)
                at = upto
            if failure is not None:
                raise failure("no")

    use = FeedUse.objects.create(symbol=f"S{next(numbers)}", feed="massive", feed_symbol="MNQZ5")
    FeedState.objects.all().delete()
    need = Need(use, [Span(START, END)], market(), Decimal("0.25"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "feeds", lambda: {"massive": Scripted})
        take_turn("massive", [need], now=LATER, seconds=60, line=a_line)

    told = START + max([0, *(upto for upto, _ in pages)]) * MINUTE
    windows = list(FeedWindow.objects.filter(use=use))
    for each in windows:
        assert each.upto <= told
        assert each.answer != FeedWindow.Answer.NOTHING or failure is None
    assert PriceBar.objects.filter(symbol=use.symbol).count() == sum(window.bars for window in windows)
    if failure is not None and told < END:
        known = asking.known_of(use)
        again = to_ask([Span(START, END)], known, Scripted.about, LATER + timedelta(days=2))
        assert any(each.span.start <= told and each.span.end == END for each in again)


def a_line(**_: Any) -> Any:
    return SimpleNamespace(requests=1, left=None, last=0.0, until=60.0, seconds=60.0)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["status", "results", "resultsCount", "next_url", "t", "o", "h", "l", "c", "error"]),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_bars_nothing_or_an_error(told: Any) -> None:
    try:
        pages = list(Massive(Said(json.dumps(told).encode())).bars("AAPL", START, END))  # type: ignore[arg-type]
    except FeedError:
        return
    assert isinstance(told, dict)
    assert told.get("status") in ("OK", "DELAYED") or isinstance(told.get("results"), list)
    assert len(pages) == 1
