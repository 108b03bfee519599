"""Tier 3: what the trade id says in the source's clock."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.gaps import CATALOGUE
from reconciliation.tiers.proposals import Case
from reconciliation.tiers.trade_id import CLOSES
from signals import tiers
from signals.clock import MINUTE
from signals.formats import iso
from signals.models import SignalEvent
from signals.vocabulary import DataSource

from .build import BAR, CHICAGO, TRADE_ID, VENUE, at, case, created, entry, event, proposals, update, values

TWICE = "20251102_013000000_BULLISH"  # 01:30 happened twice that night in New York


def stranger(minutes: int = 30, **facts: str):
    return event("MFE_UPDATE", minutes, be_mfe="0.5", **facts)


def test_a_stranger_gets_date_direction_and_session_from_its_id() -> None:
    assert values("3", case(stranger())) == {"direction": "Bullish", "signal_time": iso(BAR), "session": "NY AM"}


def test_the_same_digits_are_another_moment_on_another_clock() -> None:
    assert values("3", case(stranger(120), zone=CHICAGO))["signal_time"] == iso(BAR + timedelta(hours=1))


def test_of_an_hour_that_happens_twice_the_later_is_meant_when_its_bar_had_closed() -> None:
    def read(hour: int, minute: int) -> str:
        fired = datetime(2025, 11, 2, hour, minute, tzinfo=UTC)
        return values("3", case(event("MFE_UPDATE", fired, be_mfe="0"), trade_id=TWICE))["signal_time"]

    assert read(5, 40) == "2025-11-02T05:30:00Z"
    assert read(6, 40) == "2025-11-02T06:30:00Z"


@pytest.mark.parametrize("trade_id", ["signal-7", "20251399_094000000_BULLISH", ""])
def test_an_id_without_a_time_says_nothing(trade_id: str) -> None:
    assert values("3", case(stranger(), trade_id=trade_id)) == {}


def test_an_id_without_a_direction_says_the_rest() -> None:
    assert "direction" not in values("3", case(stranger(), trade_id="20251211_094000000"))


def test_only_gaps_that_are_open_are_filled() -> None:
    assert values("3", case(stranger()), gaps=["no_session"]).keys() == {"direction", "session"}


def test_what_events_said_is_left_alone() -> None:
    assert values("3", case(created(), entry())) == {}


def test_an_entry_without_its_signal_created_still_dates_the_confirmation() -> None:
    found = proposals("3", case(entry(4)))
    assert found["confirmation_time"].value == iso(at(3))
    assert found["bars_to_confirmation"].value == 3
    assert found["confirmation_time"].evidence["type"] == "ENTRY"


def test_bars_are_minutes_of_open_market() -> None:
    # 16:55 to 18:00 New York lies across the daily halt: 65 minutes, of which 5 are traded.
    before_halt = datetime(2025, 12, 11, 21, 55, tzinfo=UTC)
    late = entry(before_halt + 66 * MINUTE)
    found = values("3", case(late, trade_id="20251211_165500000_BULLISH", now=before_halt + timedelta(hours=3)))
    assert found["bars_to_confirmation"] == 5


def test_a_stranger_without_its_entry_has_no_confirmation() -> None:
    assert values("3", case(stranger())).keys().isdisjoint({"confirmation_time", "bars_to_confirmation"})


def test_where_one_leg_is_followed_the_id_names_the_bar_of_entry() -> None:
    found = values("3", case(update(30, "0.5", single_leg=True, entry_price="100")))
    assert found["confirmation_time"] == found["signal_time"] == iso(BAR)
    assert "bars_to_confirmation" not in found


def test_there_the_triangle_counts_the_bars_when_entry_named_it() -> None:
    found = values("3", case(entry(1, single_leg=True, triangle_time=iso(at(-4)))))
    assert found == {"confirmation_time": iso(BAR), "bars_to_confirmation": 4, "session": "NY AM"}


def test_there_the_triangle_of_a_lost_entry_is_guessed_to_be_the_bar_before() -> None:
    lost = case(update(30, "0.5", single_leg=True))
    early_telemetry = case(update(30, "0.5", single_leg=True, entry_price="100"))
    guessed, known = (proposals("3", one)["signal_time"] for one in (lost, early_telemetry))
    assert (guessed.value, guessed.confidence) == (iso(at(-1)), Decimal("0.5"))
    assert (known.value, known.confidence) == (iso(BAR), Decimal("0.9"))


def test_fills_say_where_they_come_from() -> None:
    found = proposals("3", case(stranger()))["signal_time"]
    assert (found.tier, found.data_source, found.confidence) == ("3", DataSource.RECONCILED, Decimal("0.9"))
    assert found.evidence == {"trade_id": TRADE_ID, "zone": "America/New_York"}


@given(minutes=st.integers(0, 600), lag=st.integers(1, 300))
def test_an_entry_is_never_before_the_bar_of_its_id(minutes: int, lag: int) -> None:
    bar = BAR + minutes * MINUTE
    trade_id = f"{bar - timedelta(hours=5):%Y%m%d_%H%M}00000_BEARISH"
    found = values("3", case(entry(bar + lag * MINUTE, direction="Bearish"), trade_id=trade_id))
    assert found["signal_time"] == iso(bar)
    if VENUE.market.is_open(bar):
        assert 0 <= found["bars_to_confirmation"] <= lag - 1
    assert found["confirmation_time"] == iso(bar + (lag - 1) * MINUTE)


class TestClock:
    """Where nothing but the setting says in which zone the ids are, times read from them are a guess."""

    def guessed(self, *events: SignalEvent) -> Case:
        made = case(*events)
        made.signal.clock_by = "configured"
        return made

    def test_times_in_a_zone_that_no_event_proved_are_doubted(self) -> None:
        found = proposals("3", self.guessed(update(30, "0.5")))
        assert {found[field].confidence for field in ("signal_time", "session")} == {Decimal("0.5")}
        assert found["direction"].confidence == Decimal("0.9")

    def test_the_session_of_such_a_time_is_not_certain(self) -> None:
        stated = event("ENTRY", 4, signal_date="2025-12-11", signal_clock="09:40:00")
        assert "session" not in proposals("0", self.guessed(stated))
        assert proposals("3", self.guessed(stated))["session"].confidence == Decimal("0.5")

    def test_the_fire_time_of_entry_needs_no_zone(self) -> None:
        assert proposals("3", self.guessed(entry()))["confirmation_time"].confidence == Decimal("0.9")

    def test_an_entry_that_does_not_name_the_triangle_leaves_its_bar_open(self) -> None:
        assert proposals("3", case(entry(single_leg=True)))["signal_time"].confidence == Decimal("0.5")


def test_it_is_asked_of_the_gaps_that_the_catalogue_says_it_can_fill() -> None:
    assert {name for name, gap in CATALOGUE.items() if tiers.TRADE_ID.key in gap.tiers} == CLOSES
