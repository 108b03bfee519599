"""From a gap to its bars: what trades lack is asked of their source's feed, once, and the next cycle fills the gap."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciliation.cycle import worker
from reconciliation.feeding import step as feeding
from reconciliation.feeding.needs import needs_of
from signals.clock import MINUTE
from signals.feeds.massive import Massive
from signals.feeds.windows import Span
from signals.models import FeedUse, FeedWindow, Source
from signals.receiving.senders import default_source
from tests.builders import at, created, entry, exit_stop, send, the_signal
from tests.reconciliation.cycles import bars, cycle
from tests.signals.feeds.server import KEY, Row, Vendor, selling

pytestmark = pytest.mark.django_db
LATER = at(0) + timedelta(days=2)


@pytest.fixture(autouse=True)
def source() -> Source:
    source = default_source()
    source.feed, source.feed_symbol = "massive", "MNQZ5"
    source.save()
    return source


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Vendor]:
    settings.MASSIVE_API_KEY, settings.FEED_RATES = KEY, "massive=6000"
    with selling() as vendor:
        monkeypatch.setattr(Massive, "address", vendor.url)
        yield vendor


def market_at(minutes: range) -> list[Row]:
    return [(at(minute), 25_740.0, 25_745.0, 25_738.0, 25_740.0) for minute in minutes]


def trade() -> None:
    """ENTRY at 25,740 with a risk of 10 points; nothing more until the stop, which tells no excursions."""
    bare = {"final_be_mfe": None, "final_no_be_mfe": None, "mae_global_r": None}
    stop = {name: value for name, value in exit_stop().items() if name not in bare}
    send([(created(), at(1)), (entry(), at(5)), (stop, at(40))])
    cycle(60)


def test_the_life_of_a_trade_with_a_gap_is_needed_where_no_whole_bar_is(source: Source) -> None:
    trade()
    bars(dict.fromkeys(range(20, 30), 25740))
    [need] = needs_of([source], LATER)["massive"]
    assert need.holes == [Span(at(-30), at(20)), Span(at(30), at(70))]


def test_bars_of_the_feed_close_the_gap_and_are_asked_for_once(vendor: Vendor) -> None:
    trade()
    assert the_signal().mae is None
    vendor.rows = market_at(range(-60, 120))
    assert feeding.step(LATER).startswith("massive: 1 requests, ")
    cycle(61)
    assert float(the_signal().mae) == -0.2
    assert feeding.step(LATER + MINUTE) == "nothing to ask"
    assert len(vendor.asked) == 1


def test_a_feed_without_a_key_is_not_asked(vendor: Vendor, settings: Any) -> None:
    settings.MASSIVE_API_KEY = ""
    trade()
    assert feeding.step(LATER) == "nothing to ask"
    assert not FeedWindow.objects.exists()


def test_without_a_gap_nothing_is_asked(vendor: Vendor) -> None:
    assert feeding.step(LATER) == "nothing to ask"
    assert vendor.asked == []


def test_a_feed_that_disagreed_is_not_asked(source: Source) -> None:
    trade()
    FeedUse.objects.create(symbol="MNQ1!", feed="massive", feed_symbol="MNQZ5", stopped_at=LATER)
    assert needs_of([source], LATER) == {}


def test_the_worker_asks_beside_its_cycles_where_a_source_has_a_feed(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[str] = []
    monkeypatch.setattr(worker, "async_task", lambda task, **_: queued.append(task))
    worker.tick()
    assert queued == [f"{feeding.task.__module__}.{feeding.task.__name__}", worker.NOTIFYING]
    Source.objects.update(feed="")
    worker.tick()
    assert queued[2:] == [worker.NOTIFYING]
