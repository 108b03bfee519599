"""The sync's state, and starting it by hand. Every action runs the same function as the schedule and `runsync`."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_filters.rest_framework.backends import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.telling.serializers import AuditRecord, RunRecord
from reconciliation.cycle.lease import BusyError
from reconciliation.cycle.run import run_sync
from reconciliation.cycle.worker import WEDGED_AFTER_INTERVALS
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.health import gap_counts
from reconciliation.health_windows import windows
from reconciliation.models import SyncAuditLog, SyncRun
from signals.formats import iso
from signals.models import Source

from .filters import AuditFilter
from .lists import StrictList
from .pagination import PageSize
from .permissions import ProtectedView
from .signals import NOT_ONE, ONE_SIGNAL, asked_signal


class Newest(PageSize, CursorPagination):
    """Newest first, without counting: these tables only grow."""

    ordering = "-pk"


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
                "last_run": last_run(now),
            }
        )


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

    @extend_schema(operation_id="sync_gaps", responses={200: OpenApiTypes.OBJECT})
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
    pagination_class = Newest
    filter_backends = (DjangoFilterBackend,)
    filterset_fields = ("state", "trigger")


@extend_schema_view(get=extend_schema(operation_id="sync_audit"))
class Audit(StrictList[SyncAuditLog]):
    """What was done to signals, by whom and why, newest first."""

    queryset = SyncAuditLog.objects.select_related("signal__source")
    serializer_class = AuditRecord
    pagination_class = Newest
    filter_backends = (DjangoFilterBackend,)
    filterset_class = AuditFilter


class RunOptions(serializers.Serializer[Any]):
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

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A mistyped option must not run a cycle over everything instead."""
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise ValidationError({name: f"Unknown; there are {', '.join(self.fields)}." for name in unknown})
        return attrs


class Busy(APIException):
    status_code = status.HTTP_409_CONFLICT
    wait = 10  # seconds; DRF answers it as Retry-After


ANSWERS = {
    200: OpenApiResponse(OpenApiTypes.OBJECT, "The run's report, as `runsync --json` prints it."),
    400: OpenApiResponse(OpenApiTypes.OBJECT, "An option means nothing; the answer says which."),
    409: OpenApiResponse(OpenApiTypes.OBJECT, "Another run is under way; try again after `Retry-After` seconds."),
}


class RunNow(ProtectedView):
    @extend_schema(operation_id="sync_run", summary="Run one cycle now", request=RunOptions, responses=ANSWERS)
    def post(self, request: Request) -> Response:
        asked = RunOptions(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(run(request, **asked.validated_data))


class ReconcileSignal(ProtectedView):
    @extend_schema(
        operation_id="reconcile_signal",
        summary="Run a cycle for one signal now",
        parameters=ONE_SIGNAL,
        request=RunOptions,
        responses={**NOT_ONE, **ANSWERS},
    )
    def post(self, request: Request, trade_id: str) -> Response:
        asked = RunOptions(data=request.data)
        asked.is_valid(raise_exception=True)
        signal = asked_signal(request, trade_id)
        one = {"trade_ids": [signal.trade_id], "source": signal.source}
        return Response(run(request, **{**asked.validated_data, **one}))


def run(request: Request, **options: Any) -> dict[str, Any]:
    """One cycle in the name of whoever asks. It ends before the answer: long backlogs are the schedule's."""
    try:
        report = run_sync(now=timezone.now(), trigger=SyncRun.Trigger.API, actor=request.user.get_username(), **options)
    except BusyError as error:
        raise Busy(f"{error}. Try again in a moment.") from error
    except ValueError as error:
        raise ValidationError({"tiers": str(error)}) from error
    return asdict(report)
