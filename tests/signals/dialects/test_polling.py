"""`polling`: the answer to a sync request, many signals or one."""

from .payloads import all_signals_entry, later_entry, read, refusal, telemetry


def test_a_list_is_read_as_an_export_is():
    reading = read({"event_type": "POLLING_RESPONSE", "signals": [all_signals_entry(), later_entry()]})

    assert reading.dialect == "polling"
    assert [event.type for event in reading.events] == ["POLLING_RESPONSE"] * 2
    assert reading.events[0].values["state"] == "CONFIRMED"


def test_one_signal_may_stand_alone_or_flat():
    alone = read({"event_type": "POLLING_RESPONSE", "signal": later_entry()})
    flat = read({"event_type": "POLLING_RESPONSE", **later_entry()})

    assert alone.events == flat.events
    assert flat.events[0].values["mae"] == "-0.5"


def test_a_local_signal_time_is_a_clock_and_a_number_is_a_moment():
    local = read({"event_type": "POLLING_RESPONSE", **later_entry(triangle_time=None, signal_time="18:49:00")})
    epoch = read({"event_type": "POLLING_RESPONSE", **later_entry(triangle_time=None, signal_time=1765410540000)})

    assert local.events[0].values["signal_clock"] == "18:49:00"
    assert "triangle_time" not in local.events[0].values
    assert epoch.events[0].values["triangle_time"] == "2025-12-10T23:49:00Z"
    assert "signal_clock" not in epoch.events[0].values


def test_the_telemetry_spelling_is_understood_too():
    (event,) = read({"event_type": "POLLING_RESPONSE", "signals": [telemetry("ENTRY")]}).events

    assert (event.values["tp1"], event.values["mae"]) == ("25526.75", "-0.25")


def test_an_answer_about_nothing_is_refused():
    assert "trade_id is missing" in refusal({"event_type": "POLLING_RESPONSE", "signal": {}})
