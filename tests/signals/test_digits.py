"""Prices and R keep the digits that were sent, from the body to the export; below zero only where the market is."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from signals.exporting import record
from signals.models import AutomatedSignal, PriceBar, Source
from signals.receiving.alertlog import import_log
from signals.receiving.logfile import opened
from signals.signal.rebuilding import chunks, differences, rederive
from signals.symbols import goes_below_zero, normalised
from tests.builders import at, created, entry, send, the_signal, update
from tests.cases import case
from tests.posting import FIRED, open_source, post

pytestmark = pytest.mark.django_db


def proved() -> bool:
    """Whether every stored signal is what its events add up to."""
    return not any(differences(*pair) for chunk in chunks() for pair in rederive(chunk))


@pytest.mark.parametrize(
    ("price", "stop"),
    [
        ("0.0000000244", "0.0000000231"),
        ("0.000000000012345", "0.000000000012"),
        ("1.2345678901", "1.2345678899"),
        ("64999.12345678", "64000.00000001"),
        ("1650000000.5", "1649000000.25"),
        ("25740.25", "25730"),
    ],
)
def test_a_price_is_stored_and_exported_with_all_its_digits(price: str, stop: str) -> None:
    send([(entry(entry_price=price, stop_loss=stop, targets=None), at(4)), (update(0.5, current_price=price), at(6))])
    signal = the_signal()
    assert (signal.entry_price, signal.stop_loss) == (Decimal(price), Decimal(stop))
    assert PriceBar.objects.get().close == Decimal(price)
    told = record(signal)
    assert (told["entry_price"], told["stop_loss"]) == (float(price), float(stop))
    assert proved()


def test_a_new_signals_first_alert_keeps_its_digits_on_the_short_way_too() -> None:
    open_source()
    send([(created("20251211_093000000_BULLISH"), at(-9))])
    body = entry("20251212_144000000_BULLISH", entry_price="0.0000000244", stop_loss="0.0000000231", targets=None)
    with time_machine.travel(FIRED, tick=False):
        assert post(json.dumps(body).encode()).json()["status"] == "accepted"
    assert the_signal("20251212_144000000_BULLISH").entry_price == Decimal("0.0000000244")


def test_r_is_kept_as_finely_as_it_was_sent() -> None:
    send([(entry(), at(4)), (update(Decimal("0.123456789012").__float__(), mae=-0.000000000012), at(6))])
    signal = the_signal()
    assert (signal.be_mfe, signal.mae) == (Decimal("0.123456789012"), Decimal("-0.000000000012"))
    assert proved()


def test_digits_that_no_double_has_are_noise() -> None:
    send([(entry(entry_price=0.30000000000000004, stop_loss="0.1234567890123456"), at(4))])
    signal = the_signal()
    assert (signal.entry_price, signal.stop_loss) == (Decimal("0.3"), Decimal("0.123456789012346"))
    assert proved()


# -- below zero


@pytest.mark.parametrize(
    ("symbol", "does"),
    [
        ("CL1!", True),
        ("NYMEX:CL1!", True),
        ("nymex:clk2020", True),
        ("MCL1!", True),
        ("NG1!", True),
        ("NYMEX:CL1!-NYMEX:CL2!", True),
        ("ES1!-CME_MINI:MNQ1!", True),
        ("MNQ1!", False),
        ("BINANCE:BTCUSDT.P", False),
        ("COINBASE:BTC-USD", False),
        ("BRK-B", False),
        ("NYSE:CLX", False),
        ("NYSE:CL", False),
        ("", False),
    ],
)
def test_spreads_and_energy_futures_go_below_zero(symbol: str, does: bool) -> None:
    assert goes_below_zero(symbol) is does


@pytest.mark.parametrize("named", ["source", "body"])
def test_prices_below_zero_are_taken_where_the_market_has_them(named: str) -> None:
    crude = Source.objects.create(name="crude", symbol="NYMEX:CL1!" if named == "source" else "MNQ1!")
    more: dict[str, Any] = {"symbol": "nymex:CLK2020"} if named == "body" else {}
    prices = {"entry_price": -37.63, "stop_loss": -40.32, "targets": {"tp1_price": -34.94, "tp2_price": 0}}
    send([(entry(**prices, **more), at(4)), (update(0.5, current_price=-36, **more), at(6))], crude)
    signal = the_signal()
    assert (signal.entry_price, signal.stop_loss, signal.targets) == (
        Decimal("-37.63"), Decimal("-40.32"), {"tp1": "-34.94"},
    )  # fmt: skip
    assert signal.risk == Decimal("2.69")
    assert PriceBar.objects.get().close == -36


def test_prices_below_zero_are_refused_elsewhere() -> None:
    send([(entry(entry_price=-37.63), at(4))])
    assert not AutomatedSignal.objects.exists()


# -- symbols


@pytest.mark.parametrize(
    ("raw", "symbol"),
    [
        ("CME_MINI:MNQ1!, 1m", "MNQ1!"),
        (" cme_mini:mnq1! ", "MNQ1!"),
        ("mnq1!", "MNQ1!"),
        ("BINANCE:btcusdt.p", "BTCUSDT.P"),
        ("BTC/USDT", "BTC/USDT"),
        ("", ""),
    ],
)
def test_a_symbol_has_one_spelling(raw: str, symbol: str) -> None:
    assert normalised(raw) == symbol
    assert normalised(symbol) == symbol


@pytest.mark.parametrize("raw", ["MNQ1!", "CME_MINI:MNQ1!", "mnq1!"])
def test_prices_are_of_one_symbol_however_it_is_spelled(raw: str) -> None:
    named = Source.objects.create(name="chart", symbol=raw)
    assert named.symbol == "MNQ1!"
    send([(entry(), at(4)), (update(0.5, current_price=25745, symbol=raw), at(6))], named)
    assert PriceBar.objects.get().symbol == "MNQ1!"


# -- the case


def test_the_case_of_a_price_finer_than_8_decimals() -> None:
    with case("02-price-finer-than-8-decimals", "input.csv").open("rb") as stream:
        import_log(opened(stream), now=datetime(2026, 11, 26, tzinfo=UTC))
    signal = AutomatedSignal.objects.get()
    assert signal.entry_price == Decimal("0.0000000244")
    assert signal.stop_loss == Decimal("0.0000000231")
    assert signal.current_price == Decimal("0.0000000257")
