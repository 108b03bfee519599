"""Several alerts in one body, one bad among good ones, and values that are no numbers: what is good is taken."""

import json
from decimal import Decimal
from typing import Any

import pytest

from signals import dialects
from signals.facts import UnreadableError
from signals.formats import canonical
from tests.cases import case

from .payloads import batch, batch_entry, body, plain, read, refusal, snapshot, telemetry, values

A, B = (plain("ENTRY", trade_id=f"20251212_14{minute}00000_BULLISH") for minute in (40, 45))
HEARTBEAT = {"event_type": "HEARTBEAT", "signal_count": 3}


# -- no number


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", '"NaN"', '"nan"', '"na"', '"N/A"', '" NaN "'])
def test_what_is_no_number_is_absent_and_told(word: str):
    sent = f'{{"event_type":"MFE_UPDATE","trade_id":"A","be_mfe":{word},"no_be_mfe":1.5,"mae":null}}'
    reading = dialects.read(sent.encode())

    assert reading.events[0].values == {"no_be_mfe": "1.5"}
    (fault,) = reading.faults
    assert fault.startswith("MFE_UPDATE: be_mfe ")
    assert fault.endswith(" is no number and counts as absent")


@pytest.mark.parametrize("nothing", [None, "", "null"])
def test_what_is_empty_is_absent_and_nothing_special(nothing: Any):
    reading = read(plain("MFE_UPDATE", be_mfe=nothing))

    assert (reading.faults, "be_mfe" in reading.events[0].values) == ((), False)


def test_an_alert_whose_targets_are_no_numbers_keeps_the_rest():
    found = read(telemetry("ENTRY", targets={"tp1_price": "NaN", "tp2_price": 25545.25}))

    assert "tp1" not in found.events[0].values
    assert found.events[0].values["tp2"] == "25545.25"
    assert found.faults == ("ENTRY: targets.tp1_price 'NaN' is no number and counts as absent",)


def test_an_id_that_is_no_number_is_missing():
    assert "trade_id 'NaN' is missing" in refusal(b'{"event_type":"ENTRY","trade_id":NaN,"entry_price":1}')


def test_a_snapshot_without_prices_still_tells_of_its_signals():
    gone = dict.fromkeys(("open", "high", "low", "close"), "NaN")
    reading = read(snapshot(**gone))

    assert (len(reading.events), reading.bars) == (2, ())


def test_a_mended_body_may_hold_what_is_no_number():
    broken = b'{"event_type":"ENTRY","trade_id":"A","entry_price":25740","stop_loss":25730,"be_mfe":NaN}'
    reading = dialects.read(broken)

    assert reading.events[0].values["entry_price"] == "25740"
    assert "be_mfe 'NaN' is no number" in reading.faults[0]


# -- one bad entry


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ('{"trade_id":"B","be_mfe":1,"be_mfe":2}', "it names 'be_mfe' twice"),
        ('{"trade_id":"B","mae:0,mfe":1}', "the name 'mae:0,mfe' has lost its quotes"),
        ('{"trade_id":"B","be_mfe":1e99999999999999999999}', "it holds a number too long to be read"),
        ('{"trade_id":"B","be_mfe":%s}' % ("9" * 5000), "it holds a number too long to be read"),
        ('{"trade_id":"B","setup":{"a":1,"a":2}}', "it names 'a' twice"),
        ('{"trade_id":"{{plot_0}}"}', "TradingView did not fill in {{plot_0}}"),
        ('{"trade_id":"B","be_mfe":"high"}', "be_mfe 'high' is not a number"),
        ("7", "'7' is not an object"),
    ],
)
def test_one_bad_entry_of_a_batch_costs_itself_only(bad: str, fault: str):
    good = json.dumps(batch_entry())
    reading = dialects.read(f'{{"event_type":"MFE_UPDATE_BATCH","signals":[{good},{bad},{good}]}}'.encode())

    assert [event.position for event in reading.events] == [0, 2]
    assert fault in reading.faults[0]


def test_a_name_that_swallowed_other_entries_costs_the_body():
    swallowed = b'{"event_type":"MFE_UPDATE_BATCH","signals":[{"trade_id":"A","x:1},{y":2},{"trade_id":"C"}]}'

    assert "has lost its quotes" in refusal(swallowed)


def test_a_list_of_thousands_is_no_alert():
    assert "no alert has more than 5,000" in refusal({"event_type": "MFE_UPDATE_BATCH", "signals": [0] * 5001})
    assert "no alert has so many" in refusal(b"{}" * 5001)


# -- several alerts


@pytest.mark.parametrize(
    "sent",
    [
        body(A) + b"\n" + body(B),
        body(A) + body(B),
        body(A) + b" ,\r\n " + body(B),
        body([A, B]),
        json.dumps([A, B], indent=1).encode(),
    ],
)
def test_several_objects_are_several_alerts_whose_positions_go_on(sent: bytes):
    reading = dialects.read(sent)

    assert [(event.trade_id, event.position) for event in reading.events] == [(A["trade_id"], 0), (B["trade_id"], 1)]
    assert (reading.dialect, reading.faults, reading.repair) == ("plain", (), None)


def test_alerts_of_several_dialects_go_together():
    first, last = batch(batch_entry(), batch_entry(trade_id="B")), plain("MFE_UPDATE", current_price=25740)
    reading = dialects.read(body(first) + b"\n" + body(HEARTBEAT) + b"\n" + body(last))

    assert reading.dialect == "several"
    assert [event.position for event in reading.events] == [0, 1, 3]
    assert [(bar.close, bar.position) for bar in reading.bars] == [(Decimal("25513.75"), 0), (Decimal(25740), 3)]
    assert reading.heartbeat is not None
    assert reading.heartbeat.signal_count == 3


def test_an_alert_that_cannot_be_read_is_a_fault_beside_those_that_can():
    reading = dialects.read(body([{"colour": 1}, A, plain("ENTRY", be_mfe="x")]))

    assert [(event.trade_id, event.position) for event in reading.events] == [(A["trade_id"], 1)]
    assert reading.refused == 2
    assert reading.faults[0].startswith("alert 1: This is no message of the indicator")
    assert reading.faults[1].startswith("alert 3: plain: ENTRY: be_mfe 'x' is not a number")


def test_what_is_no_object_in_a_list_of_alerts_costs_only_itself():
    reading = dialects.read(b'[5,{"event_type":"ENTRY","trade_id":"x","entry_price":1},null,"y"]')
    assert [event.trade_id for event in reading.events] == ["x"]
    assert len(reading.faults) == 3
    assert "'5' is no object" in reading.faults[0]


def test_a_wrapped_alert_may_be_one_of_several():
    assert len(dialects.read(body([{"attributes": A}, {"attributes": B}])).events) == 2


def test_each_of_several_alerts_is_mended_by_itself():
    damaged = body(B).replace(b'"entry_price":25740', b'"entry_price":25740"')
    reading = dialects.read(body(A) + b"\n" + damaged)

    assert [dict(event.values) for event in reading.events] == [values(A), values(B)]
    assert reading.repair is not None
    assert reading.repair.summary.startswith("1 quotes removed, 0 added")


@pytest.mark.parametrize("damage", [b'"entry_price":', b'"entry_price":1,2', b'"entry_price":(1)'])
def test_one_of_several_that_takes_more_than_quotes_is_refused_without_a_proposal(damage: bytes):
    with pytest.raises(UnreadableError, match="Of several alerts number 2 cannot be read") as caught:
        dialects.read(body(A) + b"\n" + body(B).replace(b'"entry_price":25740', damage))
    assert caught.value.proposal == ""


# -- placeholders


@pytest.mark.parametrize(
    "fields",
    [
        {"trade_id": "{{strategy.order.id}}"},
        {"trade_id": "x-{{plot_0}}"},
        {"entry_price": "{{close}}"},
        {"direction": "{{strategy.order.action}}"},
        {"event_type": "{{strategy.order.comment}}"},
        {"signal_date": "{{time}}"},
        {"htf_1h": '{{plot("h1")}}'},
        {"session": "{{session}}"},
    ],
)
def test_a_placeholder_in_a_value_that_is_read_is_refused(fields: dict[str, Any]):
    reason = refusal(plain("ENTRY", **fields))

    assert f"TradingView did not fill in {next(iter(fields.values())).removeprefix('x-')}; placeholders work" in reason
    assert "only in the alert dialog's message, not in alert()" in reason


@pytest.mark.parametrize(
    "sent",
    [b'{"event_type":"ENTRY","trade_id":"A","price": {{close}}}', b'{"trade_id":{{strategy.order.id}},"a":1}'],
)
def test_a_placeholder_that_makes_it_no_json_is_told_as_what_it_is(sent: bytes):
    assert "TradingView did not fill in {{" in refusal(sent)


def test_a_placeholder_where_nobody_reads_does_no_harm():
    assert values(plain("ENTRY", comment="{{strategy.order.comment}}")) == values(plain("ENTRY"))


def test_a_symbol_that_was_not_filled_in_leaves_the_event_and_drops_its_price():
    reading = read(plain("ENTRY", symbol="{{ticker}}", current_price=25740))

    assert (len(reading.events), reading.bars) == (1, ())
    assert "did not fill in {{ticker}}" in reading.faults[0]


# -- ids


@pytest.mark.parametrize(
    "sent",
    [
        "20251212_144000000_BULLISH",
        "20251212_144000000_bullish",
        " 20251212_144000000_Bullish ",
        "20251212_144000000_LONG",
        "20251212_144000000_buy",
        "20251212_144000000_Bull",
        "20251212 _144000000 _BULLISH",
    ],
)
def test_an_id_has_one_spelling(sent: str):
    assert read(plain("ENTRY", trade_id=sent)).events[0].trade_id == "20251212_144000000_BULLISH"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("20251212_144000_sell", "20251212_144000_BEARISH"),
        ("20251123_150700", "20251123_150700"),
        (" order  7 ", "order 7"),
        ("Long", "Long"),
    ],
)
def test_an_id_says_no_more_than_was_sent(sent: str, kept: str):
    assert read(plain("ENTRY", trade_id=sent)).events[0].trade_id == kept


# -- the cases


def test_the_case_of_one_nan_in_a_batch():
    reading = dialects.read(case("16-one-NaN-costs-the-batch", "batch.json").read_bytes())

    good, without = (dict(event.values) for event in reading.events)
    assert (good, without) == ({"be_mfe": "0.5", "no_be_mfe": "0.5"}, {"no_be_mfe": "0.1"})
    assert reading.faults == ("entry 1, MFE_UPDATE: be_mfe 'NaN' is no number and counts as absent",)


def test_the_case_of_a_quoted_nan():
    reading = dialects.read(case("16-one-NaN-costs-the-batch", "quoted.json").read_bytes())

    assert dict(reading.events[0].values) == {"no_be_mfe": "1.5"}


def test_the_case_of_two_objects():
    reading = dialects.read(case("23-two-objects-in-one-body", "body.txt").read_bytes())

    assert [event.trade_id for event in reading.events] == ["20261126_030500000_BULLISH", "20261126_030600000_BEARISH"]
    assert [event.values["entry_price"] for event in reading.events] == ["24000.25", "24010.25"]


@pytest.mark.parametrize(("file", "name"), [("a.json", "{{strategy.order.id}}"), ("b.json", "{{plot_0}}")])
def test_the_case_of_a_placeholder_as_id(file: str, name: str):
    assert f"TradingView did not fill in {name};" in refusal(case("08-placeholder-as-id", file).read_bytes())


def test_canonical_numbers_are_plain():
    assert canonical(Decimal("2.44E-8")) == "0.0000000244"
