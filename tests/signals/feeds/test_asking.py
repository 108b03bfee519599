"""A turn of asking: what comes is judged and stored once, and each kind of answer is remembered as what it is."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from signals.bars.storing import Bar, store_bars
from signals.clock import MINUTE
from signals.feeds import asking
from signals.feeds.asking import Need, Turn, take_turn
from signals.feeds.windows import Span
from signals.market import market
from signals.models import FeedState, FeedUse, FeedWindow, PriceBar, RefusedBar

from .server import KEY, START, Vendor, calm

pytestmark = pytest.mark.django_db
LATER = START + timedelta(days=2)
Ask = Callable[..., Turn | None]


@pytest.fixture
def ask(vendor: Vendor, lines: Any) -> Ask:
    """A turn that needs the hour from START on."""

    def ask(now: datetime = LATER, start: float = 0, end: float = 60, symbol: str = "MNQZ5") -> Turn | None:
        use, _ = FeedUse.objects.get_or_create(symbol="MNQ1!", feed="massive", feed_symbol=symbol)
        holes = [Span(START + start * MINUTE, START + end * MINUTE)]
        need = Need(use, holes, market(), Decimal("0.25"))
        return take_turn("massive", [need], now=now, seconds=60, line=lines)

    return ask


def window() -> tuple[str, float, int, bool]:
    """Of the one window: its answer, up to which minute it is complete, its bars, and whether it is asked again."""
    row = FeedWindow.objects.get()
    return row.answer, (row.upto - START) / MINUTE, row.bars, row.again_at is not None


def test_bars_are_stored_once_as_the_feeds(vendor: Vendor, ask: Ask) -> None:
    vendor.rows = calm(range(60))
    assert ask() == Turn(windows=1, bars=60, requests=1)
    assert {(bar.symbol, bar.kind, bar.origin) for bar in PriceBar.objects.all()} == {("MNQ1!", 2, 0)}
    assert window() == ("bars", 60, 60, False)
    assert ask(LATER + MINUTE) is None
    assert len(vendor.asked) == 1


def test_that_there_is_nothing_is_an_answer_and_not_asked_again(vendor: Vendor, ask: Ask) -> None:
    ask()
    assert window() == ("nothing", 60, 0, False)
    assert ask(LATER + timedelta(days=1)) is None


def test_that_it_could_not_be_asked_is_no_answer_and_the_feed_is_left_alone_for_a_while(
    vendor: Vendor, ask: Ask
) -> None:
    vendor.rows, vendor.failures = calm(range(60)), [(503, {})] * 3
    turn = ask()
    assert turn is not None
    assert turn.error == "fails (status 503)"
    assert window() == ("failed", 0, 0, True)
    assert FeedState.objects.get().error == "fails (status 503)"
    assert ask(LATER + MINUTE) is None
    ask(LATER + 2 * MINUTE)
    assert window() == ("bars", 60, 60, False)
    assert FeedState.objects.get().error == ""


def test_pages_before_a_failure_are_kept_and_only_the_rest_is_asked_again(vendor: Vendor, ask: Ask, lines: Any) -> None:
    vendor.rows, vendor.page = calm(range(60)), 25
    ask_first = vendor.massive

    def second_page_fails(path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        return {"status": "ERROR"} if "cursor" in query else ask_first(path, query)

    vendor.massive = second_page_fails
    ask()
    assert window() == ("failed", 25, 25, True)
    vendor.massive = ask_first
    ask(LATER + timedelta(hours=3))
    assert window() == ("bars", 60, 60, False)
    assert PriceBar.objects.count() == 60


def test_a_wrong_key_is_told_and_tried_again_in_an_hour(vendor: Vendor, ask: Ask, settings: Any) -> None:
    settings.MASSIVE_API_KEY = "wrong"
    ask()
    state = FeedState.objects.get()
    assert (state.error, state.next_at) == ("does not take the key (status 401)", LATER + timedelta(hours=1))
    settings.MASSIVE_API_KEY = KEY
    assert ask(LATER + timedelta(hours=1)) is not None


def test_a_symbol_that_it_does_not_know_concerns_that_symbol_only(vendor: Vendor, ask: Ask) -> None:
    vendor.failures = [(404, {})]
    ask()
    assert FeedState.objects.get().error == ""
    assert FeedUse.objects.get().error == "knows no such symbol (status 404)"
    assert ask(LATER + 5 * MINUTE) is None


def test_of_today_the_answer_is_complete_up_to_its_last_bar(vendor: Vendor, ask: Ask) -> None:
    vendor.rows = calm(range(40))
    ask(START + 100 * MINUTE)
    assert window() == ("bars", 40, 40, True)
    vendor.rows = calm(range(60))
    ask(START + 116 * MINUTE)
    assert window() == ("bars", 60, 60, False)
    assert PriceBar.objects.count() == 60


def test_an_unfinished_bar_is_never_taken(vendor: Vendor, ask: Ask) -> None:
    vendor.rows = calm(range(120))
    ask(START + 50 * MINUTE + timedelta(seconds=59))
    latest = PriceBar.objects.latest("time").time
    assert latest == START + 33 * MINUTE  # final 16 minutes after its close


def test_dirty_bars_are_refused_with_the_reason(vendor: Vendor, ask: Ask) -> None:
    vendor.rows = [*calm(range(30)), *calm(range(30, 31), level=25_930), *calm(range(31, 60))]
    ask()
    assert PriceBar.objects.count() == 59
    assert RefusedBar.objects.get().reason == "a jump that no neighbour confirms"


def test_a_jump_at_the_very_end_waits_for_the_bars_after_it(vendor: Vendor, ask: Ask) -> None:
    """And then these go on from what was stored before, however few there are."""
    vendor.rows = [*calm(range(50)), *calm(range(50, 120), level=25_930)]
    ask(START + 76 * MINUTE, end=60)
    assert PriceBar.objects.count() == 50
    assert not RefusedBar.objects.exists()
    ask(START + 140 * MINUTE, end=120)
    assert PriceBar.objects.count() == 120


def test_the_indicators_own_bar_and_a_files_stay(vendor: Vendor, ask: Ask) -> None:
    vendor.rows = calm(range(60))
    own = Bar("MNQ1!", START, PriceBar.Kind.BAR, 25_700, 25_700, 25_700, 25_700, "0:0")
    store_bars([own, own._replace(time=START + MINUTE, origin=PriceBar.Origin.FILE)])
    ask()
    assert list(PriceBar.objects.order_by("time").values_list("origin", flat=True)[:3]) == [2, 1, 0]


def test_of_two_turns_at_once_one_asks(vendor: Vendor, ask: Ask) -> None:
    FeedState.objects.create(feed="massive", busy_until=LATER + MINUTE, next_at=LATER)
    assert ask() is None
    assert ask(LATER + MINUTE) is not None


def test_an_adapter_that_fails_is_a_feed_that_could_not_be_asked(
    vendor: Vendor, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking.feeds()["massive"], "bars", lambda *_: 1 / 0)
    turn = ask()
    assert turn is not None
    assert turn.error == "its adapter failed (ZeroDivisionError)"
    assert window()[0] == "failed"


def test_requests_are_counted_by_the_day(vendor: Vendor, ask: Ask) -> None:
    ask(LATER)
    ask(LATER + MINUTE, start=120, end=180)
    state = FeedState.objects.get()
    assert (state.requests, state.requests_left) == (2, 3)
    ask(LATER + timedelta(days=1), start=240, end=300)
    assert FeedState.objects.get().requests == 1
