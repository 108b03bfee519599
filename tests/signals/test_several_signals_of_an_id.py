"""One trade id, several signals: of several symbols, and of several lives of an id that names no bar.

Whatever the order in which their alerts come, how often, and in how many pieces: the same signals come out.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.exporting import record
from signals.intake import take_in
from signals.models import AutomatedSignal
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.signal.rebuilding import chunks, differences, rederive
from tests.builders import ROW_ONLY, TRADE_ID, at, cancelled, created, entry, exit_stop, incoming, update
from tests.signals.test_invariants import fresh_world

pytestmark = pytest.mark.django_db


def an_alert(kind: int, trade_id: str, minute: int, n: int) -> dict[str, Any]:
    stated = {"signal_date": "2025-12-11", "signal_time": f"{9 + minute // 60:02}:{minute % 60:02}:00"}
    bodies = (
        created(trade_id, **stated) if n % 2 else {"event_type": "SIGNAL_CREATED", "trade_id": trade_id},
        {"event_type": "ENTRY", "trade_id": trade_id, "entry_price": 25700 + n, "stop_loss": 25690},
        entry(trade_id, entry_price=25740 + n, **stated),
        update(0.1 * n, trade_id=trade_id, current_price=25741),
        exit_stop(trade_id),
        cancelled(trade_id),
    )
    return bodies[kind]


@st.composite
def arrivals(draw: st.DrawFn) -> list[Incoming]:
    """Alerts of one id, mostly births and ends, of few minutes and symbols."""
    sent = []
    trade_id = draw(st.sampled_from(["Long", "Long", TRADE_ID]))
    payloads = draw(st.sampled_from([("",), ("", "MNQ1!", "CME:mes1!", "MES")]))
    tickers = draw(st.sampled_from([("",), ("", "MNQ1!", "MES1!")]))
    for _ in range(draw(st.integers(3, 10))):
        minute, kind = draw(st.integers(1, 12)) * 5, draw(st.sampled_from([0, 1, 1, 2, 3, 4, 4, 5]))
        body = an_alert(kind, trade_id, minute, draw(st.integers(0, 2)))
        named, symbol = draw(st.sampled_from(payloads)), draw(st.sampled_from(tickers))
        sent.append(incoming({**body, "symbol": named} if named else body, at(minute), symbol=symbol))
    return sent


def signals_of(*pieces: Sequence[Incoming], home: str) -> list[dict[str, Any]]:
    """What comes out of these, and that deriving it anew changes nothing."""
    with fresh_world():
        source = default_source()
        source.symbol = home
        source.save()
        for piece in pieces:
            take_in(source, piece, now=at(2000))
        assert [d for chunk in chunks() for pair in rederive(chunk) for d in differences(*pair)] == []
        rows = AutomatedSignal.objects.select_related("source").order_by("trade_id", "symbol", "life")
        return [{k: v for k, v in record(row).items() if k not in ROW_ONLY} for row in rows]


@settings(max_examples=50)
@given(sent=arrivals(), home=st.sampled_from(["", "MES1!", "NQ1!"]), data=st.data())
def test_neither_order_nor_repetition_nor_pieces_matter(sent: list[Incoming], home: str, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations([*sent, *data.draw(st.lists(st.sampled_from(sent), max_size=3))]))
    size = data.draw(st.integers(1, 4))
    pieces = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    assert signals_of(*pieces, home=home) == signals_of(sent, home=home)
