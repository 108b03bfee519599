"""For each switch of what fills gaps, or asks others: nothing is written while it is off, and something while on."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from reconciliation import asking
from reconciliation.feeding import step as feeding
from reconciliation.gaps import CATALOGUE
from reconciliation.models import AskedGap, Companion, GapRecord, SyncRequest
from reconciliation.tiers.calculation import methods
from reconciliation.tiers.table import PROPOSE
from signals.feeds import asking as feeds
from signals.feeds.errors import UnreachableError
from signals.feeds.registry import unusable
from signals.models import FeedState, FeedUse, FeedWindow, Fill, Source
from signals.receiving import timeserver
from signals.receiving.senders import default_source
from signals.tiers import ASKING
from signalsync_project.variables import VARIABLES
from tests.builders import at, break_even, created, entry, exit_stop, payload, send, update
from tests.reconciliation.cycles import OPPOSITE_ID, bars, cycle

from .switching import of

pytestmark = pytest.mark.django_db


# What fills


DAMAGED = [
    (created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00", htf_alignment=None), at(11)),
    (payload("MFE_UPDATE", "20251211_091500000_BULLISH", be_mfe=0.2, no_be_mfe=0.2), at(-20)),
    (created("20251211_093000000_BULLISH", signal_time="09:30:00"), at(-9)),
    (break_even(), at(6)),
    (exit_stop(), at(30)),
    (exit_stop("20251211_100000000_BULLISH"), at(35)),
    (update(0.4, entry_price=25740, stop_loss=25730), at(7)),
]


def damage() -> Source:
    """Signals that every tier, and every method of tier 2, can say something of."""
    send(DAMAGED)
    bars({minute: 25740 + minute % 12 for minute in range(-30, 40)})
    return default_source()


@of("Source.tiers_off")
@pytest.mark.parametrize("tier", PROPOSE)
def test_a_tier_that_is_off_fills_nothing_whoever_asks(tier: str) -> None:
    source = damage()
    source.tiers_off = [tier]
    source.save()
    cycle(40)
    cycle(41, trigger="schedule")
    cycle(42, tiers=[tier])
    assert not Fill.objects.filter(tier=tier).exists()
    source.tiers_off = []
    source.save()
    cycle(43)
    assert Fill.objects.filter(tier=tier).exists()


@of("Source.tiers_off")
def test_tier_1_that_is_off_asks_nothing() -> None:
    source = damage()
    source.tiers_off = [ASKING.key, *PROPOSE]
    source.save()
    cycle(40)
    asking.step(now=at(41), as_of=at(41), by_hand=True)
    assert not SyncRequest.objects.exists()
    source.tiers_off = [*PROPOSE]
    source.save()
    cycle(42)
    assert AskedGap.objects.exists()


@of(*(f"methods.{name}" for name in methods.METHODS))
@pytest.mark.parametrize("method", methods.METHODS)
def test_a_method_that_is_off_fills_nothing(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on, and what only it can say is not said."""
    readers = {
        "prices": "from_prices", "reports": "ladder_of_reports", "bars": "from_bars", "replay": "from_replay",
        "closes": "from_closes", "neighbours": "from_neighbours",
    }  # fmt: skip
    asked: list[str] = []
    real = getattr(methods, readers[method])

    def noted(*args: Any) -> Any:
        asked.append(method)
        return real(*args)

    monkeypatch.setattr(methods, readers[method], noted)
    source = damage()
    monkeypatch.setattr(methods, "METHODS", {**methods.METHODS, method: False})
    cycle(40)
    assert asked == []
    monkeypatch.undo()
    monkeypatch.setattr(methods, readers[method], noted)
    source.gaps_off = ["no_session"]
    source.save()
    cycle(41)
    assert asked


@of("Source.gaps_off")
@pytest.mark.parametrize("gap", CATALOGUE)
def test_a_gap_that_is_off_is_neither_recorded_nor_asked_about(gap: str) -> None:
    source = damage()
    send([(payload("MFE_UPDATE", "no-bar-in-it", be_mfe=0.1, no_be_mfe=0.1), at(1))])
    source.tiers_off = [*PROPOSE]
    source.gaps_off = [gap]
    source.save()
    cycle(60)
    assert GapRecord.objects.exists()
    assert not GapRecord.objects.filter(gap=gap).exists()
    assert not AskedGap.objects.filter(gap=gap).exists()
    source.gaps_off = []
    source.save()
    cycle(61)
    assert GapRecord.objects.filter(gap=gap).exists()


# What asks


def feed_rows() -> int:
    return sum(model.objects.count() for model in (FeedState, FeedUse, FeedWindow))


@pytest.fixture
def fed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source whose feed is asked in vain, and trades that lack bars."""

    class Silent:
        requests, left, last, until, seconds = 0, None, 0.0, 0.0, 0.0

        def __init__(self, **_: Any) -> None:
            pass

        def ask(self, *_: Any, **__: Any) -> Any:
            raise UnreachableError("did not answer")

    monkeypatch.setattr(feeding, "take_turn", lambda *args, **more: feeds.take_turn(*args, **more, line=Silent))
    settings.MASSIVE_API_KEY = settings.DATABENTO_API_KEY = "a-key"
    send([(created(), at(1)), (entry(), at(5)), (exit_stop(), at(30))])
    source = default_source()
    source.feed, source.feed_symbol = "massive", "MNQZ5"
    source.tiers_off = [*PROPOSE]
    source.save()
    cycle(60)
    return source


LATER = at(0) + timedelta(days=2)


@of("Source.feed")
def test_without_a_feed_nothing_is_asked(fed: Source) -> None:
    fed.feed = ""
    fed.save()
    feeding.step(LATER)
    assert feed_rows() == 0
    fed.feed = "massive"
    fed.save()
    feeding.step(LATER)
    assert feed_rows() > 0


@of("MASSIVE_API_KEY", "DATABENTO_API_KEY")
@pytest.mark.parametrize("feed", ["massive", "databento"])
def test_a_feed_without_its_key_is_not_asked(feed: str, fed: Source, settings: Any) -> None:
    fed.feed = feed
    fed.save()
    setattr(settings, f"{feed.upper()}_API_KEY", VARIABLES[f"{feed.upper()}_API_KEY"].off)
    assert unusable(feed)
    feeding.step(LATER)
    assert feed_rows() == 0
    setattr(settings, f"{feed.upper()}_API_KEY", "a-key")
    feeding.step(LATER)
    assert feed_rows() > 0


@of("Companion.enabled")
def test_a_companion_that_is_off_is_posted_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[Any] = []
    monkeypatch.setattr(
        "reconciliation.asking.delivery.post_all",
        lambda letters, now: posted.extend(letters) or [SimpleNamespace(error="no", refused=False)] * len(letters),
    )
    source = damage()
    source.tiers_off = [*PROPOSE]
    source.save()
    companion = Companion.objects.create(
        source=source, url="https://companion.example", secret="s" * 40, enabled=False, created_at=timezone.now()
    )
    cycle(40)
    before = list(SyncRequest.objects.values())
    asking.step(now=timezone.now(), as_of=at(41), by_hand=False)
    assert before
    assert (posted, list(SyncRequest.objects.values())) == ([], before)
    Companion.objects.filter(pk=companion.pk).update(enabled=True)
    asking.step(now=timezone.now(), as_of=at(41), by_hand=False)
    assert posted


@of("TIME_SERVER")
def test_without_a_time_server_nobody_is_asked_what_the_time_is(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Any] = []
    monkeypatch.setattr(timeserver, "note", lambda *told: noted.append(told))
    monkeypatch.setattr(timeserver, "ahead_of", lambda server: timedelta(0))
    monkeypatch.setattr(timeserver, "asked_lately", lambda now: False)
    settings.TIME_SERVER = VARIABLES["TIME_SERVER"].off
    timeserver.ask_if_due(timezone.now())
    assert noted == []
    settings.TIME_SERVER = "time.example"
    timeserver.ask_if_due(timezone.now())
    assert len(noted) == 1
