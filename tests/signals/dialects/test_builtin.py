"""Formats of others that come with the system: what real-looking messages of each are read as, and what is left."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from signals import dialects
from signals.dialects.base import Dialect
from signals.dialects.builtin import BUILTIN
from signals.dialects.spec import compiled
from signals.facts import EventFacts, Reading, UnreadableError
from tests.cases import case

OFFERED = {name: each for name, each in BUILTIN.items() if each.offered}
Told = list[tuple[str, str, dict[str, Any]]]


def using(*names: str) -> list[Dialect]:
    return [compiled(BUILTIN[name].spec) for name in names or OFFERED]


def read(sent: Any, *names: str) -> Reading:
    body = sent if isinstance(sent, str) else json.dumps(sent)
    return dialects.read(body.encode(), formats=lambda: using(*names))


def told(sent: Any, *names: str) -> Told:
    reading = read(sent, *names)
    assert reading.faults == ()
    return [plain(event) for event in reading.events]


def plain(event: EventFacts) -> tuple[str, str, dict[str, Any]]:
    """Its type, trade id and facts, without what tells that its id holds one trade at a time."""
    facts = dict(event.values)
    assert facts.pop("one_position", False) is not event.trade_id.endswith((" LONG", " SHORT"))
    return "IF OPEN" if facts.pop("if_open", False) else event.type, event.trade_id, facts


def refusal(sent: Any, *names: str) -> str:
    with pytest.raises(UnreadableError) as error:
        read(sent, *names)
    return error.value.reason


def long(price: str | None = None, trade: str = "BTCUSDT") -> Told:
    return [("ENTRY", trade, {"direction": "Bullish", **({"entry_price": price} if price else {})})]


def short(price: str | None = None, trade: str = "BTCUSDT") -> Told:
    return [("ENTRY", trade, {"direction": "Bearish", **({"entry_price": price} if price else {})})]


def turned(entry: Told) -> Told:
    """What is open of the other side is closed first."""
    ((_, trade, facts),) = entry
    other = "Bearish" if facts["direction"] == "Bullish" else "Bullish"
    said = {"direction": other, **({"exit_price": facts["entry_price"]} if "entry_price" in facts else {})}
    return [("IF OPEN", trade, said), *entry]


def closed(side: str | None, price: str | None = None, trade: str = "BTCUSDT") -> Told:
    said = {"direction": side} if side else {}
    return [("EXIT", trade, {**said, **({"exit_price": price} if price else {})})]


@pytest.mark.parametrize("name", OFFERED)
def test_every_sample_is_read_by_its_own_format_and_by_none_before_somebody_says_so(name: str) -> None:
    for sample in OFFERED[name].samples:
        assert read(sample).dialect == name
        assert refusal(sample, "slack").startswith("This is no message of the indicator")


@pytest.mark.parametrize("name", [name for name in BUILTIN if name not in OFFERED])
def test_what_can_mean_nothing_else_is_read_without_being_asked_for(name: str) -> None:
    assert [read(sample).faults for sample in BUILTIN[name].samples] == [()] * len(BUILTIN[name].samples)


def test_the_alert_of_the_case_is_one_trade_that_begins() -> None:
    assert told(case("18-ordinary-alert", "body.json").read_text()) == turned(long("65000"))


def test_the_text_of_the_case_is_taken_and_makes_no_signal() -> None:
    reading = read(case("18-ordinary-alert", "body.txt").read_text())

    assert (reading.dialect, reading.events, reading.bars) == ("crossing", (), ())


# -- TradersPost


@pytest.mark.parametrize(
    ("sent", "means"),
    [
        ({"action": "buy"}, turned(long("65000"))),
        ({"action": "BUY", "sentiment": "long"}, turned(long("65000"))),
        ({"action": "sell", "sentiment": "bearish"}, turned(short("65000"))),
        ({"action": "sell", "sentiment": "flat"}, closed("Bullish", "65000")),
        ({"action": "buy", "sentiment": "flat"}, closed("Bearish", "65000")),
        ({"action": "exit"}, closed(None, "65000")),
        ({"action": "sell", "sentiment": "long"}, []),  # less of a position is neither an entry nor its end
        ({"action": "add"}, []),
        ({"action": "cancel"}, []),
    ],
)
def test_traderspost(sent: dict[str, Any], means: Told) -> None:
    assert told({"ticker": "BINANCE:BTCUSDT", "price": "65000", **sent}, "traderspost") == means


def test_a_stop_in_percent_is_no_stop_price() -> None:
    sent = {"ticker": "AMD", "action": "buy", "stopLoss": {"type": "stop", "percent": 5}, "takeProfit": {"percent": 10}}

    assert told(sent, "traderspost") == turned(long(trade="AMD"))


def test_a_placeholder_that_was_not_filled_in_is_told_as_that() -> None:
    said = refusal({"ticker": "{{ticker}}", "action": "buy"}, "traderspost")

    assert "symbol is a placeholder: TradingView did not fill in {{ticker}}" in said


# -- OpenAlgo


@pytest.mark.parametrize(
    ("action", "position", "means"),
    [
        ("BUY", "1", turned(long(trade="SBIN"))),
        ("SELL", "-1", turned(short(trade="SBIN"))),
        ("SELL", "0", closed("Bullish", trade="SBIN")),
        ("BUY", 0, closed("Bearish", trade="SBIN")),
        ("SELL", "1", []),
        ("BUY", None, turned(long(trade="SBIN"))),
    ],
)
def test_openalgo_by_the_position_to_have_afterwards(action: str, position: Any, means: Told) -> None:
    sent = {"apikey": "k", "exchange": "NSE", "symbol": "SBIN", "action": action, "price": "812.5"}

    assert told({**sent, "position_size": position}, "openalgo") == means


# -- strategies


@pytest.mark.parametrize(
    ("action", "contracts", "position", "means"),
    [
        ("buy", "1", "1", long()),
        ("sell", "1", "0", closed("Bullish")),
        ("sell", "2", "-1", [*closed("Bullish"), *short()]),
        ("buy", "1", "0", closed("Bearish")),
        ("buy", "3", "2", [*closed("Bearish"), *long()]),
        ("buy", "1", "2", []),  # one more of what is open
        ("sell", "1", "1", []),
        ("buy", "1,000", "1,000", long()),
        ("sell", "0.3", "0.00000000000000004", closed("Bullish")),  # what sums of floats leave
    ],
)
def test_tradingviews_own_message_of_a_strategy(action: str, contracts: str, position: str, means: Told) -> None:
    sent = f"order {action} @ {contracts} filled on BTCUSDT. New strategy position is {position}"

    assert told(sent, "strategy-text") == means
    assert told(f"My (14, close): {sent}", "strategy-text") == means


def nested(before: str | None, after: str, *sizes: str) -> dict[str, Any]:
    action, size, contracts = sizes
    order = {"order_action": action, "order_price": 65055, "market_position": after, "prev_market_position": before}
    order |= {"position_size": size, "order_contracts": contracts}
    return {"ticker": "BTCUSDT", "bar": {"time": "2026-03-02T15:30:00Z", "close": 1}, "strategy": order}


@pytest.mark.parametrize("before", [True, False], ids=["told", "by size"])
@pytest.mark.parametrize(
    ("order", "means"),
    [
        (("flat", "long", "buy", "2", "2"), long("65055")),
        (("long", "flat", "sell", "0", "2"), closed("Bullish", "65055")),
        (("long", "short", "sell", "-2", "4"), [*closed("Bullish", "65055"), *short("65055")]),
        (("short", "long", "buy", "2", "4"), [*closed("Bearish", "65055"), *long("65055")]),
        (("long", "long", "sell", "1", "1"), []),
    ],
)
def test_the_form_with_bar_and_strategy_nested(
    before: bool, order: tuple[str, str, str, str, str], means: Told
) -> None:
    sent = nested(order[0] if before else None, *order[1:])

    assert told(sent, "bar-strategy") == means
    assert read(sent, "bar-strategy").bars == ()  # nothing says how long that bar is, or that it was over


# -- texts


@pytest.mark.parametrize(
    ("command", "means"),
    [
        ("buy", long(trade="EURUSD LONG")),
        ("sell", short(trade="EURUSD SHORT")),
        ("closelong", closed("Bullish", trade="EURUSD LONG")),
        ("closeshort", closed("Bearish", trade="EURUSD SHORT")),
        ("closelongopenshort", [*closed("Bullish", trade="EURUSD LONG"), *short(trade="EURUSD SHORT")]),
        ("buylimit", []),  # an order that waits is no trade yet
        ("newsltplong", []),
    ],
)
def test_pineconnector(command: str, means: Told) -> None:
    assert told(f"60123456789,{command},EURUSD,risk=1,sl=1.0520,tp=1.0710", "pineconnector") == means


def test_pineconnectors_sl_is_left_as_it_may_be_pips() -> None:
    (entry,) = read("6012345,buy,EURUSD,risk=1,sl=25,tp=50", "pineconnector").events

    assert not {"stop_loss", "tp1"} & entry.values.keys()


@pytest.mark.parametrize("between", [",", ";", "|", "&", "\n", " ", ", "])
def test_key_and_value_whatever_stands_between(between: str) -> None:
    sent = between.join(["action=buy", "symbol=BTCUSDT", 'price="65000"'])

    assert told(sent, "key-value") == turned(long("65000"))


@pytest.mark.parametrize(
    "sent",
    [
        "BTCUSDT Crossing 65,000",
        "EURUSD Less Than 1.06304",
        "ES1! Crossing Down 5,012.25",
        "AAPL Moving Up 3% in 10 bars",
    ],
)
def test_a_crossed_price_is_taken_and_makes_no_signal(sent: str) -> None:
    assert told(sent, "crossing") == []


# -- relays and bars


@pytest.mark.parametrize("name", ["content", "text"])
def test_a_relays_message_is_read_as_itself(name: str) -> None:
    inner = '{"ticker": "BTCUSDT", "action": "buy", "price": 65000}'

    assert told({name: inner, "username": "TradingView"}, "traderspost") == turned(long("65000"))
    assert told({name: "order buy @ 1 filled on BTCUSDT. New strategy position is 1"}, "strategy-text") == long()


def test_the_indicators_own_message_is_read_through_a_relay() -> None:
    inner = json.dumps({"event_type": "CANCELLED", "trade_id": "A"})

    assert read({"content": inner}, "slack").dialect == "plain"


def test_relays_within_relays_are_not_looked_into() -> None:
    inner = json.dumps({"text": "order buy @ 1 filled on BTCUSDT. New strategy position is 1"})

    assert "no message of the indicator" in refusal({"content": inner}, "strategy-text")


def bar(**fields: Any) -> dict[str, Any]:
    prices = {"open": "20010.25", "high": 20015, "low": 20008.5, "close": 20012}
    named = {"event_type": "PRICE_BAR", "ticker": "CME_MINI:MNQ1!", "interval": "1", "time": "2026-03-02T15:30:00Z"}
    return {**named, **prices, **fields}


def test_a_price_bar_is_named_by_its_open() -> None:
    reading = read(bar())
    (found,) = reading.bars

    assert reading.events == ()
    assert (found.symbol, found.time) == ("MNQ1!", datetime(2026, 3, 2, 15, 30, tzinfo=UTC))
    assert (found.open, found.high, found.low, found.close) == tuple(
        map(Decimal, ("20010.25", "20015", "20008.5", "20012"))
    )


def test_of_a_longer_bar_only_the_close_is_one_minutes() -> None:
    (found,) = read(bar(interval="5")).bars

    assert (found.time, found.close, found.high) == (datetime(2026, 3, 2, 15, 34, tzinfo=UTC), Decimal(20012), None)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"interval": "60"}, "interval '60' is not one of 1 to 30 minutes"),
        ({"interval": None}, "interval None is not one of"),
        ({"time": "2026-03-02T15:30:30Z"}, "is not a whole minute"),
        ({"time": "2026-03-02T15:30:00"}, "has no zone"),
        ({"time": "2026-03-02"}, "is not a time"),
        ({"high": 20001}, "do not lie between low and high"),
        ({"close": "{{close}}"}, "TradingView did not fill in {{close}}"),
        ({"low": None}, "low None is not a number"),
    ],
)
def test_a_bar_that_may_be_wrong_is_refused(wrong: dict[str, Any], says: str) -> None:
    assert says in refusal(bar(**wrong))


def test_prices_without_a_name_are_a_bar_only_once_somebody_says_so() -> None:
    sent = {name: value for name, value in bar().items() if name != "event_type"}

    assert "no message of the indicator" in refusal(sent, "traderspost")
    assert len(read(sent, "ohlc").bars) == 1
