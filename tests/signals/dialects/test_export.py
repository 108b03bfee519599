"""`export`: the indicator's full state, on request."""

from .payloads import all_signals_entry, export, later_entry, read, refusal


def test_an_all_signals_entry_states_its_whole_life():
    (event,) = read(export(all_signals_entry())).events

    assert event.type == "ALL_SIGNALS_EXPORT"
    assert event.values == {
        "direction": "Bearish",
        "state": "CONFIRMED",
        "triangle_time": "2025-12-11T05:31:00Z",
        "confirmation_time": "2025-12-11T05:33:00Z",
        "bars_to_confirmation": 2,
        "entry_price": "25486.75",
        "stop_loss": "25495.5",
        "htf_alignment": {
            "daily": "Neutral",
            "h4": "Bullish",
            "h1": "Bearish",
            "m15": "Neutral",
            "m5": "Bearish",
            "m1": "Bearish",
        },
    }


def test_a_v2_entry_reads_as_the_later_batch_form():
    (event,) = read(export(later_entry(), kind="INDICATOR_EXPORT_V2")).events

    assert event.type == "INDICATOR_EXPORT_V2"
    assert (event.values["mae"], event.values["completed"]) == ("-0.5", False)


def test_nothing_is_measured_on_a_signal_that_is_not_confirmed():
    zeros = {"be_mfe": 0, "no_be_mfe": 0, "mae": 0, "confirmation_time": 0, "bars_to_confirm": 0}
    for state in ("PENDING", "cancelled"):
        (event,) = read(export(all_signals_entry(status=state, entry=0, stop=0, **zeros))).events

        assert event.values.keys() == {"direction", "state", "triangle_time", "htf_alignment"}


def test_an_export_makes_no_price_bars_because_it_fires_at_no_bars_close():
    assert read(export(later_entry(), kind="INDICATOR_EXPORT_V2")).bars == ()


def test_an_unknown_status_is_a_fault_of_its_entry():
    reading = read(export(all_signals_entry(status="RUNNING"), all_signals_entry()))

    assert [event.position for event in reading.events] == [1]
    assert "status 'RUNNING' is none of PENDING, CONFIRMED" in reading.faults[0]


def test_an_export_without_its_list_is_refused():
    assert "is not a list of signals" in refusal({"event_type": "INDICATOR_EXPORT_V2", "batch_number": 1})
