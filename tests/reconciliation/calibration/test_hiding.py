"""Hiding really hides: what a trial fills cannot depend on what it hides."""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.calibration.hiding import FACTS, SHARES, Stored, every, fall_silent, lose, lose_facts, lose_type
from reconciliation.calibration.measuring import bases_of, essential, fills_of
from reconciliation.cycle.loading import load_events
from reconciliation.cycle.planning import Means
from reconciliation.tiers.proposals import Proposal
from reconciliation.tiers.table import PROPOSE
from signals.models import AutomatedSignal, SignalEvent
from signals.signal.deriving import Place
from signals.tiers import INFERENCE
from tests import builders
from tests.builders import update as update_body
from tests.reconciliation.tiers.build import SHORT_ID, TRADE_ID, created, entry, event, update

from .build import at, price, source, stored

OTHER = {"direction": "Bearish", "session": "ASIA", "signal_date": "2024-01-01", "signal_clock": "01:00:00"}
MEANS = Means({key: propose for key, propose in PROPOSE.items() if key != INFERENCE.key})


def history() -> Stored:
    """Two trades, one of which never got its ENTRY through, with a close for every minute of updates."""
    updates = [update(n, f"0.{n}", mae="-0.1") for n in range(5, 9)]
    told = [created(), entry(tp1="110", tp2="120", tp3="130"), *updates, event("EXIT_STOP_LOSS", 12, exit_price="90")]
    stranger = [update(n, "0.2", entry_price="100", stop_loss="110", be_price="100") for n in (6, 9)]
    bars = tuple(price(one, "103") for one in updates)
    return stored(*((TRADE_ID, one) for one in told), *((SHORT_ID, one) for one in stranger), bars=bars)


def filled(trial: Stored) -> list[tuple[str, Proposal]]:
    return list(fills_of(trial, source(), MEANS))


def falsified(whole: Stored, hidden: set[str], names: frozenset[str] | None = None) -> Stored:
    """The same, but the hidden deliveries (or only these facts of them) say something else."""

    def other(one: SignalEvent) -> SignalEvent:
        if one.payload_checksum not in hidden:
            return one
        lie = copy(one)
        lie.clock_vote = "America/Chicago" if names is None else one.clock_vote
        lie.facts = {k: OTHER.get(k, "77") if names is None or k in names else v for k, v in one.facts.items()}
        return lie

    events = {trade_id: [other(one) for one in own] for trade_id, own in whole.events.items()}
    bars = [copy(bar) for bar in whole.bars]
    for bar in bars:
        if names is None and bar.evidence.partition(":")[0] in hidden:
            bar.close += 50
    return replace(whole, events=events, bars=bars)


def remaining(trial: Stored) -> set[str]:
    return {one.payload_checksum for one in every(trial)}


@given(share=st.sampled_from(SHARES), seed=st.integers())
def test_lost_deliveries_leave_no_trace(share: float, seed: int) -> None:
    whole = history()
    part = lose(whole, share, Random(seed))
    hidden = remaining(whole) - remaining(part)
    assert all(bar.evidence.partition(":")[0] not in hidden for bar in part.bars)
    assert filled(part) == filled(lose(falsified(whole, hidden), share, Random(seed)))


@pytest.mark.parametrize("kind", ["SIGNAL_CREATED", "ENTRY", "MFE_UPDATE", "EXIT_STOP_LOSS"])
def test_a_lost_type_leaves_no_trace(kind: str) -> None:
    whole = history()
    part = lose_type(whole, kind)
    assert all(one.type != kind for one in every(part))
    assert filled(part) == filled(lose_type(falsified(whole, remaining(whole) - remaining(part)), kind))


@pytest.mark.parametrize("names", FACTS)
def test_lost_facts_leave_no_trace(names: tuple[str, ...]) -> None:
    whole = history()
    part = lose_facts(whole, names)
    assert all(set(names).isdisjoint(one.facts) for one in every(part))
    assert filled(part) == filled(lose_facts(falsified(whole, remaining(whole), frozenset(names)), names))


@given(seed=st.integers())
def test_a_trade_that_falls_silent_knows_no_future(seed: int) -> None:
    part = fall_silent(history(), TRADE_ID, Random(seed))
    assert part is not None
    assert part.events.keys() == {TRADE_ID}
    assert all(one.fire_minute <= part.now for one in every(part))
    assert all(bar.time < part.now for bar in part.bars)
    latest = [one for one in every(part) if one.fire_minute == part.now]
    assert all({"be_mfe", "no_be_mfe", "mae"}.isdisjoint(one.facts) for one in latest)


def test_a_trade_that_was_never_measured_cannot_fall_silent() -> None:
    assert fall_silent(stored((TRADE_ID, created())), TRADE_ID, Random(1)) is None


def test_the_clock_is_learned_from_the_votes_that_are_left() -> None:
    voter, other = created(), event("ENTRY", 90)
    voter.clock_vote, other.clock_vote = "America/Chicago", ""
    later = "20251211_100000000_BULLISH"

    def zones(trial: Stored) -> Iterator[Any]:
        bases = bases_of(trial.events, source(), Place.of(source()))
        return ((base.clock_zone, base.clock_by) for base in bases.values())

    whole = stored((TRADE_ID, voter), (later, event("MFE_UPDATE", at(200), be_mfe="1")))
    assert ("America/Chicago", "votes") in set(zones(whole))
    assert set(zones(lose_type(whole, "SIGNAL_CREATED"))) == {("America/New_York", "configured")}


@pytest.mark.django_db
def test_what_a_cycle_loads_is_loaded() -> None:
    """The same events as loading.load_events, which reads them from the database."""
    lost = [(update_body(mfe, trade_id=SHORT_ID), builders.at(n)) for n, mfe in ((5, 0.1), (6, 0.2), (7, 0.3))]
    told = [(update_body(mfe), builders.at(n)) for n, mfe in ((5, 0.1), (6, 0.2), (7, 0.3))]
    builders.send([(builders.created(), builders.at(1)), (builders.entry(), builders.at(4)), *told, *lost])
    rows = list(AutomatedSignal.objects.order_by("pk"))
    loaded = load_events(rows)
    assert sorted(len(events) for events in loaded.values()) == [2, 3]
    for row in rows:
        wanted = essential(row, list(row.events.order_by("fire_minute", "pk")))
        assert [event.pk for event in wanted] == [event.pk for event in loaded[row.pk]]
