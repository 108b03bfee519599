"""Which events are one signal's: by the symbol that they state, and in an id that names no bar by its lives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from signals.signal.identity import Place, grouping, lives_of
from signals.symbols import spellings
from tests.builders import TRADE_ID, at


@dataclass(frozen=True)
class Told:
    type: str
    minute: float = 1
    symbol: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fire_minute(self) -> datetime:
        return at(self.minute)


def entry(minute: float, price: str = "100", **facts: Any) -> Told:
    return Told("ENTRY", minute, facts={"entry_price": price, **facts})


def exit_at(minute: float) -> Told:
    return Told("EXIT_STOP_LOSS", minute)


MNQ, MES, UNNAMED = (Told("ENTRY", symbol=symbol) for symbol in ("MNQ1!", "MES1!", ""))


# -- symbols


@pytest.mark.parametrize(
    ("events", "home", "symbols"),
    [
        ([MNQ, UNNAMED], "", ["MNQ1!", "MNQ1!"]),
        ([UNNAMED, UNNAMED], "MES1!", ["", ""]),
        ([MNQ, MES], "", ["MNQ1!", "MES1!"]),
        ([MNQ, MES, UNNAMED], "MES1!", ["MNQ1!", "MES1!", "MES1!"]),
        ([MNQ, MES, UNNAMED], "MES", ["MNQ1!", "MES1!", "MES1!"]),
        ([MNQ, MES, UNNAMED], "", ["MNQ1!", "MES1!", ""]),
        ([MNQ, MES, UNNAMED], "NQ1!", ["MNQ1!", "MES1!", ""]),
        ([MNQ, Told("ENTRY", symbol="MNQ")], "", ["MNQ1!", "MNQ1!"]),
    ],
)
def test_what_states_no_symbol_is_of_the_only_one_else_of_the_sources(
    events: list[Told], home: str, symbols: list[str]
) -> None:
    assert [place.symbol for place in grouping(TRADE_ID, events, home)] == symbols


def test_a_perpetual_contract_is_another_thing_than_its_coin() -> None:
    assert spellings(["BTCUSDT", "BTCUSDT.P", "MNQ", "MNQ1!", "MNQ2!"])["BTCUSDT"] == "BTCUSDT"
    assert spellings(["MNQ", "MNQ2!"])["MNQ"] == "MNQ"


# -- lives


@pytest.mark.parametrize(
    ("events", "lives"),
    [
        ([entry(1), exit_at(5), entry(9, "101"), exit_at(12)], [1, 1, 2, 2]),
        ([entry(1), exit_at(5), entry(9), exit_at(12)], [1, 1, 2, 2]),  # at the same price, after the exit
        ([entry(1), entry(9, "101"), exit_at(12)], [1, 1, 1]),  # nothing says that the first had ended
        ([entry(1), exit_at(5), entry(5, "101")], [1, 1, 1]),  # one minute: which was first nobody can tell
        ([entry(1), exit_at(1), entry(2)], [1, 1, 1]),  # a retry
        ([entry(1), exit_at(1), entry(2, "101")], [1, 1, 2]),
        ([exit_at(5), entry(9)], [1, 2]),  # the first ENTRY was lost
        ([Told("SIGNAL_CREATED", 1), Told("CANCELLED", 4), Told("SIGNAL_CREATED", 9), entry(11)], [1, 1, 2, 2]),
        ([entry(1, triangle_time="x"), exit_at(5), entry(9, triangle_time="x")], [1, 1, 1]),  # told again
        ([entry(1, triangle_time="x"), exit_at(5), entry(9, "101", triangle_time="x")], [1, 1, 2]),
        ([entry(1, triangle_time="x"), exit_at(5), entry(9, triangle_time="y")], [1, 1, 2]),
        ([entry(1), Told("MFE_UPDATE", 5, facts={"completed": True}), entry(9)], [1, 1, 2]),
        ([entry(1), exit_at(5), Told("MFE_UPDATE", 9), exit_at(10), entry(20, "101")], [1, 1, 1, 1, 2]),
    ],
)
def test_a_birth_after_an_end_is_another_life(events: list[Told], lives: list[int]) -> None:
    assert lives_of(events) == lives
    assert lives_of(events[::-1]) == lives[::-1]


def test_an_id_that_names_a_bar_has_one_life() -> None:
    assert set(grouping(TRADE_ID, [entry(1), exit_at(5), entry(9, "101")], "")) == {Place("", 1)}
    assert set(grouping("Long", [entry(1), exit_at(5), entry(9, "101")], "")) == {Place("", 1), Place("", 2)}


def test_each_symbol_of_an_id_has_lives_of_its_own() -> None:
    first = [Told("ENTRY", 1, "ES1!"), Told("EXIT_STOP_LOSS", 5, "ES1!")]
    told = [*first, Told("ENTRY", 9, "NQ1!"), Told("ENTRY", 9, "ES1!")]
    assert grouping("Long", told, "") == [Place("ES1!", 1), Place("ES1!", 1), Place("NQ1!", 1), Place("ES1!", 2)]
