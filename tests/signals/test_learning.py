"""What alerts tell of their source's chart: its symbol, and the length of its bars where they state it."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from signals.learning import Told, conclusions, join, minutes_of, minutes_of_ticker

START = datetime(2026, 11, 23, 15, tzinfo=UTC)


def told(minute: int, **says: object) -> Told:
    return Told(START + timedelta(minutes=minute), f"checksum-{minute}", **says)


def known(*said: Told) -> tuple[object, ...]:
    return tuple(conclusions(join({}, said)))


@pytest.mark.parametrize(
    ("interval", "minutes"),
    [("5", 5), ("1m", 1), ("15 min", 15), ("60", 60), ("1h", 60), ("4H", 240), ("240", 240), ("1D", 1440), ("D", 1440),
     ("2", 2), ("45", 45), ("1440", 1440), ("30S", None), ("W", None), ("1M", None), ("0", None), ("", None),
     ("2D", None), ("high", None)],
)  # fmt: skip
def test_bar_lengths_are_read_as_tradingview_writes_them(interval: str, minutes: int | None) -> None:
    assert minutes_of(interval) == minutes


def test_a_ticker_states_the_bar_length_behind_the_symbol() -> None:
    tickers = [
        "CME_MINI:MNQ1!, 1m",
        "BINANCE:BTCUSDT.P, 5",
        "NYSE:F, 1D",
        "FX:EURUSD, 1h",
        "MNQ1!",
        "A, Heikin Ashi, 15",
    ]
    assert [minutes_of_ticker(ticker) for ticker in tickers] == [1, 5, 1440, 60, None, 15]


def test_the_log_is_believed_before_messages_and_the_earlier_before_the_later() -> None:
    messages = told(1, symbols=("CME_MINI:NQ1!",), intervals=("15",))
    early, late = (told(n, symbol="MNQ1!", ticker=f"CME_MINI:MNQ1!, {bars}") for n, bars in ((2, "5"), (3, "5m")))
    other = told(4, symbol="MES1!", ticker="CME_MINI:MES1!, 5")
    expected = ("MNQ1!", "CME_MINI:MNQ1!, 5", "ticker", 5, "ticker")
    assert {known(*order) for order in permutations([messages, early, late, other])} == {expected}
    assert known(messages) == ("NQ1!", "CME_MINI:NQ1!", "payload", 15, "payload")


def test_what_is_told_once_more_is_nothing_new() -> None:
    learned = join({}, [told(1, symbol="MNQ1!", ticker="CME_MINI:MNQ1!, 1m")])
    assert join(
        learned, [told(1, symbol="MNQ1!", ticker="CME_MINI:MNQ1!, 1m"), told(9, symbols=("MES1!",)), told(0)]
    ) == (learned)


def test_alerts_of_several_lengths_leave_it_open() -> None:
    assert known(*(told(n, symbol="F", ticker=f"NYSE:F, {n}") for n in (1, 5)))[3:] == (None, "ticker")
