"""The demo goes on by itself, and stays healthy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import time_machine
from django.test import Client

from dashboard.telling.addresses import address
from dashboard.watching.checks import CHECKS, Severity, problems
from dashboard.watching.silence import State, judge, listen
from reconciliation.cycle.run import run_sync
from reconciliation.demo.history import make_history
from reconciliation.demo.live import MOST_MANGLED, ONE_IN, TURN, Live, Sender, mangled
from reconciliation.demo.shown import MOST_DAYS, SHOWN
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.health import health
from signals.clock import MINUTE
from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, PriceBar, Quarantine, Source
from signals.parcels import Incoming
from signals.receiving.senders import default_source, hash_token, new_token, source_of_token
from signals.simulator import simulate, stream
from signals.vocabulary import Channel, EventType, Origin

pytestmark = pytest.mark.django_db

WEDNESDAY = datetime(2025, 12, 10, 15, 30, 20, tzinfo=UTC)
SATURDAY = datetime(2025, 12, 13, 15, 0, 20, tzinfo=UTC)
# Not of the demo: no worker runs here, nor is this machine's disk or configuration what is judged.
JUDGED = [check for check in CHECKS if check.find.__module__.rpartition(".")[2] in ("sources", "records", "decisions")]


@pytest.fixture(autouse=True)
def _charts_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"symbol": "", "bar_minutes": None, "calendar": ""}.items():
        monkeypatch.setitem(Source._meta.get_field(name).__dict__, "_get_default", lambda value=value: value)


class Clock:
    """The demo with its clock wound by hand: what it posts is taken in at once."""

    def __init__(self, now: datetime) -> None:
        self.now, self.live = now, Live(self.post)
        self.posted = 0

    def post(self, source: Source, body: bytes) -> None:
        self.posted += 1
        take_in(Source.objects.get(pk=source.pk), [Incoming(body, self.now)], now=self.now)

    def go_on(self, minutes: int, cycle_every: int = 2) -> None:
        for minute in range(minutes):
            self.now += MINUTE
            self.live.turn(self.now)
            if minute % cycle_every == cycle_every - 1:
                run_sync(now=self.now, trigger="schedule")


@pytest.fixture
def demo(request: pytest.FixtureRequest) -> Clock:
    now: datetime = request.param
    new_token(default_source())
    make_history(now)
    return Clock(now)


@pytest.mark.slow
@pytest.mark.parametrize("demo", [WEDNESDAY, SATURDAY], indirect=True, ids=["market open", "weekend"])
def test_after_an_hour_it_is_healthy_and_nothing_is_red(demo: Clock) -> None:
    before = AutomatedSignal.objects.count()
    demo.go_on(60, cycle_every=6)
    score = health(GapView.at(demo.now)).score
    assert score is not None
    assert score >= 90
    assert [problem.says for problem in problems(JUDGED, demo.now) if problem.severity == Severity.BAD] == []
    assert AutomatedSignal.objects.count() > before + 3
    assert Quarantine.objects.filter(state=Quarantine.State.OPEN).count() <= 2 * MOST_MANGLED


@pytest.mark.slow
@pytest.mark.parametrize("demo", [WEDNESDAY], indirect=True)
def test_its_first_cycle_finds_signals_whose_alerts_were_all_lost_and_shows_their_candles(
    demo: Clock, admin_client: Client
) -> None:
    coin = Source.objects.get(name="demo-coin")
    [scenario] = SHOWN[1].scenarios(coin.created_at)
    silent = [name for name, truth in simulate(replace(scenario, end=demo.now)).truth.items() if not truth.heard]
    found = AutomatedSignal.objects.filter(source=coin, trade_id__in=silent, origin=Origin.REPLAY)
    assert len(found) > 2
    with time_machine.travel(demo.now, tick=False):
        page = admin_client.get(address("signal", found[0].pk))
    assert b"Found by replay" in page.content
    assert page.context["chart"].candles


@pytest.fixture
def coin() -> Source:
    """The demo's coin, made on Saturday, without its history."""
    source = Source.objects.create(name="demo-coin", simulated=True)
    Source.objects.filter(pk=source.pk).update(created_at=SATURDAY)
    return source


def test_it_posts_what_fires_and_says_when_more_does(coin: Source) -> None:
    clock = Clock(SATURDAY)
    assert 0 < clock.live.turn(SATURDAY) <= TURN
    assert clock.posted == 0
    clock.go_on(5, cycle_every=99)
    assert clock.posted >= 5
    assert PriceBar.objects.filter(kind=PriceBar.Kind.BAR, time__gte=SATURDAY - MINUTE).count() == 5


def test_what_was_missed_while_it_did_not_run_is_told_by_log_and_bars(coin: Source) -> None:
    Clock(SATURDAY).go_on(3, cycle_every=99)
    later = Clock(SATURDAY + timedelta(hours=3))
    later.live.turn(later.now)
    assert later.posted == 0
    assert Delivery.objects.filter(source=coin, channel=Channel.LOG).count() > 30
    assert PriceBar.objects.filter(kind=PriceBar.Kind.BAR, time__gte=SATURDAY - MINUTE).count() == 180


def test_nothing_is_posted_for_a_source_that_is_gone(coin: Source) -> None:
    clock = Clock(SATURDAY)
    clock.live.turn(clock.now)
    coin.delete()
    clock.go_on(5, cycle_every=99)
    assert clock.posted == 0


def test_a_demo_that_is_forgotten_rests_and_is_neither_silent_nor_owes_anything(coin: Source) -> None:
    clock = Clock(SATURDAY)
    clock.go_on(3, cycle_every=99)
    deliveries, clock.now = Delivery.objects.count(), SATURDAY + MOST_DAYS
    assert clock.live.turn(clock.now) == TURN
    assert Delivery.objects.count() == deliveries
    [silence] = judge(listen([Source.objects.get()], clock.now), clock.now, worker_alive=True)
    assert (silence.state, silence.tone) == (State.RESTS, "neutral")
    assert set(Source.objects.get().gaps_off) == set(CATALOGUE)


def test_of_the_bodies_that_are_mangled_few_wait_at_a_time(coin: Source) -> None:
    born = next(alert for alert in stream(SHOWN[1].scenarios(SATURDAY)[-1]) if alert.kind == EventType.SIGNAL_CREATED)
    sent = []
    for number in range(40 * ONE_IN):
        alert = replace(born, body=born.body.replace(b"SIGNAL_CREATED", b"SIGNAL_CREATED%d" % number))
        body = mangled(alert, coin)
        if body != alert.body:
            sent.append(body)
            take_in(coin, [Incoming(body, SATURDAY)], now=SATURDAY)
    assert len(sent) == MOST_MANGLED
    assert Quarantine.objects.count() == MOST_MANGLED


def test_it_posts_with_a_token_of_its_own_until_that_ends(coin: Source) -> None:
    answers, posted = iter((202, 401)), []

    def answer(request: httpx.Request) -> httpx.Response:
        posted.append(request.url.path.rpartition("/")[2])
        return httpx.Response(next(answers))

    sender = Sender("http://127.0.0.1:8000/", httpx.Client(transport=httpx.MockTransport(answer)))
    for _ in range(3):
        sender(coin, b"{}")
    assert len(posted) == 2
    assert source_of_token(hash_token(posted[0]), datetime.now(UTC)) == coin
