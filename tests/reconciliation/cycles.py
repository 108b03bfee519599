"""Small builders for the cycle's tests."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from reconciliation.cycle.report import Report
from reconciliation.cycle.run import run_sync
from reconciliation.models import GapRecord, GapTotal, SetAside, SyncAuditLog, SyncRun
from signals.models import AutomatedSignal, Fill, PriceBar
from signals.signal.rebuilding import chunks, differences, rederive
from tests.builders import TRADE_ID, at

OPPOSITE_ID = "20251211_095000000_BEARISH"  # ten minutes after builders.TRADE_ID


def cycle(minutes: float, **options: Any) -> Report:
    """A run by hand, as of so many minutes after the signal's bar."""
    return run_sync(**{"now": at(minutes), "trigger": SyncRun.Trigger.COMMAND, **options})


def scheduled(minutes: float) -> Report:
    return cycle(minutes, trigger=SyncRun.Trigger.SCHEDULE)


def fill_of(field: str, state: str = Fill.State.ACTIVE) -> Fill:
    return Fill.objects.get(signal__trade_id=TRADE_ID, field=field, state=state)


def states(field: str) -> list[str]:
    """The states of all fills of a field, oldest first."""
    return list(Fill.objects.filter(field=field).order_by("pk").values_list("state", flat=True))


def bars(closes: dict[float, float] | Iterable[tuple[float, float]], symbol: str = "MNQ1!") -> None:
    """Whole price bars by minute after the signal's bar; each is flat at its price."""
    for minute, price in dict(closes).items():
        value = Decimal(str(price))
        time: datetime = at(minute)
        PriceBar.objects.update_or_create(
            symbol=symbol,
            time=time,
            defaults={
                "kind": PriceBar.Kind.BAR, "open": value, "high": value, "low": value, "close": value,
                "evidence": "x:0", "fresh": True,
            },
        )  # fmt: skip


def snapshot() -> dict[str, list[dict[str, Any]]]:
    """Every row that a cycle may write but its own."""
    models = (AutomatedSignal, Fill, GapRecord, GapTotal, SyncAuditLog, SetAside)
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


def audited(action: str) -> list[tuple[str, str]]:
    """Gap and field of all entries of one action, oldest first."""
    rows = SyncAuditLog.objects.filter(action=action).order_by("pk")
    return [(row.gap, row.field) for row in rows]


def rebuilt_differently() -> list[Any]:
    """What of the signals is not what their events and fills add up to."""
    return [found for chunk in chunks() for stored, fresh in rederive(chunk) for found in differences(stored, fresh)]
