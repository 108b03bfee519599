"""When CME equity futures trade, and durations in minutes of trading."""

import csv
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from signals.clock import MINUTE, bar_of, floor_minute, instant
from signals.market import Market, market

CME = market()
ALWAYS = market("24/7")
ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT.parent / "shared" / "recorded"


def ny(text: str) -> datetime:
    """A moment by New York's wall clock."""
    return instant(datetime.fromisoformat(text), "America/New_York")


# Days in the calendar


@pytest.mark.parametrize(
    ("last_open", "next_open"),
    [
        ("2025-12-10 16:59", "2025-12-10 18:00"),  # daily halt
        ("2025-12-12 16:59", "2025-12-14 18:00"),  # weekend
        ("2025-11-27 12:59", "2025-11-27 18:00"),  # Thanksgiving
        ("2025-11-28 13:14", "2025-11-30 18:00"),  # the day after
        ("2025-12-24 13:14", "2025-12-25 18:00"),  # Christmas Eve and Christmas
        ("2025-12-31 16:59", "2026-01-01 18:00"),  # New Year, across the calendar years
        ("2026-04-03 09:14", "2026-04-05 18:00"),  # Good Friday with a jobs report
        ("2025-10-31 16:59", "2025-11-02 18:00"),  # weekend in which clocks go back
        ("2025-03-07 16:59", "2025-03-09 18:00"),  # weekend in which they go forward
    ],
)
def test_the_market_is_closed_from_a_close_to_the_next_opening(last_open: str, next_open: str) -> None:
    last, close, opening = ny(last_open), ny(last_open) + MINUTE, ny(next_open)
    middle = floor_minute(close + (opening - close) / 2)
    assert CME.is_open(last)
    assert CME.is_open(opening)
    assert not any(CME.is_open(t) for t in (close, middle, opening - MINUTE))
    assert CME.open_minutes(last, opening) == 1
    assert CME.open_minutes(close, opening) == 0
    assert CME.last_open(middle) == CME.last_open(last) == last
    assert CME.next_open(middle) == CME.next_open(opening) == opening
    assert CME.next_close(last) == close
    assert CME.add_open_minutes(last, 1) == close
    assert CME.add_open_minutes(last, 2) == opening + MINUTE


@pytest.mark.parametrize("sunday", ["2025-03-02", "2025-03-09", "2025-07-13", "2025-10-26", "2025-11-02"])
def test_a_full_week_is_five_sessions_of_23_hours(sunday: str) -> None:
    opening = ny(f"{sunday} 18:00")
    friday = opening + timedelta(days=4, hours=23)
    assert CME.next_close(friday - MINUTE) == friday
    assert CME.open_minutes(opening, friday) == 5 * 23 * 60
    assert CME.open_minutes(opening, opening + timedelta(days=6)) == 5 * 23 * 60


def test_hours_follow_new_york_through_both_clock_changes() -> None:
    assert CME.next_open(ny("2025-03-08 12:00")) == datetime(2025, 3, 9, 22, 0, tzinfo=UTC)
    assert CME.next_open(ny("2025-03-01 12:00")) == datetime(2025, 3, 2, 23, 0, tzinfo=UTC)
    assert CME.next_open(ny("2025-11-01 12:00")) == datetime(2025, 11, 2, 23, 0, tzinfo=UTC)
    assert CME.next_open(ny("2025-10-25 12:00")) == datetime(2025, 10, 26, 22, 0, tzinfo=UTC)


# Bars


def test_65_minutes_across_the_daily_halt_are_5_bars() -> None:
    """As recorded: the bar of 20251210_165500000_BEARISH, and its ENTRY, which fired at 18:01 New York."""
    signal, entry = ny("2025-12-10 16:55"), bar_of(ny("2025-12-10 18:01"))
    assert entry - signal == timedelta(minutes=65)
    assert CME.open_minutes(signal, entry) == 5


def test_the_last_bar_before_the_halt_is_the_last_open_one_when_its_alert_fires_at_reopening() -> None:
    """A bar ends with the next bar's first tick: the batch of 18:00 New York calls itself 16:59."""
    assert CME.last_open(bar_of(ny("2025-12-10 18:00"))) == ny("2025-12-10 16:59")
    assert CME.last_open(bar_of(ny("2025-12-10 18:01"))) == ny("2025-12-10 18:00")


def test_every_recorded_alert_fires_in_or_at_the_end_of_an_open_minute() -> None:
    if not RECORDED.is_dir():
        pytest.skip(f"needs the recorded alert logs in {RECORDED}")
    csv.field_size_limit(10**9)
    fired = {
        floor_minute(datetime.fromisoformat(row["Time"]))
        for path in RECORDED.glob("*.csv")
        for row in csv.DictReader(path.open(encoding="utf-8-sig", newline=""))
    }
    in_closed_bars = {minute for minute in fired if not CME.is_open(bar_of(minute))}
    assert len(fired) > 1000
    assert in_closed_bars == {ny("2025-12-01 18:00"), ny("2025-12-10 18:00")}


# Properties


def moments(first: str, last: str) -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime.fromisoformat(first), datetime.fromisoformat(last), timezones=st.just(UTC))


near_changes = (
    moments("2025-02-28", "2025-03-12")
    | moments("2025-10-30", "2025-11-04")
    | moments("2025-11-25", "2025-12-02")
    | moments("2025-12-22", "2026-01-05")
)
moment = near_changes | moments("2023-12-01", "2026-12-31")
markets = st.sampled_from([CME, ALWAYS])
spans = st.integers(0, 4000)


@given(markets, moment, moment, moment)
def test_open_minutes_add_up(m: Market, a: datetime, b: datetime, c: datetime) -> None:
    a, b, c = sorted((a, b, c))
    assert m.open_minutes(a, b) + m.open_minutes(b, c) == m.open_minutes(a, c)


@given(markets, moment, moment, spans)
def test_more_time_never_has_fewer_open_minutes(m: Market, a: datetime, b: datetime, more: int) -> None:
    assert 0 <= m.open_minutes(a, b) <= m.open_minutes(a, b + more * MINUTE) <= m.open_minutes(a, b) + more
    assert m.open_minutes(max(a, b), min(a, b)) == 0


@given(near_changes, st.integers(0, 300))
@settings(max_examples=50)
def test_open_minutes_are_the_minutes_that_are_open(a: datetime, length: int) -> None:
    assert CME.open_minutes(a, a + length * MINUTE) == sum(CME.is_open(a + i * MINUTE) for i in range(length))


@given(markets, moment, spans)
def test_adding_open_minutes_is_the_earliest_moment_that_has_them(m: Market, t: datetime, n: int) -> None:
    then = m.add_open_minutes(t, n)
    assert m.open_minutes(t, then) == n
    if n:
        assert m.open_minutes(t, then - MINUTE) == n - 1
    else:
        assert then == floor_minute(t)


@given(markets, moment, spans, spans)
def test_adding_twice_is_adding_the_sum(m: Market, t: datetime, n: int, k: int) -> None:
    assert m.add_open_minutes(m.add_open_minutes(t, n), k) == m.add_open_minutes(t, n + k)


@given(moment, st.integers(0, 1380))
def test_within_one_session_open_minutes_are_wall_minutes(t: datetime, n: int) -> None:
    start = CME.next_open(t)
    end = start + n * MINUTE
    close = CME.next_close(start)
    assume(close is not None and end <= close)
    assert CME.open_minutes(start, end) == n
    assert n == 0 or CME.add_open_minutes(start, n) == end


@given(markets, moment)
def test_the_nearest_open_minutes_enclose_a_moment(m: Market, t: datetime) -> None:
    last, following = m.last_open(t), m.next_open(t)
    assert m.is_open(last)
    assert m.is_open(following)
    assert last <= floor_minute(t) <= following
    assert (last == following) == m.is_open(t)
    assert m.open_minutes(last, following) == (last != following)


@given(moment)
def test_a_close_is_where_open_minutes_end(t: datetime) -> None:
    close = CME.next_close(t)
    assert close is not None
    assert close > CME.next_open(t)
    assert CME.is_open(close - MINUTE)
    assert not CME.is_open(close)
    assert CME.open_minutes(CME.next_open(t), close) == (close - CME.next_open(t)) // MINUTE


@given(moment, moment, st.integers(0, 59))
def test_seconds_decide_nothing(a: datetime, b: datetime, second: int) -> None:
    assert CME.open_minutes(a.replace(second=second), b) == CME.open_minutes(a, b.replace(second=second))


# Edges


def test_a_market_named_24_7_never_closes() -> None:
    saturday = datetime(2025, 12, 13, 12, 0, 30, tzinfo=UTC)
    assert ALWAYS.is_open(saturday)
    assert ALWAYS.next_close(saturday) is None
    assert ALWAYS.open_minutes(saturday, saturday + timedelta(days=400)) == 400 * 1440
    assert ALWAYS.add_open_minutes(saturday, 600_000) == floor_minute(saturday) + 600_000 * MINUTE


def test_beyond_the_known_calendar_every_minute_counts_as_open() -> None:
    far = datetime(2150, 5, 2, tzinfo=UTC)
    assert CME.open_minutes(far, far + timedelta(days=800)) == 800 * 1440
    assert CME.next_close(far) is None
    assert CME.open_minutes(datetime(1, 1, 1, tzinfo=UTC), datetime(1999, 12, 31, tzinfo=UTC)) > 0
    assert CME.is_open(datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    assert CME.last_open(datetime(2000, 1, 1, tzinfo=UTC)) == datetime(1999, 12, 31, 23, 59, tzinfo=UTC)


def test_open_minutes_cannot_be_taken_back() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        CME.add_open_minutes(ny("2025-12-10 12:00"), -1)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        CME.is_open(datetime.fromisoformat("2025-12-10 12:00"))


def test_an_unknown_market_is_named_with_what_to_use_instead() -> None:
    with pytest.raises(ValueError, match=r"'Mars'.*'24/7'"):
        market("Mars").is_open(ny("2025-12-10 12:00"))


def test_a_process_that_never_asks_never_loads_the_calendar() -> None:
    asks_nothing = "import sys; import signals.market as m; m.market(); m.market('24/7').is_open(m.EPOCH); "
    subprocess.run([sys.executable, "-c", asks_nothing + "sys.exit('pandas' in sys.modules)"], cwd=ROOT, check=True)
