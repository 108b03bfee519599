"""What falls due though nothing happens: a trade that is over, and lacks what its own alerts show."""

import pytest

from signals.models import AutomatedSignal
from tests.builders import Alert, at, created, entry, exit_stop, send, update
from tests.reconciliation.cycles import cycle

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
