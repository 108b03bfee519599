"""The sync's state, and starting it by hand. Every action runs the same function as the schedule and `runsync`."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.telling.serializers import AuditRecord, RunRecord
from reconciliation.cycle.lease import BusyError
from reconciliation.cycle.run import run_sync
from reconciliation.cycle.worker import WEDGED_AFTER_INTERVALS
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.health import gap_counts
from reconciliation.health_windows import windows
from reconciliation.models import FindingTotal, SyncAuditLog, SyncRun
from signals.formats import iso
from signals.models import Source

from .answers import GapsAnswer, RunReport, refused
from .bodies import StrictBody, said
from .filters import AuditFilter
from .idempotency import idempotent
from .lists import StrictList
from .permissions import ProtectedView
from .problems import Conflict
from .signals import NOT_ONE, ONE_SIGNAL, asked_signal


class WindowAnswer(serializers.Serializer[Any]):
    """No score: the window is empty, or (of very many signals) nobody has counted it yet. Unknown is not healthy."""

    health_score = serializers.FloatField(allow_null=True, help_text="Percent of its signals without actionable gap.")
    signals = serializers.IntegerField(allow_null=True)
    without_actionable_gap = serializers.IntegerField(allow_null=True)
    as_of = serializers.DateTimeField(allow_null=True, help_text="The moment as of which it was counted.")


class SystemWindowAnswer(serializers.Serializer[Any]):
    hours = serializers.IntegerField()
    signals = serializers.IntegerField()
    without_actionable_gap = serializers.IntegerField()


class GapCountsAnswer(serializers.Serializer[Any]):
    actionable = serializers.IntegerField(help_text="As the last run left them.")
    waiting = serializers.IntegerField(help_text="Now.")


class HealthAnswer(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField()
    health_score = serializers.FloatField(allow_null=True, help_text="Percent; null when no signal is in the window.")
    window = SystemWindowAnswer()
    windows = serializers.DictField(child=WindowAnswer(), help_text="By name: `24h` (the system's), `7d` and `all`.")
    total_gaps = serializers.IntegerField()
    actionable_gaps = serializers.IntegerField()
    waiting_gaps = serializers.IntegerField()
    gaps_by_type = serializers.DictField(child=GapCountsAnswer())
    findings_by_source = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()),
        help_text="Signals by finding, as the worker counted them last; findings that stand on none are left out.",
    )
    last_run = serializers.DictField(allow_null=True, help_text="With `age_seconds`, and `stale` when one is overdue.")


class Health(ProtectedView):
    """System health now, gaps by type as the last run left them, and whether runs take place at all."""

    @extend_schema(operation_id="sync_health", responses={200: HealthAnswer})
    def get(self, request: Request) -> Response:
        now = timezone.now()
        view = GapView.at(now)
        found = windows(view)
        system = found.system
        gaps = gap_counts(view)
        return Response(
            {
                "as_of": iso(now),
                "health_score": system.score,
                "window": {
                    "hours": settings.HEALTH_WINDOW_HOURS,
                    "signals": system.signals,
                    "without_actionable_gap": system.without_gap,
                },
                "windows": found.record,
                "total_gaps": sum(each["actionable"] + each["waiting"] for each in gaps.values()),
                "actionable_gaps": sum(each["actionable"] for each in gaps.values()),
                "waiting_gaps": sum(each["waiting"] for each in gaps.values()),
                "gaps_by_type": gaps,
                "findings_by_source": found_by_source(),
                "last_run": last_run(now),
            }
        )


def found_by_source() -> dict[str, dict[str, int]]:
    totals = FindingTotal.objects.order_by("source__name").values_list("source__name", "findings")
    return {source: {name: number for name, number in findings.items() if number} for source, findings in totals}


def last_run(now: datetime) -> dict[str, Any] | None:
    """The last finished run. `stale` says that the next one is overdue: then nothing here is news."""
    run = SyncRun.last_finished()
    if run is None or run.finished_at is None:
        return None
    age = now - run.finished_at
    overdue = timedelta(seconds=WEDGED_AFTER_INTERVALS * settings.SYNC_INTERVAL)
    return {**RunRecord(run).data, "age_seconds": int(age.total_seconds()), "stale": age > overdue}


class Gaps(ProtectedView):
    """The catalogue of gaps: how many there are of each, which tiers can fill them, and what an operator can do."""

    @extend_schema(operation_id="sync_gaps", responses={200: GapsAnswer})
    def get(self, request: Request) -> Response:
        counts = gap_counts(GapView.at(timezone.now()))
        listed = [
            {
                "gap": gap.name,
                "title": gap.title,
                "weight": gap.weight,
                **counts[gap.name],
                "tiers": list(gap.tiers),
                "remedy": gap.remedy,
                "signals": f"/api/automated-signals/all-signals?gap={gap.name}",
            }
            for gap in CATALOGUE.values()
        ]
        total = sum(each["actionable"] + each["waiting"] for each in counts.values())
        return Response({"total_gaps": total, "results": listed})


@extend_schema_view(get=extend_schema(operation_id="sync_runs"))
class Runs(StrictList[SyncRun]):
    """Every run of the cycle, newest first."""

    queryset = SyncRun.objects.all()
    serializer_class = RunRecord
    filterset_fields = ("state", "trigger")


@extend_schema_view(get=extend_schema(operation_id="sync_run_detail", summary="One run of the cycle"))
class RunDetail(ProtectedView, RetrieveAPIView[SyncRun]):
    queryset = SyncRun.objects.all()
    serializer_class = RunRecord


@extend_schema_view(get=extend_schema(operation_id="sync_audit"))
class Audit(StrictList[SyncAuditLog]):
    """What was done to signals, by whom and why, newest first."""

    queryset = SyncAuditLog.objects.select_related("signal__source")
    serializer_class = AuditRecord
    filterset_class = AuditFilter


class RunOptions(StrictBody):
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would be filled; write nothing.")
    tiers = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Only these: 0, 1, 2, 3, inference."
    )
    trade_ids = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=1000, help_text="Only these signals."
    )
    source: Any = serializers.SlugRelatedField(  # DRF itself has a `source`
        slug_field="name", queryset=Source.objects.all(), required=False, help_text="Only signals of this source."
    )


class Busy(Conflict):
    wait = 10  # seconds; DRF answers it as Retry-After


ANSWERS = {
    200: RunReport,
    409: refused("Another run is under way; try again after `Retry-After` seconds."),
}


class RunNow(ProtectedView):
    @idempotent
    @extend_schema(operation_id="sync_run", summary="Run one cycle now", request=RunOptions, responses=ANSWERS)
    def post(self, request: Request) -> Response:
        return Response(run(request, **said(RunOptions, request)))


class ReconcileSignal(ProtectedView):
    @idempotent
    @extend_schema(
        operation_id="reconcile_signal",
        summary="Run a cycle for one signal now",
        parameters=ONE_SIGNAL,
        request=RunOptions,
        responses={**NOT_ONE, **ANSWERS},
    )
    def post(self, request: Request, trade_id: str) -> Response:
        asked = said(RunOptions, request)
        signal = asked_signal(request, trade_id)
        one = {"trade_ids": [signal.trade_id], "source": signal.source}
        return Response(run(request, **{**asked, **one}))


def run(request: Request, **options: Any) -> dict[str, Any]:
    """One cycle in the name of whoever asks. It ends before the answer: long backlogs are the schedule's."""
    try:
        report = run_sync(now=timezone.now(), trigger=SyncRun.Trigger.API, actor=request.user.get_username(), **options)
    except BusyError as error:
        raise Busy(f"{error}. Try again in a moment.") from error
    except ValueError as error:
        raise ValidationError({"tiers": str(error)}) from error
    return asdict(report)
