"""Positions: an id that names a market holds one trade at a time; its orders in time tell the trades apart."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.dialects.builtin import BUILTIN
from signals.exporting import record
from signals.intake import take_in
from signals.models import AutomatedSignal
from signals.receiving.senders import default_source
from signals.signal.identity import lives_of
from signals.signal.rebuilding import chunks, differences, rederive
from signals.teaching.saving import save
from tests.builders import ROW_ONLY, at, incoming
from tests.signals.test_invariants import fresh_world

LONG, SHORT = "Bullish", "Bearish"


class Told(NamedTuple):
    type: str
    minute: int
    facts: Mapping[str, Any]
    symbol: str = ""

    @property
    def fire_minute(self) -> Any:
        return at(self.minute)


def opened(minute: int, side: str = LONG, **facts: Any) -> Told:
    return Told("ENTRY", minute, {"direction": side, "one_position": True, **facts})


def closed(minute: int, side: str | None = LONG, **facts: Any) -> Told:
    return Told("EXIT", minute, {"one_position": True, **({"direction": side} if side else {}), **facts})


def turned(minute: int, side: str = LONG, **facts: Any) -> list[Told]:
    other = SHORT if side == LONG else LONG
    return [closed(minute, other, if_open=True), opened(minute, side, **facts)]


@pytest.mark.parametrize(
    ("events", "trades"),
    [
        ([opened(1), closed(5)], [1, 1]),
        ([opened(1), closed(5), opened(9), closed(12)], [1, 1, 2, 2]),
        ([opened(1), closed(5, None), opened(9, SHORT), closed(12, None)], [1, 1, 2, 2]),
        ([*turned(1), *turned(5, SHORT), *turned(9)], [1, 1, 1, 2, 2, 3]),  # each turn ends the trade before
        ([*turned(1), closed(3), *turned(5, SHORT)], [1, 1, 1, 1, 2]),  # and nothing where it ended already
        ([opened(1), closed(5), opened(5, SHORT), closed(9, SHORT)], [1, 1, 2, 2]),
        ([opened(1), opened(5, SHORT)], [1, 2]),  # its end was lost: two trades all the same
        ([opened(1, entry_price="1"), opened(5, entry_price="2")], [1, 1]),  # more of what is open
        ([opened(1), closed(5, SHORT)], [1, 2]),  # of a trade whose entry was lost
        ([closed(5), opened(9)], [1, 2]),
        ([opened(5), closed(5)], [1, 1]),  # in and out within a minute
        ([opened(1), closed(5), opened(5), closed(8)], [1, 1, 2, 2]),
        ([opened(1), closed(1), opened(2)], [1, 1, 1]),  # the log's minute beside the receipt's
        ([opened(1), closed(2), opened(3)], [1, 1, 2]),
        ([closed(1, SHORT), *turned(1)], [2, 1, 1]),
        ([opened(1), Told("MFE_UPDATE", 3, {}), closed(5), Told("MFE_UPDATE", 6, {}), opened(7)], [1, 1, 1, 1, 2]),
    ],
)
def test_trades_are_told_apart_by_their_order_in_time(events: Sequence[Told], trades: list[int]) -> None:
    assert lives_of(events) == trades
    assert lives_of(events[::-1]) == trades[::-1]


@st.composite
def orders(draw: st.DrawFn) -> list[tuple[dict[str, Any], int]]:
    """Orders of a strategy in a few minutes, some of them lost, and the minute of each."""
    kinds = st.sampled_from([
        {"action": "buy"}, {"action": "sell"}, {"action": "exit"}, {"action": "sell", "sentiment": "flat"},
        {"action": "buy", "sentiment": "flat"},
    ])  # fmt: skip
    moments = draw(st.lists(st.integers(1, 30), min_size=2, max_size=8))
    return [({"ticker": "AMD", **draw(kinds), "price": 100 + minute}, minute) for minute in moments]


def signals_of(*pieces: Sequence[tuple[dict[str, Any], int]]) -> list[dict[str, Any]]:
    with fresh_world():
        save(BUILTIN["traderspost"].spec, source=None, by=None, now=at(0))
        source = default_source()
        for piece in pieces:
            take_in(source, [incoming(body, at(minute)) for body, minute in piece], now=at(2000))
        assert [d for chunk in chunks() for pair in rederive(chunk) for d in differences(*pair)] == []
        rows = AutomatedSignal.objects.select_related("source").order_by("trade_id", "life")
        return [{k: v for k, v in record(row).items() if k not in ROW_ONLY} for row in rows]


@pytest.mark.django_db
@settings(max_examples=15)
@given(sent=orders(), data=st.data())
def test_neither_order_nor_repetition_nor_pieces_matter(sent: list[tuple[dict[str, Any], int]], data: Any) -> None:
    shuffled = data.draw(st.permutations([*sent, *data.draw(st.lists(st.sampled_from(sent), max_size=2))]))
    size = data.draw(st.integers(1, 3))
    pieces = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]

    assert signals_of(*pieces) == signals_of(sent)


@pytest.mark.django_db
def test_orders_to_buy_and_to_sell_are_trades_that_end_each_other() -> None:
    save(BUILTIN["traderspost"].spec, source=None, by=None, now=at(0))
    for minute, action in ((1, "buy"), (6, "sell"), (9, "buy")):
        body = {"ticker": "AMD", "action": action, "price": 100 + minute}
        take_in(default_source(), [incoming(body, at(minute))], now=at(minute))

    first, second, third = AutomatedSignal.objects.order_by("life")
    assert [(each.direction, each.status) for each in (first, second, third)] == [
        (LONG, "COMPLETED"), (SHORT, "COMPLETED"), (LONG, "CONFIRMED"),
    ]  # fmt: skip
    assert (first.entry_price, first.exit_price, second.entry_price, third.exit_price) == (101, 106, 106, None)
    assert first.stop_exit_at == second.entry_fired_at == at(6)
    assert second.stop_exit_at - first.stop_exit_at == timedelta(minutes=3)
