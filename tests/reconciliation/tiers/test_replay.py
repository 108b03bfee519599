"""Tier 2, replay: what the twin's trade of the same bar gives a signal, and when it gives nothing."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from reconciliation.tiers.calculation.excursions import PLACES, from_bars
from reconciliation.tiers.calculation.ladder import Ladder
from reconciliation.tiers.calculation.replay import IN_HOLE, wants_bars
from reconciliation.tiers.proposals import Case, Proposal, Replayed
from signals.formats import canonical, iso
from signals.models import PriceBar
from signals.tiers import REPLAY
from signals.twin import Twin
from tests.signals.twin.market import walk

from .build import ALL_GAPS, BAR, TICK, VENUE, at, bar, case, created, entry, event, proposals, signal, update, values

# The twin confirms in bar 3: a long from 100 with its stop at 90.
TOLD = Replayed("MNQ1!", BAR, "Bullish", "d", Decimal("0.9"), at(3), None, Decimal(100), Decimal(90), at(-2), "e")
QUIET = [bar(minute, "101", "99") for minute in range(4, 10)]


def replayed(*events: Any, told: Replayed = TOLD, bars: Any = QUIET, **options: Any) -> dict[str, Proposal]:
    """What replay proposes."""
    found = proposals("2", case(*events, bars=bars, **options)._replace(replayed=told), options.pop("gaps", ALL_GAPS))
    return {field: each for field, each in found.items() if each.method == REPLAY}


def test_a_signal_whose_entry_nobody_heard_of_is_confirmed_with_all_that_follows() -> None:
    found = replayed(created(), now=at(11))
    assert {field: found[field].value for field in ("confirmation_time", "bars_to_confirmation", "entry_price")} == {
        "confirmation_time": iso(at(3)), "bars_to_confirmation": 3, "entry_price": "100",
    }  # fmt: skip
    assert found["seen_confirmed_at"].value == iso(at(4))
    assert (found["stop_loss"].value, found["targets"].value["tp2"]) == ("90", "120")
    assert (found["be_mfe"].value, found["mae"].value, found["be_mfe"].as_of) == ("0.1", "-0.1", at(9))


def test_bars_are_wanted_only_where_they_can_tell_something() -> None:
    whole = signal(created(), entry(), event("BE_TRIGGERED", 6), update(8, "1", "1.5"))
    assert wants_bars(whole)
    for field in ("targets", "be_exit_at", "stop_exit_at", "confirmation_time", "bars_to_confirmation"):
        whole.provenance.setdefault(field, {})
    assert not wants_bars(whole)


def test_the_agreement_is_the_confidence_and_the_evidence_names_the_bars() -> None:
    found = replayed(created())
    assert {each.confidence for each in found.values()} == {TOLD.confidence}
    assert found["entry_price"].evidence["replay"] == f"MNQ1! {iso(at(-2))}/{iso(at(3))}"
    assert found["entry_price"].evidence["bars"] == "e"


def test_exits_follow_and_an_unprotected_leg_ends_with_the_stop() -> None:
    found = replayed(created(), bars=[*QUIET, bar(10, "95", "89")])
    assert found["stop_exit_at"].value == found["be_exit_at"].value == iso(at(11))


def test_a_cancellation_names_the_signal_that_cancelled() -> None:
    told = replace(TOLD, confirmed=None, entry=None, stop=None, cancelled=at(5))
    found = {field: each.value for field, each in replayed(created(), told=told).items()}
    assert found == {
        "cancelled_at": iso(at(6)), "cancelled_by": "20251211_094500000_BEARISH", "cancel_reason": "opposite_signal",
        "bars_pending": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    "heard",
    [
        entry(6),
        entry(entry_price="104"),
        event("MFE_UPDATE", 3, be_mfe="0"),
        event("CANCELLED", 8),
        update(8, "0.9"),
        update(9, "0.02", mae="-0.1"),
    ],
    ids=["entry in another bar", "another entry", "followed before", "cancelled", "went further", "went less far"],
)
def test_what_was_heard_and_cannot_be_of_the_same_trade_leaves_nothing_of_it(heard: Any) -> None:
    assert replayed(created(), heard, bars=[bar(4, "105", "99"), *QUIET[1:]]) == {}


def test_where_a_bar_is_missing_it_says_so_and_is_hardly_trusted() -> None:
    found = replayed(created(), told=replace(TOLD, stop_hole=True))
    assert {"hole" in found[field].evidence for field in ("stop_loss", "targets", "be_mfe")} == {True}
    assert found["stop_loss"].confidence == IN_HOLE
    assert found["confirmation_time"].confidence == TOLD.confidence
    found = replayed(created(), told=replace(TOLD, entry_hole=True))
    assert found["confirmation_time"].confidence == IN_HOLE


def test_a_ladder_of_its_own_needs_not_the_twins_stop() -> None:
    told = replace(TOLD, stop_hole=True, stop=Decimal("90.25"))
    found = replayed(created(), entry(), told=told, bars=[*QUIET, bar(10, "95", "89")])
    assert set(found) == {"be_exit_at"}
    assert "hole" not in found["be_exit_at"].evidence


def test_excursions_after_a_missing_bar_are_at_least_and_exits_at_the_latest() -> None:
    found = replayed(created(), bars=[*QUIET[:3], *QUIET[4:], bar(11, "95", "89")])
    assert (found["be_mfe"].evidence["bound"], found["stop_exit_at"].evidence["bound"]) == ("at least", "at the latest")
    assert found["be_mfe"].confidence < TOLD.confidence


def test_a_report_that_is_the_twin_to_the_digit_proves_what_a_missing_bar_left_open() -> None:
    found = replayed(created(), update(9, "0.1", mae="-0.1"), told=replace(TOLD, stop_hole=True, entry_hole=True))
    assert {"hole" in found[field].evidence for field in ("confirmation_time", "stop_loss", "targets")} == {False}


def test_what_would_still_be_on_its_way_is_not_filled() -> None:
    assert replayed(created(), now=at(5)) == {}


def test_alternation_does_not_cancel_what_the_twin_confirmed() -> None:
    opposite = case(created(), event("MFE_UPDATE", 3, be_mfe="0"))
    assert values("inference", opposite._replace(replayed=TOLD)) == {}


@pytest.mark.parametrize("seed", range(12))
def test_excursions_from_whole_bars_are_the_twin_to_the_digit(seed: int) -> None:
    """As of the last bar, and both ends with them: every trade of a random walk."""
    bars, twin, trades = walk(seed, 600), Twin(), []
    for each in bars:
        trades += [said.trade for said in twin.take(each) if said.type == "ENTRY"]
    stored = [
        PriceBar(symbol="MNQ1!", time=each.time, kind=PriceBar.Kind.BAR, open=each[1], high=each[2], low=each[3],
                 close=each[4])
        for each in bars
    ]  # fmt: skip
    assert trades
    for trade in trades:
        if not trade.risk or (trade in twin.trades) != (trade.ended is None):
            continue  # no risk, or let go for another
        known = signal(entry(entry_price=canonical(trade.entry), stop_loss=canonical(trade.stop)))
        known.entry_fired_at, known.direction = None, trade.direction
        known.confirmation_time = trade.confirmed
        own = Case(known, VENUE, bars[-1].time + (bars[-1].time - bars[-5].time), TICK, (), stored)
        ladder = Ladder(trade.entry, trade.sign * trade.risk)
        found = {each.field: each for each in from_bars(own, ladder, ALL_GAPS)}
        for field in ("be_mfe", "no_be_mfe", "mae"):
            value = getattr(trade, field).quantize(PLACES)
            assert Decimal(found[field].value) == value if field in found else not value
        ends = {"be_triggered_at": trade.protected, "stop_exit_at": trade.ended}
        for field, moment in ends.items():
            told = found.get(field)
            assert (told.value if told else None) == (iso(moment + (at(1) - at(0))) if moment else None)
