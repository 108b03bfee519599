"""Reports against events: what the indicator states afterwards of what happens once, other than it fired."""

from typing import Any

import pytest

from reconciliation.repainting.reports import contradicting
from signals.models import SignalEvent
from tests.reconciliation.tiers.build import BAR, TICK, VENUE, at, created, entry, event, signal, update

TRADE = (created(), entry(4), update(6, "0.4"))
ISO = "%Y-%m-%dT%H:%M:%SZ"


def report(minutes: int = 20, kind: str = "ALL_SIGNALS_EXPORT", **facts: Any) -> SignalEvent:
    return event(kind, minutes, **facts)


def found(*events: SignalEvent, **options: Any) -> dict[str, tuple[str, str]]:
    """(what fired, what is said) by field."""
    told = contradicting(signal(*events, **options), events, VENUE, TICK)
    return {each["field"]: (each["fired"], each["says"]) for each in told}


SAME = {"direction": "Bullish", "entry_price": "100", "stop_loss": "90", "confirmation_time": at(3).strftime(ISO)}


@pytest.mark.parametrize(
    ("facts", "contradiction"),
    [
        (SAME, {}),
        ({"entry_price": "100.5"}, {}),  # two ticks
        ({"entry_price": "100.75"}, {"entry_price": ("100", "100.75")}),
        ({"stop_loss": "85"}, {"stop_loss": ("90", "85")}),
        ({"direction": "Bearish"}, {"direction": ("Bullish", "Bearish")}),
        ({"confirmation_time": at(4).strftime(ISO)}, {}),  # the bar's close
        ({"confirmation_time": at(5).strftime(ISO)}, {"confirmation_time": (at(3).strftime(ISO), at(5).strftime(ISO))}),
        ({"state": "CONFIRMED"}, {}),
        ({"state": "COMPLETED"}, {}),  # its exit may have been lost
        ({"state": "PENDING"}, {"status": ("CONFIRMED", "PENDING")}),
        ({"state": "CANCELLED"}, {"status": ("CONFIRMED", "CANCELLED")}),
        ({"session": "ASIA", "be_mfe": "0.1"}, {}),
    ],
)
def test_a_report_of_a_trade_says_what_fired_or_contradicts_it(facts: dict[str, Any], contradiction: Any) -> None:
    assert found(*TRADE, report(**facts)) == contradiction


def test_what_no_event_of_its_own_stated_cannot_be_contradicted() -> None:
    assert found(created(), update(6, "0.4", entry_price="100"), report(entry_price="120", state="PENDING")) == {}
    assert found(entry(4), report(entry_price="120")) == {"entry_price": ("100", "120")}
    assert found(update(6, "0.4"), report(8, entry_price="120"), report(9, entry_price="130")) == {}


def test_a_report_from_before_the_event_or_its_very_minute_may_not_know() -> None:
    assert found(*TRADE, report(3, state="PENDING", entry_price="120")) == {}
    assert found(*TRADE, report(4, state="PENDING")) == {}


def test_an_exit_that_fired_is_over_and_at_its_price() -> None:
    ended = (*TRADE, event("EXIT_STOP_LOSS", 9, exit_price="90"))
    assert found(*ended, report(state="COMPLETED", exit_price="90")) == {}
    assert found(*ended, report(state="CONFIRMED")) == {"status": ("COMPLETED", "CONFIRMED")}
    assert found(*ended, report(completed=False)) == {"status": ("COMPLETED", "CONFIRMED")}
    assert found(*ended, report(exit_price="100")) == {}  # the other leg's, at break-even
    assert found(*ended, report(exit_price="95")) == {"exit_price": ("90", "95")}
    assert found(*TRADE, report(exit_price="95")) == {}


def test_a_first_leg_that_ended_at_break_even_leaves_the_trade_running() -> None:
    protected = (*TRADE, event("BE_TRIGGERED", 7, be_mfe="1.2"), event("EXIT_BREAK_EVEN", 9, exit_price="100"))
    assert found(*protected, report(state="CONFIRMED", completed=False, stop_loss="100")) == {}
    assert set(found(*protected, report(be_triggered=False))) == {"be_triggered_at"}


def test_a_cancellation_that_fired_is_no_confirmation() -> None:
    cancelled = (created(), event("CANCELLED", 5))
    assert found(*cancelled, report(state="CANCELLED")) == {}
    assert found(*cancelled, report(state="CONFIRMED")) == {"status": ("CANCELLED", "CONFIRMED")}


def test_each_field_is_told_once_as_it_was_said_first() -> None:
    snapshots = [report(minutes, "UNIFIED_SNAPSHOT_V1", stop_loss=str(80 + minutes)) for minutes in (5, 6, 7)]
    told = contradicting(signal(*TRADE, *snapshots), (*TRADE, *snapshots), VENUE, TICK)
    assert [(each["field"], each["says"], each["at"]) for each in told] == [("stop_loss", "85", at(5).strftime(ISO))]
    assert told[0]["evidence"] == f"{snapshots[0].payload_checksum}:0"


def test_an_id_that_names_no_bar_may_be_another_trade_by_then() -> None:
    assert found(*TRADE, report(entry_price="120"), trade_id="Long") == {}


def test_entries_that_differ_are_a_finding_of_their_own() -> None:
    assert found(*TRADE, entry(4, entry_price="101"), report(entry_price="120")) == {}


def test_a_triangle_that_moved_is_told_where_its_birth_stated_the_bar() -> None:
    born = created(triangle_time=BAR.strftime(ISO))
    assert set(found(born, report(triangle_time=at(7).strftime(ISO)))) == {"triangle_time"}
    assert found(created(), report(triangle_time=at(7).strftime(ISO))) == {}
