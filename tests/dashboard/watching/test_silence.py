"""Silence told apart: the market is closed, this alert is silent, everything is, or the worker is down."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from dashboard.watching.silence import PATIENCE, PATIENCE_IN_TRADES, TONES, Line, State, judge, listen
from signals.intake import take_in
from signals.market import ALWAYS_OPEN, CME_EQUITY, Market
from signals.models import AutomatedSignal, Source
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.vocabulary import Channel
from tests.builders import created, entry, send

NOON = datetime(2025, 12, 11, 17, tzinfo=UTC)  # a Thursday, 12:00 in New York
EVENING = datetime(2025, 12, 11, 22, 30, tzinfo=UTC)  # in the daily halt, which began half an hour ago
MINUTES = st.integers(0, 5000)


def line(minutes: float | None, now: datetime = NOON, **options: object) -> Line:
    """A source whose last alert was so many minutes ago."""
    last = None if minutes is None else now - timedelta(minutes=minutes)
    given = {"name": "one", "last": last, "in_trades": True, "every": 1, "hours": Market(ALWAYS_OPEN), **options}
    return Line(**given)


def states(*lines: Line, now: datetime = NOON, worker_alive: bool = True) -> list[State]:
    return [silence.state for silence in judge(lines, now, worker_alive=worker_alive)]


def test_who_speaks_is_heard() -> None:
    assert states(line(3)) == [State.HEARD]


def test_one_silent_alert_among_others_is_told_apart_from_general_silence() -> None:
    assert states(line(16), line(1)) == [State.SILENT, State.HEARD]
    assert states(line(16), line(20)) == [State.ALL_SILENT, State.ALL_SILENT]
    assert states(line(16)) == [State.ALL_SILENT]


def test_sources_that_never_spoke_prove_nothing_about_the_others() -> None:
    assert states(line(16), line(None)) == [State.ALL_SILENT, State.UNHEARD]
    assert states(line(None)) == [State.UNHEARD]


def test_while_the_worker_is_down_nobody_is_blamed_for_silence() -> None:
    assert states(line(16), line(1), worker_alive=False) == [State.WORKER_DOWN, State.HEARD]


def test_outside_market_hours_the_clock_stands_still() -> None:
    closed = Market(CME_EQUITY)
    assert states(line(35, EVENING, hours=closed), now=EVENING) == [State.CLOSED]
    weekend = EVENING + timedelta(days=2)
    assert states(line(60 * 24 + 40, weekend, hours=closed), now=weekend) == [State.CLOSED]


def test_an_alert_that_fell_silent_before_the_close_stays_silent() -> None:
    (silence,) = judge([line(60, EVENING, hours=Market(CME_EQUITY))], EVENING, worker_alive=True)
    assert (silence.state, silence.open, silence.minutes) == (State.ALL_SILENT, False, 30)


def test_without_trades_to_report_on_silence_is_ordinary_for_longer() -> None:
    assert states(line(PATIENCE_IN_TRADES + 1, in_trades=False)) == [State.HEARD]
    assert states(line(PATIENCE + 1, in_trades=False)) == [State.ALL_SILENT]


def test_slow_charts_get_the_time_of_five_updates() -> None:
    assert states(line(70, every=15)) == [State.HEARD]
    assert states(line(76, every=15)) == [State.ALL_SILENT]


def test_each_state_that_is_wrong_says_what_to_do() -> None:
    silences = judge([line(16), line(1), line(None)], NOON, worker_alive=True)
    assert all(bool(silence.todo) == (silence.tone in ("bad", "warn")) for silence in silences)
    assert set(TONES) == set(State)


@given(st.lists(st.one_of(st.none(), MINUTES), min_size=1, max_size=5), st.booleans())
def test_everything_is_silent_exactly_when_nobody_who_ever_spoke_is_heard(
    minutes: list[int | None], alive: bool
) -> None:
    found = states(*map(line, minutes), worker_alive=alive)
    spoke = [state for state, ago in zip(found, minutes, strict=True) if ago is not None]
    assert (State.ALL_SILENT in found) == (alive and bool(spoke) and State.HEARD not in spoke)
    assert not {State.SILENT, State.ALL_SILENT} <= set(found)
    assert (State.WORKER_DOWN in found) <= (not alive)


@given(MINUTES, st.integers(0, 3000))
def test_time_alone_never_makes_a_silent_alert_heard(minutes: int, later: int) -> None:
    hours, then = Market(CME_EQUITY), NOON + timedelta(minutes=later)
    silent = states(line(minutes, hours=hours)) == [State.ALL_SILENT]
    silent_then = states(line(minutes + later, then, hours=hours), now=then) == [State.ALL_SILENT]
    assert silent <= silent_then


@pytest.mark.django_db
def test_only_webhooks_prove_that_alerts_reach_us() -> None:
    now, other = timezone.now(), Source.objects.create(name="other")
    heard = now - timedelta(minutes=2)
    send([(created(), now), (entry(), now)])
    take_in(other, [Incoming(b'{"event_type":"HEARTBEAT"}', received_at=heard, channel=Channel.WEBHOOK)], now=now)
    logged, hooked = listen([default_source(), other], now)
    assert (logged.last, hooked.last) == (None, heard)


@pytest.mark.django_db
def test_trades_that_are_open_lately_are_what_updates_are_about() -> None:
    now = timezone.now()
    send([(created(), now), (entry(), now)])
    assert listen([default_source()], now)[0].in_trades
    AutomatedSignal.objects.update(first_event_at=now - timedelta(days=4))
    assert not listen([default_source()], now)[0].in_trades
