"""Tier 2: MFE of both legs, MAE and missed exits from price bars. Entry 100, stop 90: one R is ten points."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciliation.tiers.calculation.excursions import from_bars
from reconciliation.tiers.calculation.ladder import Ladder
from reconciliation.tiers.calculation.methods import bars_tell
from reconciliation.tiers.proposals import Case, Proposal, evidence_key
from signals.formats import iso
from signals.models import SignalEvent

from .build import SHORT_ID, at, bar, case, close, created, entry, event, proposals, short, update, values

# ENTRY fires at minute 4, so its bar is 3 and the first bar that counts is 4.
QUIET = [bar(minute, "101", "99") for minute in range(4, 10)]


def measures(found: dict[str, Proposal]) -> dict[str, str]:
    return {field: found[field].value for field in ("be_mfe", "no_be_mfe", "mae") if field in found}


def test_excursions_are_the_extremes_of_the_bars_since_entry_in_r() -> None:
    found = proposals("2", case(entry(), bars=[bar(4, "103", "98"), bar(5, "107", "99")]))
    assert measures(found) == {"be_mfe": "0.7", "no_be_mfe": "0.7", "mae": "-0.2"}
    assert found["be_mfe"].as_of == at(5)
    assert "bound" not in found["be_mfe"].evidence


def test_shorts_are_mirrored() -> None:
    found = proposals("2", case(short(), bars=[bar(4, "103", "98")], trade_id=SHORT_ID))
    assert measures(found) == {"be_mfe": "0.2", "no_be_mfe": "0.2", "mae": "-0.3"}


def test_the_bar_of_entry_itself_does_not_count() -> None:
    assert measures(proposals("2", case(entry(), bars=[bar(3, "150", "91"), *QUIET])))["be_mfe"] == "0.1"


def test_a_bar_that_has_not_closed_does_not_count() -> None:
    assert measures(proposals("2", case(entry(), bars=[*QUIET, bar(10, "109", "99")], now=at(10))))["be_mfe"] == "0.1"


def test_prices_that_never_pass_the_entry_leave_zero() -> None:
    assert measures(proposals("2", case(entry(), bars=[bar(4, "99", "98")])))["be_mfe"] == "0"


def test_without_prices_nothing_is_measured() -> None:
    assert measures(proposals("2", case(entry()))) == {}


def test_a_pending_signal_is_not_measured() -> None:
    assert measures(proposals("2", case(created(entry_price="100", stop_loss="90"), bars=QUIET))) == {}


def test_only_gaps_that_are_open_are_measured() -> None:
    assert measures(proposals("2", case(entry(), bars=QUIET), gaps=["no_mae"])).keys() == {"mae"}


PRICES = st.sampled_from(["89", "90", "91", "100", "109", "110", "111"])
FOLLOWED = st.sampled_from([(), (update(5, "0.5"),), (update(5, "1.5"),), (event("BE_TRIGGERED", 5),)])


@given(low=PRICES, high=PRICES, last=PRICES, followed=FOLLOWED, bearish=st.booleans())
def test_bars_that_are_not_followed_would_tell_nothing(
    low: str, high: str, last: str, followed: tuple[SignalEvent, ...], *, bearish: bool
) -> None:
    born = short() if bearish else entry()
    followed_by = [bar(6, high, low), close(8, last)]
    trade = case(born, *followed, bars=followed_by, **({"trade_id": SHORT_ID} if bearish else {}))
    ladder = Ladder(Decimal(100), Decimal(-10 if bearish else 10))
    if not bars_tell(trade, ladder, frozenset()):
        assert list(from_bars(trade, ladder, frozenset())) == []


def test_bars_of_a_measured_trade_are_followed_once_they_touch_a_level() -> None:
    ladder = Ladder(Decimal(100), Decimal(10))
    assert not bars_tell(case(entry(), bars=QUIET), ladder, frozenset())
    assert bars_tell(case(entry(), bars=QUIET), ladder, frozenset({"no_mae"}))
    assert bars_tell(case(entry(), bars=[*QUIET, bar(10, "110", "99")]), ladder, frozenset())
    assert bars_tell(case(entry(), bars=[*QUIET, close(10, "90")]), ladder, frozenset())


def test_reports_are_extended_and_never_undercut() -> None:
    found = proposals("2", case(entry(), update(8, "0.8", mae="-0.4"), bars=[*QUIET, bar(10, "102", "94")]))
    assert measures(found) == {"be_mfe": "0.8", "no_be_mfe": "0.8", "mae": "-0.6"}
    assert found["be_mfe"].as_of == at(10)


def test_an_mfe_that_fell_is_extended_from_its_highest_report() -> None:
    found = proposals("2", case(entry(), update(6, "0.9"), update(8, "0.2"), bars=QUIET))
    assert measures(found)["be_mfe"] == "0.9"


def test_bars_that_a_report_covers_say_nothing_new() -> None:
    assert measures(proposals("2", case(entry(), update(10, "0.8", mae="0"), bars=QUIET))) == {}


@pytest.mark.parametrize(
    "bars",
    [[close(4, "101"), *QUIET[1:]], [QUIET[0], *QUIET[2:]], QUIET[1:]],
    ids=["only a close", "a missing bar", "no first bar"],
)
def test_less_than_all_of_the_bars_gives_a_lower_bound(bars: list) -> None:
    assert proposals("2", case(entry(), bars=bars))["mae"].evidence["bound"] == "at least"


class TestAnUndoneTouch:
    TOUCHED = (bar(4, "105", "97"), bar(5, "109", "90"), bar(6, "112", "88"), bar(7, "111", "99"), bar(8, "104", "89"))

    def undone(self, case: Case, field: str) -> Case:
        offer = proposals("2", case)[field]
        return case._replace(barred={*case.barred, (field, "2", evidence_key(offer.evidence))})

    def test_lets_the_excursions_go_on_past_it(self) -> None:
        found = proposals("2", self.undone(case(entry(), bars=self.TOUCHED[:3]), "stop_exit_at"))
        assert "stop_exit_at" not in found
        assert measures(found) == {"be_mfe": "1.2", "no_be_mfe": "1.2", "mae": "-1.2"}
        assert found["mae"].as_of == at(6)

    def test_is_over_when_the_price_has_come_back_and_then_the_next_counts(self) -> None:
        once = self.undone(case(entry(), bars=self.TOUCHED), "stop_exit_at")
        assert values("2", once)["stop_exit_at"] == iso(at(9))
        assert "stop_exit_at" not in proposals("2", self.undone(once, "stop_exit_at"))

    def test_of_the_break_even_stop_leaves_the_first_leg_running(self) -> None:
        bars = [bar(4, "112", "99"), bar(5, "111", "101"), bar(6, "118", "100"), bar(7, "131", "95")]
        found = proposals("2", self.undone(case(entry(), bars=bars), "be_exit_at"))
        assert measures(found)["be_mfe"] == "3.1"

    def test_of_one_r_gives_no_protection(self) -> None:
        bars = [bar(4, "112", "99"), bar(5, "108", "99")]
        found = proposals("2", self.undone(case(entry(), bars=bars), "be_triggered_at"))
        assert found.keys().isdisjoint({"be_triggered_at", "be_exit_at"})


class TestLegs:
    def test_the_bar_that_stops_the_trade_is_left_out_of_both_legs(self) -> None:
        found = proposals("2", case(entry(), bars=[bar(4, "105", "97"), bar(5, "109", "90"), bar(6, "150", "99")]))
        assert measures(found) == {"be_mfe": "0.5", "no_be_mfe": "0.5", "mae": "-0.3"}
        assert found["stop_exit_at"].value == iso(at(6))
        assert found["stop_exit_at"].confidence == Decimal("0.7")
        assert "be_exit_at" not in found

    def test_as_of_the_bar_that_ended_a_leg_its_value_is_final(self) -> None:
        found = proposals(
            "2", case(entry(), event("EXIT_STOP_LOSS", 7), bars=[bar(4, "105", "97"), bar(5, "104", "98")])
        )
        assert found["no_be_mfe"].as_of == at(6)
        assert measures(found)["be_mfe"] == "0.5"

    def test_after_one_r_the_first_leg_ends_at_the_entry_and_the_second_runs_on(self) -> None:
        bars = [bar(4, "112", "99"), bar(5, "111", "101"), bar(6, "118", "100"), bar(7, "131", "95")]
        found = proposals("2", case(entry(), bars=bars))
        assert measures(found) == {"be_mfe": "1.2", "no_be_mfe": "3.1", "mae": "-0.5"}
        assert found["be_triggered_at"].value == iso(at(5))
        assert found["be_exit_at"].value == iso(at(7))
        assert "stop_exit_at" not in found

    def test_the_bar_that_reaches_one_r_does_not_end_the_leg(self) -> None:
        assert "be_exit_at" not in values("2", case(entry(), bars=[bar(4, "112", "99"), bar(5, "111", "101")]))

    def test_a_bar_that_touches_both_is_a_loss(self) -> None:
        found = values("2", case(entry(), bars=[bar(4, "112", "90")]))
        assert found["stop_exit_at"] == iso(at(5))
        assert "be_triggered_at" not in found

    def test_what_events_told_ends_the_legs(self) -> None:
        bars = [bar(4, "112", "101"), bar(5, "115", "101"), bar(6, "119", "100"), bar(7, "131", "95")]
        told = (entry(), event("BE_TRIGGERED", 5), event("EXIT_BREAK_EVEN", 7), event("EXIT_STOP_LOSS", 8))
        found = proposals("2", case(*told, bars=bars))
        assert measures(found) == {"be_mfe": "1.5", "no_be_mfe": "1.9", "mae": "0"}
        assert found.keys().isdisjoint({"be_triggered_at", "be_exit_at", "stop_exit_at"})

    def test_where_one_leg_is_followed_any_exit_ends_the_trade(self) -> None:
        bars = [bar(4, "105", "99"), bar(5, "104", "89"), bar(6, "150", "99")]
        found = proposals("2", case(entry(4, single_leg=True), bars=bars))
        assert found["be_exit_at"].value == iso(at(6))
        assert measures(found) == {"be_mfe": "0.5", "no_be_mfe": "0.5", "mae": "-0.1"}
        assert "stop_exit_at" not in found

    def test_an_update_proves_that_the_trade_ran(self) -> None:
        touched = [bar(4, "101", "89"), *QUIET[1:]]
        assert "stop_exit_at" in values("2", case(entry(), bars=touched))
        assert "stop_exit_at" not in values("2", case(entry(), update(8, "0.2"), bars=touched))

    def test_an_update_can_come_in_the_minute_of_the_exit(self) -> None:
        touched = [*QUIET[:3], bar(7, "101", "89")]
        assert values("2", case(entry(), update(8, "0.2"), bars=touched))["stop_exit_at"] == iso(at(8))

    def test_a_repeated_break_even_trigger_proves_nothing(self) -> None:
        touched = [bar(4, "112", "101"), bar(5, "105", "89")]
        again = (entry(), event("BE_TRIGGERED", 5), event("BE_TRIGGERED", 60))
        assert values("2", case(*again, bars=touched))["stop_exit_at"] == iso(at(6))

    def test_a_close_beyond_the_stop_proves_the_exit_at_the_latest(self) -> None:
        found = proposals("2", case(entry(), bars=[close(4, "99"), close(5, "90")]))["stop_exit_at"]
        assert found.value == iso(at(6))
        assert found.evidence["bound"] == "at the latest"
        assert found.confidence == Decimal("0.7")

    def test_after_a_hole_the_exit_is_doubtful(self) -> None:
        found = proposals("2", case(entry(), bars=[bar(4, "101", "99"), bar(6, "101", "89")]))["stop_exit_at"]
        assert (found.evidence["bound"], found.confidence) == ("at the latest", Decimal("0.4"))

    def test_an_mae_up_to_an_exit_that_only_a_close_tells_is_hardly_trusted(self) -> None:
        found = proposals("2", case(entry(), bars=[close(4, "95"), close(5, "90")]))["mae"]
        assert (found.value, found.confidence) == ("-0.5", Decimal("0.2"))

    def test_there_an_mae_that_was_reported_is_not_carried_on(self) -> None:
        told = (entry(), update(5, "0.5", mae="-0.3"))
        assert "mae" not in values("2", case(*told, bars=[close(5, "94"), close(6, "89")]))

    def test_there_an_mae_by_reported_extremes_is_given_as_of_its_report(self) -> None:
        told = (entry(), update(5, "0.5", highest_high="105", lowest_low="96"))
        found = proposals("2", case(*told, bars=[close(5, "94"), close(6, "89")]))["mae"]
        assert (found.value, found.as_of, found.evidence["bound"]) == ("-0.4", at(4), "at least")

    def test_a_close_short_of_the_stop_proves_nothing(self) -> None:
        assert "stop_exit_at" not in values("2", case(entry(), bars=[close(4, "90.25")]))

    def test_an_exit_is_missed_once_its_event_is_overdue(self) -> None:
        bars = [bar(4, "101", "89")]
        assert "stop_exit_at" not in values("2", case(entry(), bars=bars, now=at(6)))
        assert "stop_exit_at" in values("2", case(entry(), bars=bars, now=at(7)))


class TestOneReportForTheOther:
    def test_while_both_legs_run_their_mfe_is_the_same(self) -> None:
        found = proposals("2", case(entry(), event("MFE_UPDATE", 8, be_mfe="0.8")))
        assert measures(found)["no_be_mfe"] == "0.8"
        assert found["no_be_mfe"].method == "legs_together"

    def test_a_finished_trade_gets_its_second_leg_without_a_gap(self) -> None:
        told = (entry(), event("EXIT_BREAK_EVEN", 8, be_mfe="0.4", single_leg=True))
        assert values("2", case(*told), gaps=[])["no_be_mfe"] == "0.4"

    def test_after_the_first_leg_the_second_goes_on_from_there(self) -> None:
        told = (entry(), event("BE_TRIGGERED", 6), event("EXIT_BREAK_EVEN", 8, be_mfe="1.2"))
        found = proposals("2", case(*told, bars=[bar(7, "101", "99"), bar(8, "115", "99"), bar(9, "114", "95")]))
        assert measures(found)["no_be_mfe"] == "1.5"
        assert "be_mfe" not in found

    def test_own_extremes_give_the_mae(self) -> None:
        told = (entry(), update(8, "0.5", highest_high="105", lowest_low="96"))
        found = proposals("2", case(*told))["mae"]
        assert (found.value, found.method, found.as_of) == ("-0.4", "own_extremes", at(7))
        assert "bound" not in found.evidence

    def test_own_extremes_of_an_update_in_the_minute_of_the_exit_give_the_mae(self) -> None:
        told = update(8, "0.5", highest_high="105", lowest_low="96", single_leg=True)
        assert values("2", case(entry(), told, event("EXIT_BREAK_EVEN", 8, be_mfe="0.5")))["mae"] == "-0.4"

    def test_own_extremes_stand_though_nothing_tells_of_the_minutes_up_to_the_exit(self) -> None:
        told = update(8, "0.5", highest_high="105", lowest_low="96", single_leg=True)
        found = proposals("2", case(entry(), told, event("EXIT_BREAK_EVEN", 12, be_mfe="0.5")))["mae"]
        assert (found.value, found.as_of, found.evidence["bound"]) == ("-0.4", at(7), "at least")

    def test_own_extremes_of_a_short_are_mirrored(self) -> None:
        told = (short(), update(8, "0.5", highest_high="103", lowest_low="95"))
        assert values("2", case(*told, trade_id=SHORT_ID))["mae"] == "-0.3"

    def test_an_mae_that_was_sent_beats_the_extremes(self) -> None:
        told = (entry(), update(8, "0.5", highest_high="105", lowest_low="96", mae="-0.1"))
        assert "mae" not in values("2", case(*told))


def walk(most: int, wick: int) -> st.SearchStrategy[list[tuple[int, int, int]]]:
    """Bars as a move of the close in quarter points, and the points of the wicks above and below it."""
    return st.lists(
        st.tuples(st.integers(-most, most), st.integers(0, wick), st.integers(0, wick)), min_size=2, max_size=40
    )


@given(steps=walk(most=4, wick=2), up=st.booleans(), share=st.floats(0, 1, exclude_max=True))
def test_going_on_from_a_true_report_ends_where_counting_from_the_start_does(
    steps: list[tuple[int, int, int]], up: bool, share: float
) -> None:
    price, bars = Decimal(100), []
    for n, (move, above, below) in enumerate(steps):
        price += Decimal(move) / 4
        bars.append(bar(4 + n, str(price + above), str(price - below)))
    confirmed, trade_id = (entry(), {}) if up else (short(), {"trade_id": SHORT_ID})
    reported = 1 + int(share * (len(bars) - 1))
    whole = proposals("2", case(confirmed, bars=bars, **trade_id))
    part = proposals("2", case(confirmed, bars=bars[:reported], **trade_id))
    assume("stop_exit_at" not in whole and "be_exit_at" not in part)
    report = update(4 + reported, part["be_mfe"].value, part["no_be_mfe"].value, mae=part["mae"].value)
    after = proposals("2", case(confirmed, report, bars=bars, **trade_id))
    assert measures({**part, **after}) == measures(whole)


@given(steps=walk(most=8, wick=6))
def test_closes_never_claim_more_than_the_bars_they_close(steps: list[tuple[int, int, int]]) -> None:
    price, bars, closes = Decimal(100), [], []
    for n, (move, above, below) in enumerate(steps):
        price += Decimal(move) / 8
        bars.append(bar(4 + n, str(price + above), str(price - below), close=str(price)))
        closes.append(close(4 + n, str(price)))
    whole, part = (proposals("2", case(entry(), bars=some)) for some in (bars, closes))
    assume("stop_exit_at" not in whole)
    assert Decimal(part["no_be_mfe"].value) <= Decimal(whole["no_be_mfe"].value)
    assert Decimal(part["mae"].value) >= Decimal(whole["mae"].value)
