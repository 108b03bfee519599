"""How long a signal stood before its event: bars of open market, minutes and seconds of wall clock."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.telling.wait_times import Wait, wait_of
from signals.market import market
from signals.models import AutomatedSignal
from signals.timeframe import Timeframe
from signals.vocabulary import Status

CME = Timeframe.of(1, market("CME Globex Equity"))
BAR = datetime(2025, 12, 11, 14, 40, tzinfo=UTC)
NOW = BAR + timedelta(minutes=30)


def signal(status: Status, **fields: object) -> AutomatedSignal:
    return AutomatedSignal(status=status, **{"signal_time": BAR, **fields})


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.COMPLETED])
def test_a_confirmed_signal_waited_for_its_confirmation(status: Status) -> None:
    confirmed = signal(status, confirmation_time=BAR + timedelta(minutes=3), bars_to_confirmation=3)
    assert wait_of(confirmed, CME, NOW) == Wait(bars=3, minutes=3, age=180)


def test_a_cancelled_one_for_its_cancellation_though_it_has_a_confirmation_time() -> None:
    cancelled = signal(
        Status.CANCELLED, cancellation_time=BAR + timedelta(minutes=9), confirmation_time=BAR, bars_to_confirmation=0
    )
    assert wait_of(cancelled, CME, NOW) == Wait(bars=9, minutes=9, age=540)


def test_bars_that_the_indicator_stated_are_believed() -> None:
    cancelled = signal(Status.CANCELLED, cancellation_time=BAR + timedelta(minutes=9), bars_pending=8)
    assert wait_of(cancelled, CME, NOW).bars == 8


def test_a_pending_signal_has_an_age_and_no_event() -> None:
    assert wait_of(signal(Status.PENDING), CME, NOW) == Wait(age=1800)


def test_the_daily_halt_counts_as_minutes_and_not_as_bars() -> None:
    before_halt = datetime(2025, 12, 11, 21, 57, tzinfo=UTC)  # 16:57 in New York
    confirmed = signal(Status.CONFIRMED, signal_time=before_halt, confirmation_time=before_halt + timedelta(minutes=65))
    assert wait_of(confirmed, CME, NOW) == Wait(bars=5, minutes=65, age=3900)


@pytest.mark.parametrize(
    "fields", [{"confirmation_time": None}, {"signal_time": None}, {"confirmation_time": BAR - timedelta(minutes=1)}]
)
def test_what_is_unknown_or_contradictory_is_not_made_up(fields: dict[str, object]) -> None:
    assert wait_of(signal(Status.CONFIRMED, **fields), CME, NOW) == Wait()
