"""When a fill is right: exactly, within its tolerance, or not; and when nobody can tell."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from reconciliation.calibration.accuracy import Judgement
from reconciliation.calibration.truth import Truth
from signals.formats import iso
from signals.models import SignalEvent
from tests.reconciliation.tiers.build import TICK, VENUE, at, created, entry, event, signal, update

from .build import claim


def truth(*events: SignalEvent) -> Truth:
    return Truth(signal(*events), events, VENUE, TICK)


def judged(made: Truth, field: str, value: Any, as_of: datetime | None = None, **evidence: Any) -> Judgement | None:
    return made.judge(claim(field, value, as_of=as_of, evidence=evidence))


@pytest.mark.parametrize(
    ("field", "value", "exact", "within", "error"),
    [
        ("entry_price", "100", True, True, "0"),
        ("entry_price", "100.25", False, True, "0.25"),
        ("entry_price", "100.5", False, False, "0.5"),
        ("confirmation_time", iso(at(4)), False, True, "1"),
        ("confirmation_time", iso(at(5)), False, False, "2"),
        ("bars_to_confirmation", 2, False, True, "1"),
        ("bars_to_confirmation", 5, False, False, "2"),
    ],
)
def test_prices_are_right_to_a_tick_and_times_to_a_bar(
    field: str, value: Any, exact: bool, within: bool, error: str
) -> None:
    assert judged(truth(created(), entry()), field, value) == Judgement(exact, within, Decimal(error))


def test_names_are_right_or_wrong() -> None:
    made = truth(entry())
    assert judged(made, "direction", "Bullish") == Judgement(True, True)
    assert judged(made, "direction", "Bearish") == Judgement(False, False)


def test_a_session_is_held_against_the_computed_one() -> None:
    made = truth(event("SIGNAL_CREATED", 1, signal_date="2025-12-11", signal_clock="09:40:00", session="ASIA"))
    assert judged(made, "session", "NY AM") == Judgement(True, True)
    assert judged(made, "session", "ASIA") == Judgement(False, False)


def test_what_no_event_said_has_no_truth() -> None:
    assert judged(truth(created()), "entry_price", "100") is None


def test_the_worst_target_counts_and_of_the_extended_ones_the_stated() -> None:
    made = truth(entry(tp1="110", tp2="120", tp3="130"))
    assert judged(made, "targets", {"tp1": "110", "tp2": "120.5", "tp3": "130"}) == Judgement(
        False, False, Decimal("0.5")
    )
    ladder = {f"{n}R": str(100 + 10 * n) for n in range(1, 21)}
    assert judged(made, "targets_extended", ladder) == Judgement(True, True, Decimal(0))


def test_higher_timeframes_are_right_where_every_stated_one_is() -> None:
    made = truth(created(htf_alignment={"h1": "Bullish", "m5": "Bearish"}))
    assert judged(made, "htf_alignment", {"h1": "Bullish"}) == Judgement(True, True)
    assert judged(made, "htf_alignment", {"h1": "Bullish", "m5": "Bullish"}) == Judgement(False, False)


class TestMeasurements:
    def test_they_are_right_to_a_tenth_of_r(self) -> None:
        made = truth(entry(), update(8, "0.5"))
        assert judged(made, "be_mfe", "0.6", at(7)) == Judgement(False, True, Decimal("0.1"))
        assert judged(made, "be_mfe", "0.35", at(7)) == Judgement(False, False, Decimal("0.15"))

    @pytest.mark.parametrize(("field", "short", "over"), [("be_mfe", "0.1", "0.55"), ("mae", "-0.1", "-0.55")])
    def test_at_least_is_right_unless_it_exceeds_the_truth(self, field: str, short: str, over: str) -> None:
        made = truth(entry(), update(8, "0.5", mae="-0.5"))
        right, wrong = (judged(made, field, value, at(7), bound="at least") for value in (short, over))
        assert right == Judgement(False, True, Decimal("0.4"))
        assert wrong == Judgement(False, False, Decimal("0.05"))

    def test_between_equal_reports_nothing_moved(self) -> None:
        made = truth(entry(), update(8, "0.5"), update(12, "0.5"), update(16, "0.9"))
        assert judged(made, "be_mfe", "0.5", at(9)) == Judgement(True, True, Decimal(0))
        assert judged(made, "be_mfe", "0.5", at(13)) is None

    def test_after_the_last_report_only_the_end_of_the_leg_tells(self) -> None:
        running = (entry(), update(8, "0.5"))
        assert judged(truth(*running), "no_be_mfe", "0.5", at(20)) is None
        ended = truth(*running, event("EXIT_STOP_LOSS", 10, no_be_mfe="0.7"))
        assert judged(ended, "no_be_mfe", "0.7", at(20)) == Judgement(True, True, Decimal(0))

    def test_an_mfe_just_below_zero_is_zero(self) -> None:
        made = truth(entry(), update(8, "-0.05"))
        assert judged(made, "be_mfe", "0", at(7)) == Judgement(True, True, Decimal(0))


class TestCancellation:
    def test_it_is_wrong_when_the_signal_was_confirmed(self) -> None:
        assert judged(truth(created(), entry()), "cancelled_at", iso(at(3))) == Judgement(False, False)
        assert judged(truth(created()), "cancelled_at", iso(at(3))) == Judgement(True, True)

    def test_the_indicators_own_word_dates_it(self) -> None:
        made = truth(created(), event("CANCELLED", 6))
        assert judged(made, "cancelled_at", iso(at(3))) == Judgement(False, False, Decimal(3))
