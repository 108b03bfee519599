"""When +1 R was reached, of a trade whose BE_TRIGGERED was lost: exactly, at the latest, or not at all."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.formats import iso
from signals.models import AutomatedSignal, SignalEvent

from .build import at, bar, case, close, created, entry, event, proposals, signal, update

FIELD = "be_triggered_at"
LATEST = 40


def shown(minutes: int) -> SignalEvent:
    return update(minutes, "1.2", be_triggered=True)


def not_yet(minutes: int) -> SignalEvent:
    return update(minutes, "0.6", be_triggered=False)


def told(made: AutomatedSignal) -> tuple[datetime | None, float | None]:
    """What the projection says, and how far it is to be trusted."""
    return made.be_triggered_at, made.provenance.get(FIELD, {}).get("confidence")


def filled(*events: SignalEvent, **options: Any) -> tuple[str, str | None, Decimal]:
    """What tier 2 offers: moment, bound and confidence."""
    offer = proposals("2", case(*events, **options))[FIELD]
    return offer.value, offer.evidence.get("bound"), offer.confidence


class TestProjection:
    def test_an_update_after_one_that_had_not_reached_it_dates_it(self) -> None:
        made = signal(entry(4), not_yet(9), shown(10))
        assert told(made) == (at(10), 1.0)
        assert made.provenance[FIELD]["tier"] == 0
        assert made.provenance[FIELD]["evidence"]["rule"] == "the bar before had not reached +1 R"

    def test_an_update_of_the_bar_after_entrys_dates_it(self) -> None:
        assert told(signal(entry(4), shown(5))) == (at(5), 1.0)

    @pytest.mark.parametrize("before", [[entry(4)], [entry(4), not_yet(8)], [], [entry(4), not_yet(12)]])
    def test_with_a_bar_between_unheard_it_says_nothing(self, before: list[SignalEvent]) -> None:
        made = signal(*before, shown(10))
        assert told(made) == (None, None)
        assert made.seen_protected_at == at(10)

    def test_an_mfe_tells_without_a_flag(self) -> None:
        assert told(signal(entry(4), update(9, "0.99"), update(10, "1"))) == (at(10), 1.0)

    def test_its_own_event_beats_what_updates_leave_no_other_bar_for(self) -> None:
        made = signal(entry(4), not_yet(9), shown(10), event("BE_TRIGGERED", 10))
        assert told(made) == (at(10), 1.0)
        assert made.provenance[FIELD]["tier"] is None

    def test_over_the_daily_halt_the_bar_before_is_the_last_of_the_session(self) -> None:
        halt = 7 * 60 + 20  # 17:00 in New York, until 18:00
        assert told(signal(entry(4), not_yet(halt), shown(halt + 61))) == (at(halt + 61), 1.0)
        assert told(signal(entry(4), not_yet(halt - 1), shown(halt + 61))) == (None, None)

    def test_a_leg_that_was_seen_protected_does_not_end_the_trade(self) -> None:
        made = signal(entry(4), event("MFE_UPDATE", 10, be_triggered=True), event("EXIT_BREAK_EVEN", 12))
        assert made.status == "CONFIRMED"


class TestTier:
    def test_without_prices_it_was_then_at_the_latest(self) -> None:
        assert filled(entry(4), shown(10)) == (iso(at(10)), "at the latest", Decimal("0.4"))
        assert filled(shown(10)) == (iso(at(10)), "at the latest", Decimal("0.4"))

    def test_its_own_event_has_two_minutes_to_come(self) -> None:
        assert FIELD not in proposals("2", case(entry(4), shown(10), now=at(11)))

    def test_whole_bars_date_it(self) -> None:
        bars = [bar(4, "105", "101"), bar(5, "111", "104"), bar(6, "112", "104"), bar(7, "112", "104")]
        assert filled(entry(4), shown(8), bars=bars) == (iso(at(6)), None, Decimal("0.7"))

    def test_bars_after_the_update_say_nothing(self) -> None:
        bars = [bar(4, "105", "101"), close(12, "112")]
        assert filled(entry(4), shown(10), bars=bars)[0] == iso(at(10))

    def test_bars_before_it_had_not_been_reached_say_nothing(self) -> None:
        bars = [bar(minute, "112", "104") for minute in range(4, 10)]
        assert filled(entry(4), not_yet(7), shown(10), bars=bars)[0] == iso(at(8))

    def test_of_a_trade_that_is_over_prices_are_asked_too(self) -> None:
        over = event("EXIT_BREAK_EVEN", 12), event("EXIT_STOP_LOSS", 14)
        assert filled(entry(4), shown(10), *over, bars=[bar(4, "111", "101")])[0] == iso(at(5))


@given(
    reached=st.integers(5, LATEST),
    heard=st.sets(st.integers(5, LATEST)),
    born=st.booleans(),
    random=st.randoms(use_true_random=False),
)
def test_what_is_certain_is_right_and_the_rest_is_at_the_latest(
    reached: int, heard: set[int], born: bool, random: Any
) -> None:
    sent = [entry(4)] * born + [shown(each) if each >= reached else not_yet(each) for each in sorted(heard)]
    random.shuffle(sent)
    made = signal(created(), *sent)
    known = heard | ({4} if born else set())
    later = [each for each in heard if each >= reached]
    if {reached, reached - 1} <= known and reached in heard:
        assert told(made) == (at(reached), 1.0)
        return
    assert told(made) == (None, None)
    offer = proposals("2", case(created(), *sent)).get(FIELD)
    assert (offer is not None) == bool(later)
    if offer:
        assert offer.value == iso(at(min(later)))
        assert (offer.evidence["bound"], offer.confidence) == ("at the latest", Decimal("0.4"))
