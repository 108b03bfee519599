"""The chart's geometry: nothing leaves the frame, time is open-market time, labels can be read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboard.telling.candles import COLUMNS
from dashboard.telling.chart import LABEL_GAP, Chart, chart, life
from dashboard.telling.drawn import Drawn
from dashboard.telling.scale import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from signals.models import AutomatedSignal, RefusedBar, Source
from signals.vocabulary import DataSource, Direction, Status
from tests.builders import SIGNAL_BAR, at

SOURCE = Source(symbol="MNQ1!")
NOW = at(60)


def signal(**values: Any) -> AutomatedSignal:
    given = {
        "trade_id": "x", "status": Status.COMPLETED, "direction": Direction.BULLISH, "signal_time": SIGNAL_BAR,
        "first_event_at": at(1), "entry_fired_at": at(3), "confirmation_time": at(2), "entry_price": Decimal(25740),
        "stop_loss": Decimal(25730), "be_mfe": Decimal("1.4"), "no_be_mfe": Decimal("2.5"), "mae": Decimal("-0.9"),
        "be_triggered_at": at(12), "be_exit_at": at(15), "stop_exit_at": at(20), "provenance": {},
        "targets": {"tp1": "25750", "tp2": "25760", "tp3": "25770"},
    }  # fmt: skip
    return AutomatedSignal(**{**given, **values})


def closes(prices: Sequence[float], start: datetime = SIGNAL_BAR) -> list[Drawn]:
    minute = timedelta(minutes=1)
    return [Drawn(time=start + n * minute, close=Decimal(str(price))) for n, price in enumerate(prices)]


def drawn(of: AutomatedSignal, bars: Sequence[Drawn] = ()) -> Chart:
    made = chart(of, bars, life(of, NOW), SOURCE)
    assert made is not None
    return made


def level(made: Chart, name: str) -> Any:
    return next(each for each in made.levels if each.name == name)


def test_higher_prices_stand_higher_and_later_bars_further_right() -> None:
    made = drawn(signal(), closes([25740, 25750, 25760]))
    xs, tops = [each.x for each in made.candles], [each.top for each in made.candles]
    assert xs == sorted(set(xs))
    assert tops == sorted(tops, reverse=True)
    assert level(made, "Stop").y > level(made, "Entry").y > level(made, "Target 1").y


def test_each_leg_is_drawn_at_its_price_as_far_as_it_went() -> None:
    made = drawn(signal())
    first, second = level(made, "MFE, BE leg"), level(made, "MFE, stop leg")
    assert (first.price, second.price) == (Decimal("25754.0"), Decimal("25765.0"))
    assert first.x2 < second.x2
    assert level(made, "BE stop").x1 > level(made, "Entry").x1


def test_a_short_trades_excursions_are_mirrored() -> None:
    made = drawn(signal(direction=Direction.BEARISH, stop_loss=Decimal(25750), targets=None))
    assert level(made, "MFE, stop leg").price == Decimal("25715.0")
    assert level(made, "MAE").price == Decimal("25749.0")


def test_targets_are_drawn_up_to_the_first_that_was_not_reached() -> None:
    names = {each.name for each in drawn(signal(be_mfe=Decimal("1.4"), no_be_mfe=Decimal("1.4"))).levels}
    assert {"Target 1", "Target 2", "MFE, both legs"} <= names
    assert "Target 3" not in names


def test_what_the_indicator_did_not_send_is_marked() -> None:
    made = drawn(signal(provenance={"stop_exit_at": {"source": DataSource.CALCULATED}}))
    assert {marker.name for marker in made.markers if marker.synthetic} == {"exit at stop"}


def test_a_marker_stands_on_the_price_of_its_bar() -> None:
    made = drawn(signal(), closes([25735, 25736, 25740, 25741]))
    on_price = {marker.name: marker.y for marker in made.markers}
    assert on_price["entry"] == level(made, "Entry").y
    assert on_price["exit at stop"] is None


def test_closed_hours_take_no_room_and_missing_bars_leave_a_hole() -> None:
    evening = datetime(2025, 12, 11, 21, 58, tzinfo=UTC)  # two minutes before the daily halt of an hour
    of = signal(
        signal_time=evening,
        first_event_at=evening + timedelta(minutes=1),
        seen_completed_at=evening + timedelta(hours=2),
        **dict.fromkeys(("stop_exit_at", "entry_fired_at", "be_triggered_at", "be_exit_at")),
    )
    over_the_halt = [*closes([25740, 25741], evening), *closes([25742, 25743], evening + timedelta(minutes=62))]
    assert len(drawn(of, over_the_halt).closes) == 1
    with_a_hole = [*closes([25740, 25741], evening), *closes([25742, 25743], evening + timedelta(minutes=90))]
    assert len(drawn(of, with_a_hole).closes) == 2


def test_whole_bars_are_drawn_from_high_to_low() -> None:
    bar = Drawn(time=at(5), close=Decimal(25742), high=Decimal(25750), low=Decimal(25740))
    [candle] = drawn(signal(), [bar]).candles
    assert (candle.top, candle.bottom) == (
        level(drawn(signal(), [bar]), "Target 1").y,
        level(drawn(signal(), [bar]), "Entry").y,
    )


def whole(minute: int, opened: int, high: int, low: int, close: int) -> Drawn:
    prices = {"open": opened, "high": high, "low": low, "close": close}
    return Drawn(time=at(minute), **{name: Decimal(each) for name, each in prices.items()})


def test_a_whole_bar_is_a_candle_with_its_values_in_words() -> None:
    fallen, risen = drawn(
        signal(), [whole(5, 25745, 25750, 25740, 25742), whole(6, 25742, 25750, 25740, 25748)]
    ).candles
    assert (fallen.rises, risen.rises) == (False, True)
    assert fallen.says == "11 Dec 09:45: open 25,745.00, high 25,750.00, low 25,740.00, close 25,742.00"
    assert fallen.body is not None
    assert fallen.top < fallen.body[0] < fallen.body[0] + fallen.body[1] < fallen.bottom


def test_candles_take_the_place_of_the_line_of_closes() -> None:
    bars = [*closes([25740, 25741]), whole(2, 25741, 25742, 25740, 25741), whole(3, 25741, 25742, 25740, 25741)]
    made = drawn(signal(), bars)
    assert len(made.closes) == 1
    assert [each.body is not None for each in made.candles] == [False, False, True, True]


def test_an_excursion_is_a_band_from_the_entry() -> None:
    made = drawn(signal())
    top, height = level(made, "MFE, stop leg").band
    assert top == level(made, "MFE, stop leg").y
    assert round(top + height, 1) == level(made, "Entry").y
    assert level(made, "MAE").band[0] == level(made, "Entry").y
    assert level(made, "Stop").band is None


def test_a_refused_bar_far_away_stands_at_the_edge_and_flattens_nothing() -> None:
    price = Decimal(26000)
    bar = RefusedBar(time=at(5), open=price, high=price, low=price, close=price, reason="a jump")
    made = chart(signal(), [], life(signal(), NOW), SOURCE, refused=[bar])
    assert made is not None
    assert made.levels == drawn(signal()).levels
    assert made.refused[0].top == TOP
    assert "refused, 26,000.00 to 26,000.00: a jump" in made.refused[0].says


def test_closer_only_what_lies_there_is_drawn() -> None:
    bars = [whole(minute, 25741, 25742, 25740, 25741) for minute in range(4, 9)]
    made = chart(signal(), bars, (at(4), at(9)), SOURCE, closer=True)
    assert made is not None
    assert {each.name for each in made.levels} == {"Entry"}
    assert made.markers == []


def test_a_long_life_is_drawn_in_a_bounded_number_of_columns() -> None:
    bars = closes([25740 + n % 20 for n in range(3000)])
    of = signal(status=Status.CONFIRMED, stop_exit_at=None)
    made = chart(of, bars, (SIGNAL_BAR, SIGNAL_BAR + timedelta(days=3)), SOURCE)
    assert made is not None
    assert COLUMNS / 2 < len(made.candles) <= COLUMNS + 1


def test_without_prices_and_levels_there_is_no_chart() -> None:
    of = signal(entry_price=None, stop_loss=None)
    assert chart(of, [], life(of, NOW), SOURCE) is None


def test_the_picture_is_told_in_words_too() -> None:
    assert "entry 25,740.00, stop 25,730.00, MFE 2.50 R" in drawn(signal()).says


prices = st.decimals(25600, 25900, places=2)
excursions = st.one_of(st.none(), st.decimals(-5, 30, places=3))
minutes = st.one_of(st.none(), st.integers(2, 5000).map(at))


lives = st.fixed_dictionaries(
    {
        **dict.fromkeys(("entry_price", "stop_loss"), st.one_of(st.none(), prices)),
        **dict.fromkeys(("be_mfe", "no_be_mfe", "mae"), excursions),
        **dict.fromkeys(("be_triggered_at", "be_exit_at", "stop_exit_at"), minutes),
    }
)


@given(lives, st.lists(st.floats(25600, 25900), max_size=40))
def test_nothing_leaves_the_frame_and_no_two_labels_overlap(values: dict[str, Any], path: list[float]) -> None:
    of = signal(**values)
    made = chart(of, closes(path), life(of, NOW), SOURCE)
    if made is None:
        return
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for each in made.levels:
        assert LEFT <= each.x1 <= each.x2 <= right + 6
        assert TOP <= each.y <= bottom
    for marker in made.markers:
        assert LEFT <= marker.x <= right
    for each in made.candles:
        assert LEFT <= each.x <= right
        assert TOP <= each.top <= each.bottom <= bottom
    places = sorted(each.label_y for each in made.levels)
    assert all(b - a >= LABEL_GAP - 0.01 for a, b in pairwise(places))
