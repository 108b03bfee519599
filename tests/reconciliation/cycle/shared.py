"""Small builders for cycles that several workers share: signals of all kinds, and what a cycle makes of them."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from reconciliation.models import Cluster, GapRecord, SyncAuditLog, SyncRun
from signals.models import AutomatedSignal, Fill
from tests.builders import at, created, entry, everything, exit_stop, send, update
from tests.reconciliation.cycles import bars, cycle

SIGNALS = 24


def there_are(workers: int) -> None:
    now = timezone.now()
    Cluster.objects.create(name="machine:/var", workers=workers, started_at=now, seen_at=now)


def trade(number: int) -> str:
    direction = "BEARISH" if number % 3 == 2 else "BULLISH"
    return f"20251211_09{10 + number:02}00000_{direction}"


def histories(numbers: range = range(SIGNALS)) -> None:
    """Signals of all kinds: created or not, pending, confirmed, ended, with and without targets; and prices."""
    alerts: list[Any] = []
    for number in numbers:
        name, start = trade(number), number - 30
        direction = name.rpartition("_")[2].capitalize()
        stop = 25750 if direction == "Bearish" else 25730
        if number % 2:
            alerts.append((created(name, direction=direction, signal_time=f"09:{10 + number:02}:00"), at(start + 1)))
        if number % 4 != 1:
            targets = None if number % 5 else {"tp1_price": 25750}
            alerts.append((entry(name, direction=direction, stop_loss=stop, targets=targets), at(start + 3)))
            alerts.append((update(0.4, trade_id=name), at(start + 4)))
        if number % 6 == 4:
            alerts.append((exit_stop(name), at(start + 9)))
    send(alerts)
    bars(dict.fromkeys(range(-30, 30), 25743))


def outcome() -> dict[str, Any]:
    """What a cycle leaves, without the rows' own numbers and moments."""
    fills = Fill.objects.values_list("signal__trade_id", "field", "tier", "method", "state", "value", "evidence_key")
    gaps = GapRecord.objects.values_list("signal__trade_id", "gap", "state")
    log = SyncAuditLog.objects.values_list("signal__trade_id", "action", "field", "gap", "tier")
    queue = AutomatedSignal.objects.values_list("trade_id", "needs_sync", "check_at", "health_score")
    rows = (sorted(map(str, found)) for found in (fills, gaps, log, queue))
    row = SyncRun.objects.latest("pk")
    counted = ("state", "signals_examined", "fills_by_tier", "gaps_before", "gaps_after", "errors", "health_after")
    metric = {name: getattr(row.metric, name) for name in ("actionable_gaps", "waiting_gaps", "gaps_by_type")}
    return {"signals": everything(), "rows": list(rows), "run": [getattr(row, name) for name in counted], **metric}


def of_one_worker() -> dict[str, Any]:
    """What one worker makes of what is stored, which stays as it is."""
    with transaction.atomic():
        cycle(60)
        found = outcome()
        transaction.set_rollback(True)
    return found
