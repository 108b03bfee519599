"""Tier 0: values that the signal's own events state under another name."""

from decimal import Decimal

from signals.formats import iso
from signals.signal.registers import Rank, stored_key

from .build import BAR, case, entry, event, proposals, update, values


def test_the_break_even_price_is_the_entry() -> None:
    found = proposals("0", case(event("BE_TRIGGERED", 9, be_price="100")))["entry_price"]
    assert (found.value, found.confidence, found.evidence["type"]) == ("100", Decimal(1), "BE_TRIGGERED")


def test_where_the_stop_was_hit_it_stood() -> None:
    assert values("0", case(event("EXIT_STOP_LOSS", 9, exit_price="90.25")))["stop_loss"] == "90.25"


def test_an_exit_at_break_even_says_nothing_about_the_stop() -> None:
    # Early telemetry writes the stop there, later the entry.
    assert values("0", case(event("EXIT_BREAK_EVEN", 9, exit_price="100"))) == {}


def test_prices_that_an_event_carried_are_left_alone() -> None:
    assert values("0", case(entry(), event("BE_TRIGGERED", 9, be_price="101"))) == {}


def test_a_bar_that_an_update_stated_has_a_session() -> None:
    found = proposals("0", case(update(9, "0", triangle_time=iso(BAR))))
    assert found["session"].value == "NY AM"


def test_a_copy_in_a_later_event_beats_what_was_concluded() -> None:
    found = proposals("0", case(event("BE_TRIGGERED", 9, be_price="100")))["entry_price"]
    entry_of_provenance = {"tier": 0, "at": "", "evidence": {"fill": found.method, **found.evidence}}
    assert stored_key(False, entry_of_provenance)[0] == Rank.DERIVED < Rank.CARRIED
