"""Recorded signals: nothing recorded contradicts one, and of an export only what it lacks is found."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Max

from reconciliation.cycle.run import run_sync
from signals.models import AutomatedSignal
from signals.receiving.senders import default_source
from tests.builders import send

pytestmark = pytest.mark.django_db


def taken_in(log: Path) -> Any:
    """Import the log with the recorded bars, and sync; the moment of its last event."""
    call_command("import_alerts", str(log), verbosity=0)
    call_command("import_bars", str(log.parent / "bars" / "20251202.csv"), symbol="MNQ1!", verbosity=0)
    last = AutomatedSignal.objects.aggregate(last=Max("last_event_at"))["last"]
    run_sync(now=last + timedelta(minutes=30), trigger="command")
    return last


def repainted() -> set[str]:
    return set(AutomatedSignal.objects.filter(repainted__isnull=False).values_list("trade_id", flat=True))


def listed(row: AutomatedSignal) -> dict[str, Any]:
    """The signal as an export of what fired would list it."""
    told = {"trade_id": row.trade_id, "direction": row.direction, "status": row.status}
    told["signal_time"] = int(row.signal_time.timestamp()) * 1000
    if row.confirmation_time:
        told["confirmation_time"] = int(row.confirmation_time.timestamp()) * 1000
    prices = {"entry": row.entry_price, "stop": row.stop_loss}
    return told | {name: float(price) for name, price in prices.items() if price is not None}


def test_no_recorded_signal_is_called_repainted(recorded_logs: list[Path]) -> None:
    for log in recorded_logs:
        taken_in(log)
    assert AutomatedSignal.objects.count() > 100
    assert repainted() == set()


@pytest.mark.parametrize("name", ["created-batches-night", "telemetry-newyork"])
def test_of_an_export_of_what_fired_only_what_it_lacks_is_found(recorded_logs: list[Path], name: str) -> None:
    (log,) = (each for each in recorded_logs if each.stem == name)
    last = taken_in(log)
    rows = list(AutomatedSignal.objects.filter(origin="alerts", signal_time__isnull=False).order_by("signal_time"))
    gone = next(row for row in rows[len(rows) // 2 : -1] if row.entry_fired_at)
    entries = [listed(row) for row in rows if row != gone]
    body = {"event_type": "ALL_SIGNALS_EXPORT", "batch_number": 1, "total_signals": len(entries), "signals": entries}
    send([(body, last + timedelta(minutes=5))], default_source())
    run_sync(now=last + timedelta(minutes=40), trigger="command")
    assert repainted() == {gone.trade_id}
