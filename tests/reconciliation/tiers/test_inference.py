"""Cancellation by alternation: who cancels whom, and when."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.tiers.inference import decided_at, infer
from reconciliation.tiers.proposals import Case, Neighbour
from signals.clock import MINUTE
from signals.formats import iso
from signals.vocabulary import DataSource, EventType

from .build import LATER, at, case, created, entry, event, update


def neighbour(minutes: int, direction: str = "Bearish") -> Neighbour:
    return Neighbour(f"signal-{minutes}", direction, at(minutes), "PENDING")


def inferred(case: Case, grace_bars: int = 2) -> dict[str, Any]:
    return {each.field: each.value for each in infer(case, grace_bars=grace_bars)}


PENDING = case(created(), after=[neighbour(12)])


def test_an_opposite_signal_cancels_a_pending_one() -> None:
    assert inferred(PENDING) == {
        "cancelled_at": iso(at(13)),
        "cancelled_by": "signal-12",
        "cancel_reason": "opposite_signal",
        "bars_pending": 12,
    }


def test_the_inference_says_what_it_is() -> None:
    for each in infer(PENDING, grace_bars=2):
        assert (each.tier, each.data_source, each.confidence) == ("inference", DataSource.INFERRED, Decimal("0.95"))
        assert each.evidence["opposite"] == "signal-12"


@pytest.mark.parametrize("grace", [0, 1, 2, 5])
def test_the_grace_lets_an_entry_arrive(grace: int) -> None:
    over = at(13 + grace + 1)
    assert decided_at(PENDING, grace_bars=grace) == over
    assert not inferred(PENDING._replace(now=over - MINUTE), grace)
    assert inferred(PENDING._replace(now=over), grace)


def test_the_grace_stands_still_while_the_market_is_closed() -> None:
    # 16:59 New York on a Friday: one bar is left before the weekend.
    friday = datetime(2025, 12, 12, 21, 58, tzinfo=UTC)
    opposite = Neighbour("late", "Bearish", friday, "PENDING")
    waiting = case(created(), after=[opposite])
    assert decided_at(waiting, grace_bars=2) == datetime(2025, 12, 14, 23, 2, tzinfo=UTC)


def test_signals_of_the_same_direction_cancel_nothing_but_are_cancelled_with_it() -> None:
    assert inferred(case(created(), after=[neighbour(5, "Bullish")])) == {}
    assert inferred(case(created(), after=[neighbour(5, "Bullish"), neighbour(9)]))["cancelled_by"] == "signal-9"


def test_the_first_opposite_signal_counts() -> None:
    assert inferred(case(created(), after=[neighbour(30), neighbour(9), neighbour(20)]))["cancelled_by"] == "signal-9"


def test_a_triangle_in_the_same_bar_or_before_cancels_nothing() -> None:
    assert inferred(case(created(), after=[neighbour(0)], before=[neighbour(-3)])) == {}


@pytest.mark.parametrize(
    "proof",
    [entry(14), update(40, "0.1"), event("BE_TRIGGERED", 40), event("EXIT_STOP_LOSS", 40), event("CANCELLED", 20)],
    ids=lambda one: one.type,
)
def test_any_event_about_the_status_beats_the_inference(proof: Any) -> None:
    assert inferred(case(created(), proof, after=[neighbour(12)])) == {}


def test_the_indicators_own_word_that_it_is_pending_beats_the_inference() -> None:
    said = event(EventType.ALL_SIGNALS_EXPORT, 60, state="PENDING")
    assert inferred(case(created(), said, after=[neighbour(12)])) == {}
    before = event(EventType.ALL_SIGNALS_EXPORT, 10, state="PENDING")
    assert inferred(case(created(), before, after=[neighbour(12)]))


def test_a_cancellation_that_only_a_report_tells_is_dated_by_the_opposite_signal() -> None:
    said = event(EventType.ALL_SIGNALS_EXPORT, 60, state="CANCELLED")
    assert inferred(case(created(), said, after=[neighbour(12)]))["cancelled_at"] == iso(at(13))


def test_without_a_direction_nothing_is_opposite() -> None:
    assert inferred(case(event("SIGNAL_CREATED", 1), trade_id="odd", after=[neighbour(12)])) == {}


@given(minutes=st.lists(st.integers(-60, 400), max_size=8), bullish=st.lists(st.booleans(), min_size=8, max_size=8))
def test_it_is_cancelled_exactly_by_the_earliest_opposite_signal_whose_grace_is_over(
    minutes: list[int], bullish: list[bool]
) -> None:
    others = [neighbour(n, "Bullish" if up else "Bearish") for n, up in zip(minutes, bullish, strict=False)]
    now = LATER + timedelta(hours=1)
    found = inferred(case(created(), after=others, now=now))
    later = sorted(n for n, up in zip(minutes, bullish, strict=False) if n > 0 and not up)
    if later and at(later[0] + 4) <= now:
        assert (found["cancelled_at"], found["bars_pending"]) == (iso(at(later[0] + 1)), later[0])
    else:
        assert found == {}
