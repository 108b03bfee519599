"""Entry and stop of a trade whose ENTRY was lost, from what its updates say of MFE and extremes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .build import SHORT_ID, case, event, proposals, update, values

PRICES = {"entry_price": "100", "stop_loss": "90", "targets": {"tp1": "110", "tp2": "120", "tp3": "130"}}


def reached(minutes: int, mfe: str, high: str, low: str = "100"):
    return update(minutes, mfe, highest_high=high, lowest_low=low, single_leg=True, direction="Bullish")


def prices(*events, **options) -> dict[str, object]:
    found = values("2", case(*events, **options))
    return {name: found[name] for name in PRICES if name in found}


def test_two_reports_give_entry_stop_and_targets() -> None:
    first, last = reached(5, "0.2", "102"), reached(9, "1.5", "115")
    assert prices(first, last) == PRICES
    found = proposals("2", case(first, last))["entry_price"]
    assert (found.method, len(found.evidence["reports"])) == ("reported_extremes", 2)


def test_for_shorts_the_lowest_low_is_the_extreme() -> None:
    told = [update(n, mfe, lowest_low=low, highest_high="105", direction="Bearish") for n, mfe, low in
            ((5, "0.2", "98"), (9, "1.5", "85"))]  # fmt: skip
    assert prices(*told, trade_id=SHORT_ID)["stop_loss"] == "110"


def test_with_the_entry_known_one_report_is_enough() -> None:
    known = event("BE_TRIGGERED", 7, entry_price="100", direction="Bullish")
    assert prices(known, reached(9, "1.5", "115"))["stop_loss"] == "90"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (("0.2", "102"), ("0.2", "102")),  # nothing moved
        (("0.2", "102"), ("1.5", "115.1")),  # no entry and stop on ticks explain both
        (("0.2", "115"), ("1.5", "102")),  # a long that wins as price falls
        (("0", "100"), ("1.5", "115")),  # an MFE of 0 says nothing of a distance
    ],
)
def test_reports_that_do_not_settle_it_give_nothing(first: tuple[str, str], last: tuple[str, str]) -> None:
    assert prices(reached(5, *first), reached(9, *last)) == {}


@given(entry=st.integers(10_000, 120_000), risk=st.integers(4, 400), first=st.integers(1, 50), more=st.integers(1, 500))
def test_whatever_was_reported_leads_back_to_the_prices(entry: int, risk: int, first: int, more: int) -> None:
    """In ticks; MFE to ten places, as the indicator prints it."""
    ticks = Decimal("0.25")

    def told(minutes: int, distance: int):
        mfe = round(Decimal(distance) / risk, 10)
        return reached(minutes, str(mfe), str((entry + distance) * ticks), str(entry * ticks))

    found = prices(told(5, first), told(9, first + more))
    assert (Decimal(found["entry_price"]), Decimal(found["stop_loss"])) == (entry * ticks, (entry - risk) * ticks)
