"""Every figure of a small set of trades against one that was worked out by hand (trades.py tells the trades)."""

from typing import Any

import pytest

from dashboard.analysis.choices import Choice
from dashboard.analysis.reporting import report
from signals.models import AutomatedSignal
from signals.vocabulary import Origin
from tests.builders import at

from .trades import LOST, MISSED, OPEN, SAVED, WON, columns, mark_filled, small_set

pytestmark = pytest.mark.django_db
USUAL = Choice()


@pytest.fixture(autouse=True)
def _trades(db: None) -> None:
    small_set()


def found(table: str, choice: Choice = USUAL) -> dict[str, dict[str, Any]]:
    """The figures of a table: by row, by column."""
    [one] = [each for each in report(columns(), choice)["tables"] if each["name"] == table]
    return {row["key"]: row["figures"] for row in one["rows"]}


def values(table: str, row: str, choice: Choice = USUAL) -> dict[str, tuple[int, float | None]]:
    return {column: (each["n"], each["value"]) for column, each in found(table, choice)[row].items()}


def test_only_completed_signals_count_and_the_others_are_counted() -> None:
    counted = report(columns(), Choice())["counted"]
    assert counted["signals"] == 7
    assert counted["by_status"] == {"PENDING": 1, "CONFIRMED": 1, "COMPLETED": 4, "CANCELLED": 1}
    nothing_left_out = {"counted": 4, "end_unknown": 0, "mfe_unknown": 0, "fills_not_trusted": 0}
    assert counted["legs"] == {"be": nothing_left_out, "stop": nothing_left_out}


def test_both_legs_with_a_target_of_2_r() -> None:
    # Break-even leg: -1, 0, 0, +2. Original stop: -1, -1, +2, +2.
    assert values("overall", "be") == {
        "expectancy": (4, 0.25), "win_rate": (4, 0.25), "scratched": (4, 0.5), "total": (4, 1.0)
    }  # fmt: skip
    assert values("overall", "stop") == {
        "expectancy": (4, 0.5), "win_rate": (4, 0.5), "scratched": (4, 0.0), "total": (4, 2.0)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("target", "be", "be_won", "stop", "stop_won"),
    [
        ("0.5", 0.5, 1.0, 0.5, 1.0),  # all four came to 0.5 R
        ("1", 0.5, 0.75, 0.5, 0.75),  # -1 +1 +1 +1
        ("2.5", 0.375, 0.25, 0.75, 0.5),  # -1 0 0 +2.5; -1 -1 +2.5 +2.5
        ("3", 0.5, 0.25, 0.0, 0.25),  # -1 0 0 +3; -1 -1 -1 +3
        ("4", -0.25, 0.0, -1.0, 0.0),
        ("end", -0.25, 0.0, -1.0, 0.0),
    ],
)
def test_r_by_target(target: str, be: float, be_won: float, stop: float, stop_won: float) -> None:
    assert values("target", target) == {
        "be_expectancy": (4, be), "be_win_rate": (4, be_won),
        "stop_expectancy": (4, stop), "stop_win_rate": (4, stop_won),
    }  # fmt: skip


def test_groups_hold_the_signals_that_they_name() -> None:
    for table, row in (("session", "NY AM"), ("direction", "Bullish"), ("weekday", "4"), ("hour", "9"),
                       ("source", "default"), ("htf", "daily:Bullish"), ("htf", "h4:Neutral")):  # fmt: skip
        assert values(table, row)["be_expectancy"] == (4, 0.25), table
        # Five of six decided ones were confirmed; what is pending is neither.
        assert values(table, row)["confirmed"] == (6, pytest.approx(5 / 6)), table


def test_groups_tell_the_signals_apart() -> None:
    AutomatedSignal.objects.filter(trade_id__in=(LOST, WON)).update(session="LONDON")
    AutomatedSignal.objects.filter(trade_id=OPEN).update(session=None)
    rows = found("session")
    assert list(rows) == ["LONDON", "NY AM", ""]  # in the order of the day; not known last
    assert rows["LONDON"]["stop_expectancy"]["value"] == 0.5
    assert rows["NY AM"]["be_expectancy"]["value"] == 0.0


def test_what_break_even_cost_and_what_it_saved() -> None:
    rows = found("break_even")
    # SAVED and MISSED were scratched: of the first the stop was hit, the second would have made 2 R.
    assert (rows["scratched"]["share"]["n"], rows["scratched"]["share"]["value"]) == (4, 0.5)
    assert (rows["won"]["share"]["n"], rows["won"]["share"]["value"]) == (2, 0.5)
    assert (rows["saved"]["share"]["n"], rows["saved"]["share"]["value"]) == (2, 0.5)
    assert rows["kept"]["r"]["value"] == -0.5  # +1 for SAVED, -2 for MISSED


def test_excursions_by_quartiles() -> None:
    rows = found("excursions")
    assert rows["mfe_stop"]["median"]["value"] == pytest.approx((1.2 + 2.5) / 2)
    assert (rows["mfe_stop_losers"]["median"]["n"], rows["mfe_stop_losers"]["median"]["value"]) == (
        2,
        pytest.approx(0.85),
    )
    assert (rows["mae_stop_winners"]["median"]["n"], rows["mae_stop_winners"]["median"]["value"]) == (2, -0.9)


def test_distributions_put_each_trade_into_one_stretch() -> None:
    rows = found("mfe")
    assert {key: row["mfe_stop"]["value"] for key, row in rows.items() if row["mfe_stop"]["value"]} == {
        "0.5": 0.25, "1": 0.25, "2": 0.25, "3": 0.25
    }  # fmt: skip
    assert {key: row["mae_all"]["value"] for key, row in found("mae").items() if row["mae_all"]["value"]} == {
        "-0.9": 1.0
    }


def test_equity_in_the_order_in_which_the_trades_ended() -> None:
    lines = report(columns(), Choice())["equity"]
    assert [point["y"] for point in lines["be"]["points"]] == [-1, -1, -1, 1]
    assert [point["y"] for point in lines["stop"]["points"]] == [-1, -2, 0, 2]
    assert (lines["stop"]["deepest_fall"], lines["stop"]["longest_losing_streak"]) == (2, 2)
    assert (lines["be"]["deepest_fall"], lines["be"]["longest_losing_streak"]) == (1, 1)


def test_what_is_heard_has_an_equity_of_its_own() -> None:
    mark_filled(SAVED, "no_be_mfe", 0.8)
    line = report(columns(), Choice())["equity"]["stop"]  # -1 of SAVED is filled
    assert (line["filled"], line["heard"]) == (0.25, {"n": 3, "deepest_fall": 1, "longest_losing_streak": 1})


def test_an_alignment_of_a_later_bar_is_not_the_signals() -> None:
    AutomatedSignal.objects.filter(trade_id=WON).update(htf_as_of=at(30))
    rows = found("htf")
    assert rows["daily:Bullish"]["stop_expectancy"]["n"] == 3
    assert rows["daily:"]["stop_expectancy"]["value"] == 2


def test_months_add_up() -> None:
    assert values("month", "2025-12")["stop_total"] == (4, 2.0)


def test_a_tighter_stop_counts_by_the_worse_order() -> None:
    # All four went to -0.9 R. LOST and SAVED lose half as much; MISSED and WON touched both stop and target.
    [stops] = [each for each in report(columns(), Choice())["tables"] if each["name"] == "stops"]
    row = next(row for row in stops["rows"] if row["key"] == "2")
    assert {stop: each["value"] for stop, each in row["figures"].items()} == {
        "0.25": -0.25, "0.5": -0.5, "0.75": -0.75, "1": 0.5
    }  # fmt: skip
    assert row["best"] == {"0.25": 0.875, "0.5": 0.75, "0.75": 0.625, "1": 0.5}
    assert stops["says"] == "There is nothing to choose by yet."


def test_where_the_stop_was_not_touched_the_target_came_first() -> None:
    AutomatedSignal.objects.filter(trade_id=WON).update(mae="-0.3")
    [stops] = [each for each in report(columns(), Choice())["tables"] if each["name"] == "stops"]
    row = next(row for row in stops["rows"] if row["key"] == "2")
    assert row["figures"]["0.5"]["value"] == pytest.approx((-0.5 - 0.5 - 0.5 + 2) / 4)


def test_what_is_filled_is_told_and_can_be_left_out() -> None:
    mark_filled(WON, "be_mfe", 0.8)
    be = found("overall")["be"]["expectancy"]
    assert (be["n"], be["filled"], be["value"]) == (4, 0.25, 0.25)
    assert (be["heard_n"], be["heard"]) == (3, pytest.approx(-1 / 3, abs=1e-6))
    assert found("overall")["stop"]["expectancy"]["filled"] == 0  # the other leg does not rest on it
    heard_only = Choice(confidence=None)
    assert found("overall", heard_only)["be"]["expectancy"]["value"] == pytest.approx(-1 / 3, abs=1e-6)


@pytest.mark.parametrize(("confidence", "counts"), [(0.7, 4), (0.75, 3), (None, 3), (0.0, 4)])
def test_fills_count_as_far_as_they_are_trusted(confidence: float | None, counts: int) -> None:
    mark_filled(SAVED, "stop_exit_at", 0.7)
    choice = Choice(confidence=confidence)
    assert found("overall", choice)["stop"]["expectancy"]["n"] == counts
    left_out = report(columns(), choice)["counted"]["legs"]["stop"]["fills_not_trusted"]
    assert left_out == 4 - counts


def test_a_group_rests_on_what_it_is_told_apart_by() -> None:
    mark_filled(LOST, "session", 0.9)
    assert found("session")["NY AM"]["be_expectancy"]["filled"] == 0.25
    assert found("direction")["Bullish"]["be_expectancy"]["filled"] == 0
    rows = found("session", Choice(confidence=0.95))
    assert rows["NY AM"]["be_expectancy"]["n"] == 3
    assert rows[""]["be_expectancy"]["value"] == -1  # its session is not known well enough


def test_an_mfe_that_does_not_reach_the_end_is_not_counted() -> None:
    AutomatedSignal.objects.filter(trade_id=MISSED).update(mfe_as_of=at(10))
    told = report(columns(), Choice())["counted"]["legs"]["stop"]
    assert (told["counted"], told["mfe_unknown"]) == (3, 1)
    assert values("target", "end")["stop_expectancy"] == (4, -1.0)  # to its end nothing depends on it


def test_what_replay_found_rests_on_fills_altogether() -> None:
    AutomatedSignal.objects.filter(trade_id=WON).update(origin=Origin.REPLAY, confidence_score="0.85")
    be = found("overall")["be"]["expectancy"]
    assert (be["n"], be["filled"]) == (4, 0.25)


def test_the_best_target_is_tried_on_the_other_half() -> None:
    rows = found("halves")
    assert rows == {"be": {}, "stop": {}}  # four trades choose nothing
