"""Drafts: what senders' names and words seem to mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.dialects.builtin import BUILTIN
from signals.dialects.spec import compiled
from signals.teaching.suggesting import fitting, paths_of, suggest


def body(sent: Any) -> bytes:
    return sent.encode() if isinstance(sent, str) else json.dumps(sent).encode()


def draft(*sent: Any) -> dict[str, Any]:
    made = suggest([body(each) for each in sent])
    compiled(made)
    return made


@pytest.mark.parametrize("name", BUILTIN)
def test_a_draft_of_every_known_sample_could_be_saved(name: str) -> None:
    draft(*BUILTIN[name].samples)


def test_values_are_found_by_what_senders_call_them() -> None:
    made = draft({"Symbol": "BTC", "side": "LONG", "entryPrice": "1.5", "sl": 1, "meta": {"tp1": 2, "note": "x"}})

    assert made["values"] == {
        "symbol": "Symbol", "action": "side", "price": "entryPrice", "stop_loss": "sl", "tp1": "meta.tp1",
    }  # fmt: skip
    assert made["recognise"] == {"has": ["Symbol", "side"]}
    assert made["trade_id"] == ["symbol"]
    assert "no_stop_loss" not in made["gaps_off"]


def test_a_stop_that_may_be_in_pips_is_not_taken_for_a_price() -> None:
    assert "stop_loss" not in draft({"ticker": "EURUSD", "action": "buy", "price": 1.06, "sl": 25})["values"]
    assert "stop_loss" not in draft("60123456789,buy,EURUSD,risk=1,sl=1.052")["values"]


def test_rules_are_of_the_words_that_were_sent_and_what_is_not_certain_has_none() -> None:
    made = draft(*({"ticker": "A", "action": word} for word in ("long", "short", "exit_long", "wait")))

    assert made["events"] == [
        {"if": {"action": ["long"]}, "then": ["turn long"]},
        {"if": {"action": ["short"]}, "then": ["turn short"]},
        {"if": {"action": ["exit_long"]}, "then": ["close long"]},
    ]


def test_a_number_in_a_text_is_not_taken_for_a_price() -> None:
    made = draft("go long MNQ1! with 2 at 20,010.25")

    assert made["text"] == {"templates": ["go {{action}} {{symbol}} with {{number:number}} at {{number2:number}}"]}
    assert made["values"] == {"symbol": "symbol", "action": "action"}


def test_a_list_of_pairs_is_seen_as_one() -> None:
    made = draft("777,buy,EURUSD,risk=1")

    assert made["text"] == {"pairs": {"between": ",", "equals": "=", "first": ["part1", "action", "symbol"]}}


def test_a_list_of_words_is_seen_as_one_too() -> None:
    made = draft("AAPL,buy,150.25,10")

    assert made["text"]["pairs"]["first"] == ["symbol", "action", "part3", "part4"]


def test_pairs_may_be_joined_by_colons_but_one_colon_is_a_sentences() -> None:
    assert draft("sym: ES1!; way: up; px: 5012.25")["text"] == {"pairs": {"between": ";", "equals": ":", "first": []}}
    assert "templates" in draft("Alert: buy ES1!")["text"]


@given(st.text("abcXYZ019 ,;=:.@{}\"'", max_size=200))
def test_a_draft_of_whatever_text_could_be_saved(sent: str) -> None:
    draft(sent)


def test_all_values_can_be_picked_by_path() -> None:
    found = paths_of(body({"a": {"b c": 1}, "list": [{"d": "x"}], "flag": True, "passphrase": "open"}))

    assert [(each.path, each.shown, each.number) for each in found] == [
        ('a."b c"', "1", True), ("list[0].d", "x", False), ("flag", "true", False), ("passphrase", "***", False),
    ]  # fmt: skip
    assert [each.path for each in paths_of(b"X up", {"templates": ["{{ticker}} up"]})] == ["ticker"]


def test_what_fits_is_offered_through_a_relay_too() -> None:
    inner = "order buy @ 1 filled on BTCUSDT. New strategy position is 1"

    assert [each.spec["name"] for each in fitting(body({"content": inner}))] == ["strategy-text"]
    assert fitting(b"good morning") == []
