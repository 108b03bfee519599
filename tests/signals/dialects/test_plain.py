"""`plain`: one flat event in any spelling."""

import pytest

from .payloads import event, plain, read, refusal, values


def test_the_curl_example_of_a_created_signal():
    reading = read(
        {
            "event_type": "SIGNAL_CREATED",
            "trade_id": "20251212_144000000_BULLISH",
            "direction": "Bullish",
            "session": "NY PM",
            "signal_date": "2025-12-12",
            "signal_time": "14:40:00",
            "event_timestamp": "2025-12-12T14:40:00",
            "htf_alignment": {"daily": "Bullish", "h4": "Neutral"},
        }
    )

    assert reading.dialect == "plain"
    assert reading.events[0].values == {
        "direction": "Bullish",
        "session": "NY PM",
        "signal_date": "2025-12-12",
        "signal_clock": "14:40:00",
        "htf_alignment": {"daily": "Bullish", "h4": "Neutral"},
    }


def test_the_event_timestamp_is_not_taken_for_the_signals_bar():
    sent = plain("MFE_UPDATE", signal_date=None, signal_time=None, event_timestamp="2025-12-12T15:00:00")

    assert not {"signal_date", "signal_clock"} & values(sent).keys()


def test_a_cancellation_says_why_by_whom_and_after_how_many_bars():
    sent = plain(
        "CANCELLED",
        cancelled_time="2025-12-12T14:50:00",
        cancel_reason="opposite_signal",
        bars_pending=3,
        cancelled_by="20251212_145000000_BEARISH",
        be_mfe=0,
        mae=0,
    )
    found = values(sent)

    assert (found["cancel_reason"], found["bars_pending"]) == ("opposite_signal", 3)
    assert found["cancelled_by"] == "20251212_145000000_BEARISH"
    assert not {"be_mfe", "mae"} & found.keys()


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("EXIT_SL", "EXIT_STOP_LOSS"),
        ("EXIT_BE", "EXIT_BREAK_EVEN"),
        ("exit_sl", "EXIT_STOP_LOSS"),
        ("mfe_update", "MFE_UPDATE"),
        (" Entry ", "ENTRY"),
    ],
)
def test_event_types_are_known_by_every_spelling(sent: str, meant: str):
    assert event(plain(sent)).type == meant


def test_a_report_type_is_not_a_single_event():
    assert "is not one of" in refusal(plain("MFE_UPDATES"))


def test_an_entry_priced_zero_is_refused_because_entry_owns_the_price():
    assert "entry_price '0' is not above zero" in refusal(plain("ENTRY", entry_price=0))


def test_a_carried_price_of_zero_is_a_placeholder():
    assert "entry_price" not in values(plain("EXIT_SL", entry_price=0))
