"""Tier 2: the confirmation of a trade whose ENTRY was lost, from the closes around it."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from reconciliation.tiers.proposals import Case
from reconciliation.tiers.table import PROPOSE
from signals.formats import iso
from signals.models import SignalEvent
from signals.vocabulary import EventType, Status

from .build import (
    ALL_GAPS,
    LATER,
    PLACE,
    TICK,
    at,
    case,
    close,
    created,
    entry,
    proposals,
    recorded,
    signal,
    update,
    values,
)

CARRIED = {"entry_price": "100", "stop_loss": "90"}
CLOSES = [close(1, "98"), close(2, "99"), close(3, "100"), close(4, "101"), close(5, "100")]


def test_the_first_close_at_the_entry_price_is_entrys_bar() -> None:
    found = proposals("2", case(created(), update(6, "0.1", **CARRIED), bars=CLOSES))
    assert found["confirmation_time"].value == iso(at(3))
    assert found["bars_to_confirmation"].value == 3
    assert found["confirmation_time"].confidence == Decimal("0.8")
    assert found["confirmation_time"].evidence == {"bar": f"MNQ1! {iso(at(3))}", "close": "100"}


def test_an_unknown_close_before_it_could_be_the_one() -> None:
    known = case(created(), update(6, "0.1", **CARRIED), bars=[CLOSES[0], *CLOSES[2:]])
    assert "confirmation_time" not in values("2", known)


def test_the_first_update_comes_two_bars_later_at_the_earliest() -> None:
    assert "confirmation_time" not in values("2", case(created(), update(4, "0.1", **CARRIED), bars=CLOSES))
    assert "confirmation_time" in values("2", case(created(), update(5, "0.1", **CARRIED), bars=CLOSES))


def test_the_close_of_the_signals_own_bar_does_not_count() -> None:
    bars = [close(0, "100"), *CLOSES]
    assert values("2", case(created(), update(6, "0.1", **CARRIED), bars=bars))["confirmation_time"] == iso(at(3))


def test_it_is_not_looked_for_further_than_it_was_ever_seen() -> None:
    bars = [*(close(minute, "98") for minute in range(1, 19)), close(19, "100")]
    assert "confirmation_time" not in values("2", case(created(), update(40, "0.1", **CARRIED), bars=bars))


@pytest.mark.parametrize(
    "events",
    [(created(),), (created(), update(6, "0.1")), (update(6, "0.1", **CARRIED),), (created(), entry(4))],
    ids=["pending", "no price", "no signal time", "ENTRY is there"],
)
def test_it_needs_an_active_trade_with_a_time_and_a_price_and_no_entry(events: tuple[SignalEvent, ...]) -> None:
    assert "confirmation_time" not in values("2", case(*events, bars=CLOSES))


def test_recorded_trades_are_confirmed_where_their_lost_entry_said(recorded_logs: list[Path]) -> None:
    logs = [path for path in recorded_logs if path.stem == "created-batches-night"]
    if not logs:
        pytest.skip("created-batches-night.csv is not among the recorded logs")
    outcomes: Counter[bool] = Counter()
    for trade_id, events, bars in recorded(logs[0]):
        truth = signal(*events, trade_id=trade_id)
        known = signal(*(one for one in events if one.type != EventType.ENTRY), trade_id=trade_id)
        if truth.entry_fired_at is None or truth.signal_time is None or known.status == Status.PENDING:
            continue
        known.entry_price = truth.entry_price  # three trades have no other row that carries it
        found = {
            each.field: each.value for each in PROPOSE["2"](Case(known, PLACE, LATER, TICK, events, bars), ALL_GAPS)
        }
        if "confirmation_time" in found:
            assert truth.confirmation_time is not None
            outcomes[found["confirmation_time"] == iso(truth.confirmation_time)] += 1
            assert found["bars_to_confirmation"] == truth.bars_to_confirmation
    assert outcomes[True] >= 30
    assert not outcomes[False]
