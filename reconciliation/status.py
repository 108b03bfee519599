"""The state now, as `syncstatus` and the pages tell it: counted live, so that it is right without a cycle."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Model

from signals.formats import iso
from signals.models import AutomatedSignal, Delivery, SignalEvent, Source
from signals.vocabulary import DeliveryStatus, EventType, Status

from .gaps import GapView
from .habits import Found, by_type, count
from .health import count_gaps
from .health_windows import windows
from .models import SyncRun


def status(now: datetime) -> dict[str, Any]:
    """Everything that `syncstatus --json` shows, as of `now`."""
    view = GapView.at(now)
    gaps = count_gaps(view)
    found = windows(view, patient=True)
    findings = count()
    return {
        "as_of": iso(now),
        "total_gaps": gaps.total,
        "actionable_gaps": sum(gaps.actionable.values()),
        "waiting_gaps": sum(gaps.waiting.values()),
        "gaps_by_type": gaps.by_type,
        "health_score": found.system.score,
        "health_window": {"signals": found.system.signals, "without_gap": found.system.without_gap},
        "health_windows": found.record,
        "signals_by_status": counts(AutomatedSignal, "status", Status.values),
        "events_by_type": counts(SignalEvent, "type", EventType.values),
        "deliveries_by_status": counts(Delivery, "status", DeliveryStatus.values),
        "findings_by_type": by_type(findings),
        "sources": [about_source(source, findings.get(source.pk)) for source in Source.objects.order_by("name")],
        "last_run": last_run(),
    }


def counts(model: type[Model], column: str, values: list[str]) -> dict[str, int]:
    """How many rows have each value; every value is named, 0 too."""
    found = model._default_manager.order_by().values_list(column).annotate(n=Count("pk"))
    return {**dict.fromkeys(values, 0), **dict(found)}


def about_source(source: Source, found: Found | None) -> dict[str, Any]:
    return {
        "name": source.name,
        "symbol": source.symbol,
        "symbol_by": source.symbol_by,
        "ticker": source.ticker,
        "bar_minutes": source.bar_minutes,
        "bar_minutes_by": source.bar_minutes_by,
        "calendar": source.calendar,
        "calendar_by": source.calendar_by,
        "clock_zone": source.clock_zone,
        "gaps_off": source.gaps_off,
        "tiers_off": source.tiers_off,
        "findings": {name: number for name, number in found.findings.items() if number} if found else {},
        "habits": sorted(found.habits) if found else [],
        "signal_count": source.signal_count,
        "last_heartbeat_at": iso(source.last_heartbeat_at) if source.last_heartbeat_at else None,
    }


def last_run() -> dict[str, Any] | None:
    run = SyncRun.last_finished()
    if run is None or run.finished_at is None:
        return None
    return {
        "id": run.pk,
        "trigger": run.trigger,
        "started_by": run.started_by,
        "as_of": iso(run.as_of),
        "finished_at": iso(run.finished_at),
        "signals_examined": run.signals_examined,
        "fills": run.fills,
        "errors": run.errors,
        "seconds": run.seconds.get("total"),
    }
