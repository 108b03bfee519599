"""Charts of any bar length and market, from their alerts to what a cycle makes of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from reconciliation.cycle.run import run_sync
from reconciliation.gaps import GapView
from signals.intake import take_in
from signals.models import AutomatedSignal, PriceBar, Source
from signals.parcels import Incoming
from signals.symbols import normalised
from tests.builders import created, entry, everything, incoming, update

pytestmark = pytest.mark.django_db
LATER = datetime(2026, 12, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def unknown(name: str = "chart", **options: Any) -> Source:
    """A source of which nobody said anything."""
    return Source.objects.create(name=name, **{"symbol": "", "bar_minutes": None, "calendar": "", **options})


def told(body: dict[str, Any], fired: str, ticker: str = "") -> Incoming:
    return incoming(body, utc(fired), symbol=normalised(ticker), ticker=ticker)


def trade(trade_id: str, fired: str, confirmed: str, ticker: str = "") -> list[Incoming]:
    """A signal whose payload says no more than it must, and its ENTRY."""
    word = "Bullish" if trade_id.endswith("BULLISH") else "Bearish"
    said = {"direction": word, "session": None}
    dated = {"signal_date": f"{trade_id[:4]}-{trade_id[4:6]}-{trade_id[6:8]}", "signal_time": None}
    born = created(trade_id, **said, **dated)
    stop = 25730 if word == "Bullish" else 25750
    return [told(born, fired, ticker), told(entry(trade_id, **said, **dated, stop_loss=stop), confirmed, ticker)]


def taken(source: Source, alerts: list[Incoming]) -> AutomatedSignal:
    take_in(source, alerts, now=LATER)
    run_sync(now=LATER, trigger="command")
    return AutomatedSignal.objects.get(source=source)


# Ticker, id, when SIGNAL_CREATED and ENTRY fired (UTC, of 2026); ENTRY's bar, and how many after the signal's it is.
TRADES = [
    ("BINANCE:BTCUSDT.P, 5", "1121_0305", "11-21 08:10", "11-21 08:20", "11-21 08:15", 2),
    ("CME_MINI:MNQ1!, 1h", "1123_1000", "11-23 16:00", "11-23 17:00", "11-23 16:00", 1),
    ("NYSE:F, 1D", "1123_0930", "11-23 21:00", "11-24 21:00", "11-24 14:30", 1),
    # Thanksgiving has no bar, and the day after it a short one.
    ("NYSE:F, 1D", "1125_0930", "11-25 21:00", "11-27 18:00", "11-27 14:30", 1),
    ("NASDAQ:AAPL, 60", "1123_1530", "11-23 21:00", "11-24 15:30", "11-24 14:30", 1),
    ("NASDAQ:AAPL, 60", "1123_0800", "11-23 14:00", "11-23 16:00", "11-23 15:00", None),
    ("OANDA:EURUSD, 15", "1120_1645", "11-20 22:00", "11-22 22:15", "11-22 22:00", 1),
    ("BINANCE:ETHUSDT, 4h", "1121_1500", "11-22 00:00", "11-22 08:00", "11-22 04:00", 2),
    ("CME_MINI:MNQ1!, 240", "1122_1800", "11-23 03:00", "11-24 03:00", "11-23 23:00", 6),
    ("CME_MINI:MNQ1!, 1D", "1122_1800", "11-23 23:00", "11-24 22:00", "11-23 23:00", 1),
    # The clocks went back on 1 November.
    ("BINANCE:BTCUSDT, 30", "1101_0030", "11-01 05:00", "11-01 07:00", "11-01 06:30", 4),
    ("CME_MINI:MNQ1!, 3", "1123_1003", "11-23 15:06", "11-23 15:12", "11-23 15:09", 2),
]


@pytest.mark.parametrize("row", TRADES, ids=lambda row: f"{row[0]} {row[1]}")
def test_the_ticker_says_which_bar_confirmed(row: tuple[str, str, str, str, str, int | None]) -> None:
    ticker, named, fired, confirmed, bar, bars = row
    alerts = trade(f"2026{named}00000_BULLISH", f"2026-{fired}", f"2026-{confirmed}", ticker)
    signal = taken(unknown(), alerts)
    assert (signal.confirmation_time, signal.bars_to_confirmation) == (utc(f"2026-{bar}"), bars)
    assert signal.signal_time is not None


@pytest.mark.parametrize(
    ("calendar", "trade_id", "fired", "confirmed"),
    [
        ("24/7", "20261121_030500000_BULLISH", "2026-11-21 08:10", "2026-11-21 08:20"),
        ("", "20261123_100000000_BEARISH", "2026-11-23 16:00", "2026-11-23 17:00"),
        ("NYSE", "20261123_093000000_BULLISH", "2026-11-23 21:00", "2026-11-24 21:00"),
    ],
)
def test_of_bars_that_nobody_knows_nothing_is_said(calendar: str, trade_id: str, fired: str, confirmed: str) -> None:
    signal = taken(unknown(calendar=calendar), trade(trade_id, fired, confirmed))
    assert (signal.confirmation_time, signal.bars_to_confirmation) == (None, None)
    assert "confirmation_time" not in signal.provenance


def test_an_order_of_arrival_makes_no_difference() -> None:
    """The length shows only with the second signal, be it the first to come or not."""
    alerts = [
        *trade("20261121_030500000_BULLISH", "2026-11-21 08:10", "2026-11-21 08:20"),
        *trade("20261121_041500000_BEARISH", "2026-11-21 09:20", "2026-11-21 09:35"),
        told(update(0.5, trade_id="20261121_041500000_BEARISH"), "2026-11-21 09:40"),
    ]
    ways = []
    for number, order in enumerate(list(permutations(alerts))[::17]):
        source = unknown(f"way-{number}", calendar="24/7", symbol=f"WAY{number}")
        for alert in order:
            take_in(source, [alert], now=LATER)
            source.refresh_from_db()
        ways.append(source)
    run_sync(now=LATER, trigger="command")
    run_sync(now=LATER, trigger="command")
    rows = []
    for source in ways:
        source.refresh_from_db()
        assert (source.bar_minutes, source.bar_minutes_by) == (5, "rhythm")
        found = AutomatedSignal.objects.filter(source=source).order_by("trade_id")
        rows.append(
            list(found.values_list("confirmation_time", "bars_to_confirmation", "mfe_as_of", "clock_zone", "clock_by"))
        )
    assert rows[0][0][:2] == (utc("2026-11-21 08:15"), 2)
    assert all(row == rows[0] for row in rows)


def test_a_length_that_is_set_makes_everything_anew() -> None:
    source = unknown(calendar="24/7")
    signal = taken(source, trade("20261121_030500000_BULLISH", "2026-11-21 08:10", "2026-11-21 08:20"))
    source.refresh_from_db()
    source.bar_minutes = 5
    source.save()
    assert source.bar_minutes_by == "set"
    run_sync(now=LATER + timedelta(minutes=2), trigger="schedule")
    signal.refresh_from_db()
    assert (signal.confirmation_time, signal.bars_to_confirmation) == (utc("2026-11-21 08:15"), 2)
    before = everything()
    run_sync(now=LATER + timedelta(minutes=4), trigger="command")
    assert everything() == before


def five_minutes(*later: Incoming) -> AutomatedSignal:
    """A long on a chart of five minutes from 25740 with its stop at 25730, whose ENTRY fired at 08:20."""
    ticker = "BINANCE:BTCUSDT.P, 5"
    alerts = trade("20261121_030500000_BULLISH", "2026-11-21 08:10", "2026-11-21 08:20", ticker)
    take_in(unknown(), [*alerts, *later], now=LATER)
    return AutomatedSignal.objects.get()


def prices(bars: dict[str, tuple[float, float]]) -> None:
    """Whole minutes of the coin: highest and lowest price, by time."""
    for minute, (high, low) in bars.items():
        values = {"open": low, "high": high, "low": low, "close": high, "kind": PriceBar.Kind.BAR, "evidence": "x:0"}
        PriceBar.objects.create(symbol="BTCUSDT.P", time=utc(f"2026-11-21 {minute}"), **values)


@pytest.mark.parametrize(("now", "actionable"), [("08:29", None), ("08:30", False), ("08:42", False), ("08:43", True)])
def test_an_update_is_due_with_the_next_bar(now: str, actionable: bool | None) -> None:
    told_so_far = told(update(0.5, trade_id="20261121_030500000_BULLISH"), "2026-11-21 08:25")
    signal = five_minutes(told_so_far)
    assert signal.mfe_as_of == utc("2026-11-21 08:20")
    view = GapView.at(utc(f"2026-11-21 {now}"))
    assert view.open_gaps(signal, frozenset()).get("no_mfe_update") is actionable
    assert AutomatedSignal.objects.filter(view.q("no_mfe_update")).exists() == (actionable is not None)
    assert view.next_check(signal, frozenset()) == (None if now == "08:43" else utc("2026-11-21 08:43"))


def test_where_bars_are_unknown_a_measurement_waits() -> None:
    source = unknown(calendar="24/7")
    take_in(source, trade("20261121_030500000_BULLISH", "2026-11-21 08:10", "2026-11-21 08:20"), now=LATER)
    view, signal = GapView.at(LATER), AutomatedSignal.objects.get()
    assert view.open_gaps(signal, frozenset())["no_mfe_update"] is False
    assert not AutomatedSignal.objects.filter(view.q_actionable("no_mfe_update")).exists()


def test_excursions_and_exits_go_by_whole_bars_of_the_chart() -> None:
    five_minutes()
    rising = {f"08:{minute}": (25748.0, 25741.0) for minute in range(20, 30)}
    prices({**rising, "08:31": (25742.0, 25729.0), "08:32": (25760.0, 25742.0)})
    run_sync(now=utc("2026-11-21 09:00"), trigger="command")
    signal = AutomatedSignal.objects.get()
    # The stop was touched in the bar of 08:30, which fired at its close and is left out of the excursions.
    assert (signal.status, signal.stop_exit_at) == ("COMPLETED", utc("2026-11-21 08:35"))
    assert (signal.no_be_mfe, signal.mfe_as_of) == (Decimal("0.8"), utc("2026-11-21 08:30"))
    before = everything()
    run_sync(now=utc("2026-11-21 09:00"), trigger="command")
    assert everything() == before


def test_the_next_opposite_signal_cancels_after_bars_of_grace() -> None:
    ticker = "BINANCE:BTCUSDT.P, 5"
    first, _ = trade("20261121_030500000_BULLISH", "2026-11-21 08:10", "2026-11-21 08:20", ticker)
    second, _ = trade("20261121_040500000_BEARISH", "2026-11-21 09:10", "2026-11-21 09:20", ticker)
    take_in(unknown(), [first, second], now=LATER)
    run_sync(now=utc("2026-11-21 09:20"), trigger="command")
    assert AutomatedSignal.objects.get(direction="Bullish").status == "PENDING"
    run_sync(now=utc("2026-11-21 09:21"), trigger="command")
    signal = AutomatedSignal.objects.get(direction="Bullish")
    assert (signal.status, signal.cancellation_time) == ("CANCELLED", utc("2026-11-21 09:05"))
    assert (signal.cancelled_at, signal.bars_pending) == (utc("2026-11-21 09:10"), 12)


@pytest.mark.parametrize("ticker", ["", "CME_MINI:MNQ1!, 1m"])
def test_an_id_that_is_possible_in_no_zone_gives_no_time(ticker: str) -> None:
    alert = entry(
        "20261123_150700", direction="short", stop_loss=25750, signal_date="2026-11-23", signal_time="15:07:00"
    )
    signal = taken(unknown(), [told(alert, "2026-11-23 15:08", ticker)])
    assert signal.before_its_bar
    assert signal.signal_time is None


def test_the_ids_of_a_coin_may_be_in_its_exchanges_zone() -> None:
    alert = entry("20261123_150700", direction="short", stop_loss=25750)
    signal = taken(unknown(), [told(alert, "2026-11-23 15:08", "BINANCE:BTCUSDT.P, 1")])
    assert (signal.signal_time, signal.clock_zone, signal.before_its_bar) == (utc("2026-11-23 15:07"), "UTC", False)


def test_prices_of_sources_without_a_symbol_are_their_own() -> None:
    mnq, mes = unknown("mnq"), unknown("mes")
    take_in(mnq, trade("20261123_100000000_BULLISH", "2026-11-23 15:01", "2026-11-23 15:02"), now=LATER)
    take_in(mes, [told(update(0.2, current_price=6901), "2026-11-23 15:23")], now=LATER)
    run_sync(now=LATER, trigger="command")
    signal = AutomatedSignal.objects.get(source=mnq)
    assert (signal.status, signal.stop_exit_at) == ("CONFIRMED", None)


def test_when_a_symbol_is_learned_the_prices_that_came_without_it_are_its() -> None:
    source = unknown()
    take_in(source, [told(update(0.5, current_price=25745), "2026-11-23 15:23")], now=LATER)
    assert set(PriceBar.objects.values_list("symbol", flat=True)) == {f"@{source.pk}"}
    take_in(source, [told(update(0.5, current_price=25746), "2026-11-23 15:24", "CME_MINI:MNQ1!, 1m")], now=LATER)
    assert set(PriceBar.objects.values_list("symbol", flat=True)) == {"MNQ1!"}
    source.refresh_from_db()
    assert (source.symbol, source.symbol_by, source.calendar, source.bar_minutes) == (
        "MNQ1!",
        "ticker",
        "CME Globex Equity",
        1,
    )
