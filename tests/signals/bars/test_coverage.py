"""What bars there are: counted per day by the market's hours, and the holes between them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.bars.coverage import Day, Hole, between, coverage, holes, last_day, span_of, symbols
from signals.bars.storing import Bar, store_bars
from signals.clock import NEW_YORK
from signals.market import ALWAYS_OPEN, market
from signals.models import PriceBar, RefusedBar

ALWAYS, CME = market(ALWAYS_OPEN), market()
DAY = date(2025, 12, 11)
START = span_of(DAY, NEW_YORK)[0]
LATER = datetime(2026, 1, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def bar(minute: int, *, symbol: str = "MNQ1!", whole: bool = True, origin: int = PriceBar.Origin.FILE) -> Bar:
    kind, price = PriceBar.Kind.BAR if whole else PriceBar.Kind.CLOSE, Decimal(25_000)
    ends = (price, price, price) if whole else (None, None, None)
    return Bar(symbol, at(minute), kind, *ends, price, f"{minute}:0", origin)


def counted(*bars: Bar, days: tuple[date, ...] = (DAY,)) -> list[Day]:
    store_bars(bars)
    return coverage("MNQ1!", days, zone=NEW_YORK, hours=CME, now=LATER)


@pytest.mark.django_db
class TestDays:
    def test_bars_are_counted_by_how_much_is_known_and_from_where(self) -> None:
        indicator = PriceBar.Origin.INDICATOR
        (day,) = counted(bar(0), bar(1, origin=indicator), bar(2, whole=False, origin=indicator), bar(3, symbol="ES1!"))
        assert (day.files, day.indicator, day.closes) == (1, 1, 1)

    def test_the_halt_is_not_expected(self) -> None:
        (day,) = counted(bar(0))
        assert day.expected == 23 * 60
        assert day.missing == day.expected - 1

    def test_of_a_day_that_runs_only_the_minutes_so_far_are_expected(self) -> None:
        (day,) = coverage("MNQ1!", [DAY], zone=NEW_YORK, hours=CME, now=at(30))
        assert day.expected == 30

    def test_days_are_those_of_the_wall_clock(self) -> None:
        before, day = counted(bar(-1), bar(0), days=(DAY - timedelta(days=1), DAY))
        assert (before.files, day.files) == (1, 1)

    def test_a_day_of_which_many_bars_were_refused_is_dirty(self) -> None:
        price = Decimal(1)
        RefusedBar.objects.bulk_create(
            RefusedBar(symbol="MNQ1!", time=at(minute), open=price, high=price, low=price, close=price, evidence="x")
            for minute in range(4)
        )
        (day,) = counted(*(bar(minute) for minute in range(4, 24)))
        assert (day.refused, day.dirty) == (4, True)

    def test_symbols_and_the_latest_day(self) -> None:
        store_bars([bar(0), bar(5), bar(0, symbol="ES1!")])
        assert symbols() == ["ES1!", "MNQ1!"]
        assert (last_day("MNQ1!", NEW_YORK), last_day("NQ1!", NEW_YORK)) == (DAY, None)

    def test_a_close_leaves_a_hole(self) -> None:
        store_bars([bar(0), bar(1, whole=False), bar(2)])
        assert list(holes("MNQ1!", at(0), at(3), CME)) == [Hole(at(1), at(1), 1)]


class TestHoles:
    def test_between_bars_at_the_ends_and_without_any(self) -> None:
        assert list(between([at(2), at(5)], at(0), at(8), ALWAYS)) == [
            Hole(at(0), at(1), 2),
            Hole(at(3), at(4), 2),
            Hole(at(6), at(7), 2),
        ]
        assert list(between([], at(0), at(2), ALWAYS)) == [Hole(at(0), at(1), 2)]

    def test_a_halt_is_no_hole_and_a_hole_does_not_reach_into_it(self) -> None:
        last, first = at(17 * 60 - 1), at(18 * 60)
        assert list(between([last, first], last, first + timedelta(minutes=1), CME)) == []
        (hole,) = between([first], last, first + timedelta(minutes=1), CME)
        assert hole == Hole(last, last, 1)

    @given(st.sets(st.integers(0, 59)))
    def test_bars_and_holes_together_are_all_minutes(self, there: set[int]) -> None:
        found = list(between([at(minute) for minute in sorted(there)], at(0), at(60), ALWAYS))
        assert sum(hole.minutes for hole in found) + len(there) == 60
