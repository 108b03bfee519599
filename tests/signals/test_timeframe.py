"""Bars of any length: which one an alert is about, its neighbours, and how many lie between."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.clock import MINUTE
from signals.market import market
from signals.markets import CME, CRYPTO, FOREX, NYSE, calendar_of
from signals.timeframe import Timeframe


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def frame(minutes: int | None, name: str = CME) -> Timeframe:
    return Timeframe.of(minutes, market(name))


@pytest.mark.parametrize(
    ("minutes", "name", "fired", "bar"),
    [
        (5, CRYPTO, "11-21 08:20", "11-21 08:15"),
        (5, CRYPTO, "11-21 08:22", "11-21 08:15"),  # two minutes late
        (60, CME, "11-23 23:00", "11-23 21:00"),  # the last bar before the halt reports after it
        (60, NYSE, "11-23 21:00", "11-23 20:30"),  # the session's last bar is half an hour
        (60, NYSE, "11-27 18:00", "11-27 17:30"),  # and that of a half day, too
        (240, CME, "11-23 22:00", "11-23 19:00"),
        (1440, NYSE, "11-27 18:00", "11-27 14:30"),
        (1440, CME, "11-23 23:00", "11-22 23:00"),
        (1440, CRYPTO, "11-22 00:00", "11-21 00:00"),
        (1440, FOREX, "11-22 22:00", "11-19 22:00"),  # Friday's, on Sunday
    ],
)
def test_an_alert_is_about_the_latest_bar_that_had_closed(minutes: int, name: str, fired: str, bar: str) -> None:
    assert frame(minutes, name).bar_of(utc(fired)) == utc(bar)


@pytest.mark.parametrize(
    ("minutes", "name", "start", "end", "bars"),
    [
        (60, NYSE, "11-23 14:30", "11-24 14:30", 7),
        (240, CRYPTO, "11-20 20:00", "11-23 00:00", 13),  # no weekend
        (15, FOREX, "11-20 21:45", "11-22 22:00", 1),
        (1440, NYSE, "11-25 14:30", "11-30 14:30", 2),
        (1, CME, "11-23 21:57", "11-23 23:02", 5),
        (5, "", "11-23 15:00", "11-23 15:20", 4),
        (5, "", "11-23 21:50", "11-23 23:10", None),  # closed or not: nobody knows
        (5, NYSE, "11-23 13:00", "11-23 13:20", None),  # before the session
    ],
)
def test_bars_are_counted_where_it_is_known_when_the_market_is_open(
    minutes: int, name: str, start: str, end: str, bars: int | None
) -> None:
    assert frame(minutes, name).count(utc(start), utc(end)) == bars


def test_without_a_market_longer_bars_are_unknown() -> None:
    assert frame(30, "").known
    assert not frame(60, "").known
    assert not frame(None).known


def test_a_bar_of_extended_hours_runs_by_the_clock_and_one_that_fits_neither_is_unknown() -> None:
    stocks = frame(60, NYSE)
    assert stocks.holding(utc("11-23 14:30")) == stocks
    assert stocks.holding(utc("11-23 13:00")).bar_of(utc("11-23 14:00")) == utc("11-23 13:00")
    assert not stocks.holding(utc("11-23 14:45")).known


moments = st.integers(0, 366 * 24 * 60).map(lambda minute: utc("01-01 00:00") + minute * MINUTE)


@given(moments, st.sampled_from([1, 3, 5, 15, 30, 60, 120, 240, 1440]), st.sampled_from([CME, NYSE, FOREX, CRYPTO]))
def test_bars_follow_each_other(moment: datetime, minutes: int, name: str) -> None:
    bars = frame(minutes, name)
    bar = bars.around(market(name).last_open(moment))
    after = bars.after(bar)
    assert bars.before(after) == bar
    assert bars.count(bar, after) == 1
    assert bars.bar_of(bars.close_of(bar)) == bar
    assert bar < bars.close_of(bar) <= after
    assert bars.has(after)


@pytest.mark.parametrize(
    ("ticker", "calendar"),
    [
        ("CME_MINI:MNQ1!, 1m", CME), ("COMEX_MINI:MGC1!", CME), ("CBOT:ZC1!", "CMEGlobex_Grains"), ("MNQZ2026", CME),
        ("NASDAQ:AAPL", NYSE), ("BRK.B", NYSE), ("AAPL", NYSE), ("BINANCE:BTCUSDT.P, 5", CRYPTO), ("ETHUSD", CRYPTO),
        ("FX:EURUSD", FOREX), ("USDJPY", FOREX), ("XETR:SAP", "XETR"), ("OANDA:XAUUSD", ""), ("FDAX1!", ""), ("", ""),
        ("TVC:DXY", ""), ("NYMEX:CL1!-NYMEX:CL2!", ""),
    ],
)  # fmt: skip
def test_a_symbol_trades_by_its_exchanges_hours_or_as_it_is_spelled(ticker: str, calendar: str) -> None:
    choice = calendar_of(ticker)
    assert choice.calendar == calendar
    assert choice.reason


def test_currencies_trade_from_sunday_to_friday_in_new_york() -> None:
    hours = market(FOREX)
    assert not hours.is_open(utc("11-20 22:00"))
    assert not hours.is_open(utc("11-22 21:59"))
    assert hours.is_open(utc("11-22 22:00"))
    assert hours.open_minutes(utc("11-20 21:00"), utc("11-22 23:00")) == 120
    assert hours.is_open(utc("07-05 21:00"))  # an hour earlier in summer


def test_an_exchange_that_rests_at_noon_is_closed_then() -> None:
    tokyo = market("XTKS")
    assert tokyo.open_minutes(utc("11-24 00:00"), utc("11-24 06:30")) == 330
    assert not tokyo.is_open(utc("11-24 03:00"))
