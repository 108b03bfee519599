"""Tier 2: entry, stop and targets are rungs of one ladder."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signals.prices import is_stop_far

from .build import SHORT_ID, TICK, case, created, entry, proposals, short, update, values

ticks = st.integers(1, 400_000)


def price(count: int) -> str:
    return str(count * TICK)


def test_targets_of_a_long_lie_above_its_entry() -> None:
    found = values("2", case(entry()))
    assert found["targets"] == {"tp1": "110", "tp2": "120", "tp3": "130"}
    assert found["targets_extended"]["1R"] == "110"
    assert found["targets_extended"]["20R"] == "300"
    assert len(found["targets_extended"]) == 20


def test_targets_of_a_short_lie_below_its_entry() -> None:
    found = values("2", case(short(), trade_id=SHORT_ID))
    assert found["targets"] == {"tp1": "90", "tp2": "80", "tp3": "70"}
    assert found["targets_extended"]["20R"] == "-100"


def test_targets_that_were_sent_stay_and_are_extended() -> None:
    found = values("2", case(entry(tp1="110", tp2="120", tp3="130")))
    assert "targets" not in found
    assert found["targets_extended"]["4R"] == "140"


def test_what_is_no_gap_is_filled_without_asking() -> None:
    assert values("2", case(entry()), gaps=[]).keys() == {"targets_extended"}


def test_an_odd_risk_is_rounded_to_the_tick_and_says_so() -> None:
    found = proposals("2", case(entry(stop_loss="99.9", entry_price="100")))["targets_extended"]
    # 0.1, 0.2, 0.3 points with a tick of 0.25; 0.375 would be halfway.
    assert [found.value[f"{n}R"] for n in (1, 2, 3, 4)] == ["100", "100.25", "100.25", "100.5"]
    assert "halves away from the entry" in found.evidence["rounded"]


def test_halves_go_away_from_the_entry_on_either_side() -> None:
    def first(*events: object, **options: object) -> str:
        return values("2", case(*events, tick=Decimal(1), **options))["targets"]["tp1"]

    assert first(entry(stop_loss="97.5")) == "103"
    assert first(short(stop_loss="102.5"), trade_id=SHORT_ID) == "97"


@pytest.mark.parametrize(
    "facts",
    [
        {"tp1": "110", "tp2": "120"},
        {"tp1": "110", "tp3": "130"},
        {"tp2": "120", "tp3": "130"},
        {"entry_price": "100", "tp1": "110"},
        {"stop_loss": "90", "tp1": "110"},
        {"stop_loss": "90", "tp3": "130"},
    ],
)
def test_any_two_rungs_give_entry_and_stop(facts: dict[str, str]) -> None:
    found = values("2", case(update(9, "0.5", **facts)))
    assert facts.get("entry_price") or found["entry_price"] == "100"
    assert facts.get("stop_loss") or found["stop_loss"] == "90"


@pytest.mark.parametrize(
    "facts",
    [
        {"tp1": "110"},
        {"tp1": "110", "tp2": "110"},
        {"tp1": "110", "tp2": "120", "tp3": "131"},
        {"entry_price": "100", "tp1": "110", "tp2": "121"},
        {"entry_price": "100", "stop_loss": "100"},
    ],
)
def test_prices_that_say_too_little_or_contradict_each_other_give_nothing(facts: dict[str, str]) -> None:
    assert values("2", case(update(9, "0.5", direction="Bullish", **facts))) == {}


def test_a_stop_on_the_wrong_side_gives_nothing() -> None:
    assert values("2", case(entry(direction="Bearish"))) == {}


def test_the_side_of_the_stop_tells_the_direction() -> None:
    assert (
        values("2", case(update(9, "0", entry_price="100", stop_loss="110"), trade_id="odd"))["direction"] == "Bearish"
    )


def test_a_pending_signal_has_no_prices() -> None:
    assert values("2", case(created())) == {}


@given(start=ticks, risk=ticks, up=st.booleans())
def test_two_targets_give_back_the_entry_and_the_stop_exactly(start: int, risk: int, up: bool) -> None:
    sign = 1 if up else -1
    rungs = {n: start + sign * n * risk for n in (-1, 0, 1, 2)}
    assume(min(rungs.values()) > 0)
    found = values("2", case(update(9, "0", tp1=price(rungs[1]), tp2=price(rungs[2])), trade_id="odd"))
    assert Decimal(found["entry_price"]) == rungs[0] * TICK
    assert Decimal(found["stop_loss"]) == rungs[-1] * TICK
    assert found["direction"] == ("Bullish" if up else "Bearish")


@given(start=ticks, risk=ticks, up=st.booleans())
def test_every_target_is_a_whole_number_of_ticks_and_of_risks(start: int, risk: int, up: bool) -> None:
    stop = start - risk if up else start + risk
    assume(stop > 0 and not is_stop_far(Decimal(start), Decimal(stop)))
    sent = entry(direction="Bullish" if up else "Bearish", entry_price=price(start), stop_loss=price(stop))
    found = proposals("2", case(sent))["targets_extended"]
    assert "rounded" not in found.evidence
    for n in range(1, 21):
        distance = Decimal(found.value[f"{n}R"]) - start * TICK
        assert distance == (n if up else -n) * risk * TICK
