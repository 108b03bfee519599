"""What falls due though nothing happens: a trade that is over, and lacks what its own alerts show."""

import pytest

from signals.models import AutomatedSignal
from tests.builders import Alert, at, break_even, created, entry, exit_stop, payload, send, the_signal, update
from tests.reconciliation.cycles import bars, cycle, scheduled, snapshot

pytestmark = pytest.mark.django_db
HEARD: list[Alert] = [
    (created(), at(1)), (entry(), at(5)), (update(0.4), at(6)), (update(1.4, 1.6), at(29)), (exit_stop(), at(30)),
]  # fmt: skip


def test_a_trigger_that_an_alert_shows_gets_its_moment_once_its_own_alert_is_overdue() -> None:
    send(HEARD)
    cycle(30)
    assert AutomatedSignal.objects.get().be_triggered_at is None  # the alert may be on its way
    cycle(60)
    signal = AutomatedSignal.objects.get()
    assert signal.be_triggered_at == signal.seen_protected_at
    assert signal.provenance["be_triggered_at"]["evidence"]["bound"] == "at the latest"


def test_once_it_has_it_nothing_is_due_any_more() -> None:
    send(HEARD)
    for minute in (30, 60):
        cycle(minute)
    assert cycle(90).signals_examined == 0


# Whole bars of a trade that reaches +1 R in the bar of minute 28, and comes back to its entry in that of 29.
WAY = {**dict.fromkeys(range(5, 28), 25744.0), 28: 25751.0, 29: 25739.0}
STOPPED = payload("EXIT_STOP_LOSS", exit_price=25730, exit_reason="original_stop_loss_hit")
# What only these show, its alert's minute, and the alerts that came until the trade was over, a minute later.
SHOWN: list[tuple[str, int, list[Alert]]] = [
    ("be_triggered_at", 29, [(update(0.4), at(28)), (STOPPED, at(30))]),
    ("be_exit_at", 30, [(update(0.4), at(28)), (break_even(), at(29)), (STOPPED, at(31))]),
]


@pytest.mark.parametrize(("field", "minute", "heard"), SHOWN)
def test_what_only_prices_show_just_before_the_end_is_filled_once_its_alert_is_overdue(
    field: str, minute: int, heard: list[Alert]
) -> None:
    send([(created(), at(1)), (entry(), at(5)), *heard])
    bars(WAY)
    scheduled(minute + 1)
    assert (getattr(the_signal(), field), the_signal().check_at) == (None, at(minute + 2))
    assert scheduled(minute + 1.5).signals_examined == 0
    scheduled(minute + 2)
    assert getattr(the_signal(), field) == at(minute)
    before = snapshot()
    assert scheduled(minute + 9).signals_examined == 0
    assert snapshot() == before
