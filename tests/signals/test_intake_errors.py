"""A signal that cannot be projected or derived costs neither its deliveries nor the other signals."""

from collections.abc import Set

import pytest

from signals.models import AutomatedSignal, Delivery, SignalEvent
from signals.signal import joining, rebuilding
from signals.signal.joining import join
from signals.signal.rebuilding import chunks, restore
from tests.builders import TRADE_ID, at, created, entry, send, the_signal

pytestmark = pytest.mark.django_db
OTHER = "20251211_094200000_BEARISH"


def failing_for(trade_id: str):
    def joins(signal: AutomatedSignal, event: SignalEvent) -> Set[str]:
        if signal.trade_id == trade_id:
            raise ArithmeticError("cannot")
        return join(signal, event)

    return joins


def test_a_failing_join_keeps_delivery_and_event_and_marks_the_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "join", failing_for(TRADE_ID))
    send([(created(), at(1)), (created(OTHER), at(3))])
    assert Delivery.objects.filter(status="accepted").count() == 2
    assert "ArithmeticError" in the_signal().rebuild_error
    assert the_signal(OTHER).rebuild_error == ""


def test_a_rebuild_heals_the_marked_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(joining, "join", failing_for(TRADE_ID))
        send([(created(), at(1)), (entry(), at(5))])
    for chunk in chunks():
        restore(chunk, now=at(90))
    healed = the_signal()
    assert (healed.rebuild_error, healed.status, healed.bars_to_confirmation) == ("", "CONFIRMED", 4)


def test_a_signal_that_cannot_be_derived_is_marked_and_the_others_are_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    send([(created(), at(1)), (created(OTHER), at(3))])
    AutomatedSignal.objects.update(direction="Bearish")
    monkeypatch.setattr(rebuilding, "join", failing_for(TRADE_ID))
    for chunk in chunks():
        restore(chunk, now=at(90))
    assert "ArithmeticError" in the_signal().rebuild_error
    assert the_signal(OTHER).direction == "Bullish"
