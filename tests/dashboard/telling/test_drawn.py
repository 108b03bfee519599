"""The prices of a chart: each bar of a short life, pieces of a long one."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.telling.drawn import MOST, PIECES, Drawn, drawn
from signals.models import PriceBar
from tests.builders import SIGNAL_BAR, at

pytestmark = pytest.mark.django_db
LONG = 3 * MOST


def stored(minutes: Sequence[int]) -> list[Drawn]:
    """Whole bars, one of which has only its close where the minute is odd and under ten."""
    made = []
    for n in minutes:
        prices = {"open": 100 + n % 7, "high": 110 + n % 11, "low": 90 - n % 5, "close": 101 + n % 7}
        bar = PriceBar(symbol="S", time=at(n), kind=2, evidence="x:0", **{k: Decimal(v) for k, v in prices.items()})
        if n < 10 and n % 2:
            bar.kind, bar.open, bar.high, bar.low = 1, None, None, None
        made.append(bar)
    PriceBar.objects.bulk_create(made)
    return [Drawn(bar.time, bar.close, bar.open, bar.high, bar.low) for bar in made]


def test_of_a_short_life_each_bar_is_read() -> None:
    bars = stored(range(30))
    assert drawn("S", at(5), at(20)) == bars[5:21]
    assert drawn("other", at(5), at(20)) == []


def test_of_a_long_one_pieces_are_that_have_all_its_bars() -> None:
    bars = stored(range(0, LONG, 2))
    found = drawn("S", SIGNAL_BAR, at(LONG))
    assert PIECES / 2 < len(found) <= PIECES + 1
    assert sum(piece.bars for piece in found) == len(bars)
    assert [piece.time for piece in found] == sorted(piece.time for piece in found)
    assert max(piece.high or 0 for piece in found) == max(bar.high or 0 for bar in bars)
    for piece, after in zip(found, [*found[1:], None], strict=True):
        own = [bar for bar in bars if piece.time <= bar.time and (after is None or bar.time < after.time)]
        highs, lows = [bar.high or bar.close for bar in own], [bar.low or bar.close for bar in own]
        opened = own[0].open if all(bar.open is not None for bar in own) else None
        assert piece == Drawn(own[0].time, own[-1].close, opened, max(highs), min(lows), len(own))


def test_the_bars_of_markers_stay_by_themselves() -> None:
    bars = stored(range(LONG))
    found = drawn("S", SIGNAL_BAR, at(LONG), also=(at(777), SIGNAL_BAR - timedelta(days=1)))
    assert bars[777] in found
    assert sum(piece.bars for piece in found) == len(bars)


def test_how_much_is_read_does_not_grow_with_the_life() -> None:
    stored(range(0, LONG, 3))
    with CaptureQueriesContext(connection) as asked:
        drawn("S", SIGNAL_BAR, at(LONG), also=(at(777),))
    assert len(asked) == 3
