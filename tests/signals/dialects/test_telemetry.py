"""`telemetry`: three spellings of the excursions, and a `Z` that is false."""

import pytest

from .payloads import created, event, old_telemetry, read, telemetry, values


def test_entry_says_all_it_knows_in_canonical_words():
    entry = event(telemetry("ENTRY"))

    assert (entry.type, entry.trade_id) == ("ENTRY", "20251211_004700000_BULLISH")
    assert entry.values == {
        "direction": "Bullish",
        "session": "LONDON",
        "htf_alignment": {
            "daily": "Neutral",
            "h4": "Bearish",
            "h1": "Neutral",
            "m15": "Bullish",
            "m5": "Neutral",
            "m1": "Bullish",
        },
        "signal_date": "2025-12-11",
        "signal_clock": "00:47:00",
        "entry_price": "25508.25",
        "stop_loss": "25489.75",
        "tp1": "25526.75",
        "tp2": "25545.25",
        "tp3": "25563.75",
        "be_mfe": "0.5",
        "no_be_mfe": "0.75",
        "mae": "-0.25",
    }


def test_a_created_signal_has_an_identity_and_no_measurements():
    assert values(created()).keys() == {"direction", "session", "htf_alignment", "signal_date", "signal_clock"}


def test_zero_prices_of_a_created_signal_mean_nothing():
    zeros = {"tp1_price": 0, "tp2_price": 0, "tp3_price": 0}
    found = values(created(entry_price=0, stop_loss=0, be_price=0, targets=zeros, current_price=0))

    assert not {"entry_price", "stop_loss", "be_price", "tp1", "tp2", "tp3", "current_price"} & found.keys()


@pytest.mark.parametrize("kind", ["MFE_UPDATE", "BE_TRIGGERED", "EXIT_BREAK_EVEN", "EXIT_STOP_LOSS", "CANCELLED"])
def test_event_timestamp_is_the_signals_bar_at_creation_and_entry_only(kind: str):
    assert not {"signal_date", "signal_clock"} & values(telemetry(kind)).keys()


@pytest.mark.parametrize("kind", ["SIGNAL_CREATED", "ENTRY", "MFE_UPDATE", "EXIT_BREAK_EVEN"])
def test_a_timestamp_with_a_false_z_marks_the_script_of_one_leg(kind: str):
    assert values(telemetry(kind, event_timestamp="2025-12-01T00:19:00Z"))["single_leg"] is True
    assert "single_leg" not in values(telemetry(kind))


def test_the_false_z_leaves_the_stated_time_as_it_is():
    found = values(telemetry("ENTRY", event_timestamp="2025-12-01T00:11:00Z"))

    assert (found["signal_date"], found["signal_clock"]) == ("2025-12-01", "00:11:00")


def test_old_mfe_is_the_break_even_leg_and_old_mae_was_never_reported():
    found = values(old_telemetry("MFE_UPDATE", mae_R=0.7))

    assert found["be_mfe"] == "1.34"
    assert not {"no_be_mfe", "mae"} & found.keys()


@pytest.mark.parametrize("spelling", ["mae_R_global", "mae_global_r", "mae"])
def test_a_global_mae_of_exactly_zero_is_a_value(spelling: str):
    assert values(old_telemetry("MFE_UPDATE", **{spelling: 0}))["mae"] == "0"


def test_final_mfe_at_the_stop_is_the_leg_with_the_original_stop():
    found = values(old_telemetry("EXIT_STOP_LOSS", final_mfe_R=3.86))

    assert (found["be_mfe"], found["no_be_mfe"]) == ("1.34", "3.86")


@pytest.mark.parametrize("kind", ["MFE_UPDATE", "BE_TRIGGERED", "EXIT_BREAK_EVEN"])
def test_final_mfe_anywhere_else_is_ignored(kind: str):
    assert "no_be_mfe" not in values(old_telemetry(kind, final_mfe_R=0))


def test_a_leg_of_its_own_beats_final_mfe():
    assert values(telemetry("EXIT_STOP_LOSS", no_be_mfe=2.5, final_mfe_R=9))["no_be_mfe"] == "2.5"


def test_final_excursions_win_at_exits_and_count_nowhere_else():
    finals = {"final_be_mfe": 2, "final_no_be_mfe": 3}
    at_exit, before = values(telemetry("EXIT_STOP_LOSS", **finals)), values(telemetry("MFE_UPDATE", **finals))

    assert (at_exit["be_mfe"], at_exit["no_be_mfe"]) == ("2", "3")
    assert (before["be_mfe"], before["no_be_mfe"]) == ("0.5", "0.75")


def test_an_exit_says_where_and_why():
    found = values(telemetry("EXIT_STOP_LOSS", exit_price=25489.75, exit_reason="original_stop_loss_hit"))

    assert (found["exit_price"], found["exit_reason"]) == ("25489.75", "original_stop_loss_hit")


def test_nulls_are_absent():
    assert not {"be_price", "exit_price", "exit_reason"} & values(telemetry("BE_TRIGGERED")).keys()


def test_risk_in_r_is_no_fact():
    assert values(telemetry("ENTRY", risk_R=0)) == values(telemetry("ENTRY", risk_R=1))


def test_all_bullish_and_all_bearish_at_once_is_noted():
    both = {"h1": "Neutral", "all_bullish": True, "all_bearish": True}
    one = {"h1": "Neutral", "all_bullish": True, "all_bearish": False}

    assert values(telemetry("ENTRY", htf_alignment=both))["htf_conflict"] is True
    assert "htf_conflict" not in values(telemetry("ENTRY", htf_alignment=one))


def test_a_bar_is_emitted_with_the_symbol_only_where_a_price_is_stated():
    priced = read(telemetry("MFE_UPDATE", current_price=25510))

    assert [(str(bar.close), bar.symbol, bar.time) for bar in priced.bars] == [("25510", "MNQ1!", None)]
    assert read(telemetry("MFE_UPDATE")).bars == ()
