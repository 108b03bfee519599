"""Specs: how formats say what a message means, and what is refused before it is saved."""

import json
import time
from typing import Any

import pytest

from signals import dialects
from signals.dialects.spec import SpecError, compiled
from signals.facts import FACTS, Reading, UnreadableError
from tests.signals.dialects.payloads import plain


def spec(**parts: Any) -> dict[str, Any]:
    """A format for {"ticker": …, "action": …, "price": …}; parts replace its own, None takes one away."""
    own = {
        "name": "mine",
        "recognise": {"has": ["ticker"]},
        "values": {"symbol": "ticker", "action": "action", "price": "price"},
        "events": [{"if": {"action": ["buy"]}, "then": ["open long"]}, {"if": {"action": ["flat"]}, "then": ["close"]}],
        "trade_id": ["symbol"],
    }
    return {name: value for name, value in {**own, **parts}.items() if value is not None}


def read(sent: Any, *specs: dict[str, Any]) -> Reading:
    body = sent if isinstance(sent, str) else json.dumps(sent)
    return dialects.read(body.encode(), formats=lambda: [compiled(each, key) for key, each in enumerate(specs, 1)])


def values(sent: Any, made: dict[str, Any]) -> dict[str, Any]:
    (event,) = read(sent, made).events
    return {name: value for name, value in event.values.items() if name != "one_position"}


def refusal(sent: Any, made: dict[str, Any]) -> str:
    with pytest.raises(UnreadableError) as error:
        read(sent, made)
    return error.value.reason


def wrong(made: Any) -> SpecError:
    with pytest.raises(SpecError) as error:
        compiled(made)
    return error.value


BUY = {"ticker": "BTCUSDT", "action": "buy", "price": 65000}


def test_a_format_says_who_read_it_and_is_asked_for_what_no_dialect_in_code_reads() -> None:
    assert (read(BUY, spec()).dialect, read(BUY, spec()).format) == ("mine", 1)
    assert read(plain("CANCELLED"), spec(recognise={})).dialect == "plain"


def test_what_a_dialect_in_code_refuses_may_be_a_formats() -> None:
    sent = {"event_type": "order", "trade_id": "7", **BUY}

    assert read(sent, spec()).dialect == "mine"
    assert "'order' is not one of" in refusal(sent, spec(recognise={"has": ["somewhere_else"]}))


def test_formats_are_asked_only_for_what_no_dialect_reads() -> None:
    def asked() -> list[Any]:
        raise AssertionError("it was asked")

    assert dialects.read(json.dumps(plain("CANCELLED")).encode(), formats=asked).dialect == "plain"


def test_the_first_format_that_can_read_a_message_reads_it() -> None:
    none = spec(name="none", events=[{"if": {"action": ["sell"]}, "then": ["open short"]}])

    assert read(BUY, none, spec()).dialect == "mine"
    assert "none: no rule says what action 'buy' means" in refusal(BUY, none)


def test_every_fact_can_be_given_a_path() -> None:
    sent = {"id": "a"}
    made = spec(
        recognise={"has": ["id"]},
        values={"id": "id", **{name: f"facts.{name}" for name in FACTS}},
        events=[{"then": ["ENTRY"]}],
        trade_id=["id"],
    )
    facts = {
        **dict.fromkeys((name for name, kind in FACTS.items() if kind == "price"), "1.5"),
        **dict.fromkeys((name for name, kind in FACTS.items() if kind == "r"), -0.5),
        **dict.fromkeys((name for name, kind in FACTS.items() if kind == "count"), 3),
        **dict.fromkeys((name for name, kind in FACTS.items() if kind == "flag"), "true"),
        **dict.fromkeys((name for name, kind in FACTS.items() if kind == "moment"), "2026-03-02T15:30:00Z"),
        "direction": "LONG",
        "session": "NY_AM",
        "state": "active",
        "signal_date": "2026-03-02",
        "signal_clock": "10:30:00",
        "htf_alignment": {"daily": "BULL", "h4": None},
    }
    found = values({**sent, "facts": facts}, made)
    not_of_entry = {"exit_reason", "one_position", "cancel_reason", "cancelled_by", "bars_pending", "htf_conflict"}

    assert FACTS.keys() - found.keys() == not_of_entry
    assert (found["direction"], found["stop_loss"], found["be_mfe"]) == ("Bullish", "1.5", "-0.5")
    assert (found["triangle_time"], found["htf_alignment"]) == ("2026-03-02T15:30:00Z", {"daily": "Bullish"})


def test_words_are_translated_whatever_their_case() -> None:
    made = spec(
        values={"symbol": "ticker", "direction": "side"},
        words={"direction": {"Kauf": "Bullish", "-1": "Bearish"}},
        events=[{"then": ["SIGNAL_CREATED"]}],
    )

    assert values({"ticker": "A", "side": "KAUF"}, made) == {"direction": "Bullish"}
    assert values({"ticker": "A", "side": -1}, made) == {"direction": "Bearish"}
    assert "direction 'halten' is none of kauf, -1" in refusal({"ticker": "A", "side": "halten"}, made)


@pytest.mark.parametrize(
    ("condition", "sent", "fits"),
    [
        (["buy"], "Buy ", True),
        (["1"], 1, True),
        ([1], "1", True),
        ([""], None, True),
        ([""], "buy", False),
        (["*"], "anything", True),
        (["*"], None, False),
        ([">0"], "0.5", True),
        (["<0"], "-1,000", True),
        (["=0"], "0.00", True),
        ([">0"], "none", False),
        (["true"], True, True),
        (["buy"], ["buy"], False),
    ],
)
def test_a_condition_is_of_words_or_of_a_numbers_sign(condition: list[Any], sent: Any, fits: bool) -> None:
    made = spec(events=[{"if": {"action": condition}, "then": ["open long"]}, {"then": ["nothing"]}])

    assert bool(read({**BUY, "action": sent}, made).events) is fits


def test_a_price_is_the_entrys_where_a_step_opens_and_the_exits_where_it_closes() -> None:
    made = spec(values={**spec()["values"], "stop_loss": "sl"})

    assert values({**BUY, "sl": 64000}, made) == {
        "direction": "Bullish", "entry_price": "65000", "stop_loss": "64000",
    }  # fmt: skip
    assert values({**BUY, "sl": 64000, "action": "flat"}, made) == {"exit_price": "65000"}


def test_ids_are_of_the_values_that_the_format_names() -> None:
    made = spec(
        values={**spec()["values"], "order": "order.id", "name": "'Breakout'"}, trade_id=["name", "symbol", "order"]
    )
    (event,) = read({**BUY, "ticker": "binance:btcusdt.p", "order": {"id": 7}}, made).events

    assert event.trade_id == "Breakout BTCUSDT.P 7"
    assert "order, of which the trade id is made, is missing" in refusal(BUY, made)


def test_a_symbol_that_is_none_is_named_with_what_was_sent() -> None:
    bar = {name: name for name in ("open", "high", "low", "close", "time", "interval")} | {"symbol": "ticker"}
    sent = {"ticker": "X" * 33, "open": 1, "high": 1, "low": 1, "close": 1, "time": 1772467140, "interval": "1"}

    said = f"symbol '{'X' * 33}' is longer than 32 characters"
    assert f"mine: {said}" in refusal({**BUY, "ticker": "X" * 33}, spec())
    assert f"price bar: {said}" in refusal(sent, spec(events=None, bar=bar))


def test_numbers_as_others_write_them_are_read_only_as_the_format_says() -> None:
    german = spec(numbers={"decimal": ",", "group": "."})

    assert values({**BUY, "price": "65.000,5"}, german)["entry_price"] == "65000.5"
    assert "is not written like 1.234,5" in refusal({**BUY, "price": "65.5"}, german)
    assert "is not a number" in refusal({**BUY, "price": "65,000"}, spec())


TIMED = spec(values={"symbol": "ticker", "triangle_time": "time"}, events=[{"then": ["SIGNAL_CREATED"]}])


@pytest.mark.parametrize(
    ("sent", "means"),
    [
        ("2026-03-02T15:30:00Z", "2026-03-02T15:30:00Z"),
        ("2026-03-02T10:30:00-05:00", "2026-03-02T15:30:00Z"),
        ("2026-03-02 10:30", "2026-03-02T15:30:00Z"),
        (1772465400, "2026-03-02T15:30:00Z"),
        ("1772465400000", "2026-03-02T15:30:00Z"),
    ],
)
def test_a_time_without_a_zone_is_read_in_the_formats(sent: Any, means: str) -> None:
    made = {**TIMED, "times": {"zone": "America/New_York"}}

    assert values({"ticker": "A", "time": sent}, made) == {"triangle_time": means}


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ("2026-03-02 10:30", "has no zone"),
        ("2026-03-02", "is not a time"),
        ("02.03.2026 10:30", "is not a time"),
        (17, "is not a time in epoch milliseconds"),
    ],
)
def test_a_time_is_never_guessed(sent: Any, says: str) -> None:
    assert says in refusal({"ticker": "A", "time": sent}, TIMED)


def test_an_hour_that_clocks_show_twice_is_not_guessed_either() -> None:
    sent = {"ticker": "A", "time": "2026-11-01 01:30"}

    assert "show twice" in refusal(sent, {**TIMED, "times": {"zone": "America/New_York"}})


@pytest.mark.parametrize(
    ("part", "where", "says"),
    [
        ({"name": "so long a name for it"}, "name", "1 to 16"),
        ({"name": "a name"}, "name", "letters"),
        ({"colour": 1}, "colour", "no such part"),
        ({"events": None}, "events", "Say what the message means"),
        ({"events": []}, "events", "list of 1 to 40 rules"),
        ({"events": [{"then": ["buy"]}]}, "events[0].then", "open long"),
        ({"events": [{"if": {"side": ["buy"]}, "then": ["open long"]}]}, "events[0].if.side", "No value has this name"),
        ({"events": [{"if": {"action": []}, "then": ["open long"]}]}, "events[0].if.action", "1 to 60 words"),
        ({"values": {"price": "price["}}, "values.price", "no path that can be read"),
        ({"values": {"price": "sum(@)"}}, "values.price", "uses functions"),
        ({"values": {"price": "[@,@]|[@,@]"}}, "values.price", "which formats may not"),
        ({"values": {"price": "a" * 300}}, "values.price", "longer than 200"),
        ({"values": {"a price": "price"}}, "values.a price", "letters, digits and _"),
        ({"trade_id": []}, "trade_id", "signal's id"),
        ({"trade_id": ["order"]}, "trade_id", "'order'"),
        ({"words": {"direction": {"buy": "Bullish"}}}, "words.direction", "No value has this name"),
        ({"recognise": {"has": "ticker"}}, "recognise.has", "list of paths"),
        ({"recognise": {"is": []}}, "recognise", "has"),
        ({"sides": "both"}, "sides", "together"),
        ({"sides": "apart"}, "events", "say open or close"),
        ({"times": {"zone": "New York"}}, "times.zone", "no such time zone"),
        ({"numbers": {"decimal": ",", "group": ","}}, "numbers", "two different marks"),
        ({"text": {"templates": []}}, "text", "template"),
        ({"text": {"templates": ["{{a}}{{b}}x"]}}, "text", "nothing between them"),
        ({"text": {"templates": ["{{a:date}}"]}}, "text", "there are word, number, text"),
        ({"text": {"pairs": {"between": "-"}}}, "text", "a space or a line break"),
        ({"bar": {"open": "o", "colour": "c"}}, "bar.colour", "A bar has"),
        ({"bar": {"open": "o"}}, "bar.high", "all four prices"),
        ({"within": "content"}, "within", "no events"),
        ({"about": "x" * 30_000}, "", "at most 20,000 characters"),
        ({"gaps_off": "no_mae"}, "gaps_off", "list of gaps"),
        ({"about": "a\x00b"}, "", "zero character"),
        ({"values": {"price\ud800": "price"}}, "", "half a character"),
    ],
)
def test_a_spec_that_cannot_be_used_is_refused_with_its_place_and_a_sentence(
    part: dict[str, Any], where: str, says: str
) -> None:
    error = wrong(spec(**part))

    assert error.where == where
    assert says in error.says
    assert error.says.endswith(".")


@pytest.mark.parametrize("made", [None, [], "mine", {1: 2}, {"name": {}}, {"name": "x", "events": [[]]}])
def test_what_is_no_spec_at_all_is_refused(made: Any) -> None:
    assert wrong(made).says


def test_a_format_that_fails_costs_what_it_recognises_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr("signals.dialects.translation.Translation.entries", fail)

    assert "The format mine failed on it (KeyError). Correct or retire the format." in refusal(BUY, spec())
    assert "no message of the indicator" in refusal({"other": 1}, spec())


def test_a_text_that_only_looks_like_json_is_read_by_its_format_all_the_same() -> None:
    made = spec(text={"templates": ["{BOT} {{ticker}} {{action}}"]})

    assert read("{BOT} ES1! buy", made).events[0].trade_id == "ES1!"
    assert "TradingView did not fill in {{ticker}}" in refusal("BOT {{ticker}} buy", made)


def test_hostile_texts_are_answered_at_once() -> None:
    parts = " ".join(f"a {{{{p{number}:text}}}}" for number in range(30))
    made = spec(
        text={"templates": [f"{parts} end"]}, recognise={}, values={}, trade_id=[], events=[{"then": ["nothing"]}]
    )
    began = time.process_time()

    for sent in ("a " * 4000, "a x" * 2700, "x" * 100_000, "a b " * 30 + "a" * 300):
        refusal(sent, made)
    assert time.process_time() - began < 0.5
