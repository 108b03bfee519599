"""`strategy`: `type` and `signal_id`, one leg, ENTRY's timestamp is the triangle's bar."""

from decimal import Decimal

import pytest

from signals.facts import BarFacts

from .payloads import event, read, refusal, strategy, values


def test_entry_says_all_it_knows_in_canonical_words():
    entry = event(strategy("ENTRY"))

    assert (entry.type, entry.trade_id, entry.position) == ("ENTRY", "20251114_052300000_BULLISH", 0)
    assert entry.values == {
        "direction": "Bullish",
        "session": "NY PRE",
        "triangle_time": "2025-11-14T11:22:00Z",
        "entry_price": "24847",
        "stop_loss": "24818",
        "tp1": "24876",
        "tp2": "24905",
        "tp3": "24934",
        "be_price": "24847",
        "be_mfe": "0",
        "no_be_mfe": "0",
        "be_triggered": False,
        "single_leg": True,
    }


@pytest.mark.parametrize("kind", ["MFE_UPDATE", "BE_TRIGGERED", "EXIT_BREAK_EVEN"])
def test_the_timestamp_of_any_other_event_is_not_the_triangles(kind: str):
    found = values(strategy(kind))

    assert "triangle_time" not in found
    assert found["single_leg"] is True


def test_the_local_date_and_time_are_left_because_the_id_is_in_another_zone():
    assert not {"signal_date", "signal_clock"} & values(strategy("ENTRY")).keys()


def test_an_update_carries_the_extremes_and_the_close_of_its_bar():
    reading = read(strategy("MFE_UPDATE"))

    assert reading.events[0].values == {
        "be_mfe": "0.1379310345",
        "no_be_mfe": "0.1379310345",
        "highest_high": "24851",
        "lowest_low": "24836.75",
        "current_price": "24844.5",
        "single_leg": True,
    }
    assert reading.bars == (BarFacts(Decimal("24844.5")),)


def test_an_exit_gives_the_final_excursions_and_its_reason():
    found = values(strategy("EXIT_BREAK_EVEN"))

    assert (found["be_mfe"], found["no_be_mfe"]) == ("1.68", "1.7")
    assert found["exit_reason"] == "be_stop_loss_hit"


def test_the_alerts_status_word_is_not_the_signals_state():
    assert "state" not in values(strategy("EXIT_BREAK_EVEN"))


def test_an_unknown_event_type_is_refused_by_name_and_with_the_keys_seen():
    reason = refusal(strategy("ENTRY") | {"type": "TRAILED"})

    assert "'TRAILED' is not one of" in reason
    assert "'signal_id'" in reason
