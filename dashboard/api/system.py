"""The rest for machines: sources, requests to the indicator, findings, trends, jobs, bars, and who asks."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.exceptions import ValidationError
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard import jobs
from dashboard.console.roles import RECONCILE, REPLAY, roles
from dashboard.models import ApiToken, Job
from dashboard.telling.health_trend import DEFAULT, PERIODS, trend
from reconciliation.findings import FINDINGS
from reconciliation.habits import by_type, found_in
from reconciliation.models import AskedGap, FindingTotal, SyncRequest
from signals.bars.coverage import coverage, hours_of, last_day, symbols
from signals.clock import NEW_YORK
from signals.formats import iso
from signals.models import PriceBar, Source
from signals.symbols import normalised

from .answers import GONE, MISSING, CoverageAnswer, FindingsAnswer, MeAnswer, TrendAnswer
from .idempotency import idempotent
from .lists import StrictList, refuse_unknown
from .narrowing import BarFilter, JobFilter, RequestFilter
from .pagination import ByName, Newest
from .permissions import ProtectedView, may, person_of
from .problems import Conflict
from .records import ListedBar, ListedJob, ListedRequest, ListedSource

MOST_DAYS = 92
ASKED = Prefetch("asked", AskedGap.objects.select_related("signal").only("request", "signal__trade_id"))
SIGNALS = "/api/automated-signals/all-signals"


def sources() -> QuerySet[Source]:
    """With how many of their tokens can be used now."""
    valid = Q(tokens__expires_at=None) | Q(tokens__expires_at__gt=timezone.now())
    return Source.objects.annotate(valid_tokens=Count("tokens", filter=valid))


@extend_schema_view(get=extend_schema(operation_id="sources", summary="Who sends, without any secret"))
class Sources(StrictList[Source]):
    queryset = Source.objects.all()
    serializer_class = ListedSource
    pagination_class = ByName

    def get_queryset(self) -> QuerySet[Source]:
        return sources()


@extend_schema_view(get=extend_schema(operation_id="source", summary="One source, by its name"))
class SourceDetail(ProtectedView, RetrieveAPIView[Source]):
    queryset = Source.objects.all()
    serializer_class = ListedSource
    lookup_field = "name"

    def get_queryset(self) -> QuerySet[Source]:
        return sources()


@extend_schema_view(get=extend_schema(operation_id="requests", summary="What the indicator was asked, newest first"))
class AskedRequests(StrictList[SyncRequest]):
    """For operators; a companion asks `/api/sync/requests` with its source's token."""

    queryset = SyncRequest.objects.select_related("source").prefetch_related(ASKED)
    serializer_class = ListedRequest
    filterset_class = RequestFilter


@extend_schema_view(get=extend_schema(operation_id="request", summary="One request to the indicator"))
class RequestDetail(ProtectedView, RetrieveAPIView[SyncRequest]):
    queryset = SyncRequest.objects.select_related("source").prefetch_related(ASKED)
    serializer_class = ListedRequest


class Findings(ProtectedView):
    """Values that are there but cannot be right, by kind, and where the signals that have them are listed."""

    @extend_schema(operation_id="findings", responses={200: FindingsAnswer})
    def get(self, request: Request) -> Response:
        totals = list(FindingTotal.objects.select_related("source").order_by("source__name"))
        found = {total.source_id: found_in(total) for total in totals}
        counts = by_type(found)
        listed = [
            {
                "finding": each.name,
                "title": each.title,
                "advice": each.advice,
                "corrected": each.corrected,
                "count": counts[each.name],
                "habit_of": [total.source.name for total in totals if each.name in found[total.source_id].habits],
                "signals": f"{SIGNALS}?finding={each.name}",
            }
            for each in FINDINGS
        ]
        as_of = max((total.at for total in totals), default=None)
        return Response({"as_of": as_of and iso(as_of), "results": listed})


PERIOD = OpenApiParameter("period", str, enum=list(PERIODS), default=DEFAULT, description="How far back.")


class HealthTrend(ProtectedView):
    """Health and gaps over time: of each stretch the worst, so that no dip is lost."""

    @extend_schema(operation_id="health_trend", parameters=[PERIOD], responses={200: TrendAnswer})
    def get(self, request: Request) -> Response:
        refuse_unknown(request, {"period", "format"})
        period = request.query_params.get("period", DEFAULT)
        if period not in PERIODS:
            raise ValidationError({"period": [f"There is {', '.join(PERIODS)}."]})
        points = [
            {"at": iso(each.at), "health": each.health, "actionable_gaps": each.actionable,
             "waiting_gaps": each.waiting}
            for each in trend(period, timezone.now())
        ]  # fmt: skip
        return Response({"period": period, "results": points})


@extend_schema_view(get=extend_schema(operation_id="jobs", summary="Long work that people started, newest first"))
class Jobs(StrictList[Job]):
    queryset = Job.objects.all()
    serializer_class = ListedJob
    filterset_class = JobFilter


@extend_schema_view(get=extend_schema(operation_id="job", summary="One piece of long work: how far it is"))
class JobDetail(ProtectedView, RetrieveAPIView[Job]):
    queryset = Job.objects.all()
    serializer_class = ListedJob


class ResumeJob(ProtectedView):
    @idempotent
    @extend_schema(
        operation_id="resume_job",
        summary="Let work that failed or was cut off go on",
        request=None,
        responses={200: ListedJob, **MISSING, **GONE},
    )
    def post(self, request: Request, pk: int) -> Response:
        job = get_object_or_404(Job, pk=pk)
        if not may(request, jobs.NEEDED[job.kind]):
            self.permission_denied(request, message="Your role does not allow this work. Ask an administrator.")
        if not jobs.resume(job, timezone.now()):
            raise Conflict("It has neither failed nor stopped, or somebody was faster.")
        return Response(ListedJob(get_object_or_404(Job, pk=pk)).data)


class LatestBars(Newest):
    ordering: Any = "-time"


@extend_schema_view(get=extend_schema(operation_id="bars", summary="One-minute bars of a symbol, newest first"))
class Bars(StrictList[PriceBar]):
    queryset = PriceBar.objects.all()
    serializer_class = ListedBar
    filterset_class = BarFilter
    pagination_class = LatestBars


COVERAGE = [
    OpenApiParameter("symbol", str, description="Whose bars, in any spelling; without: the first that there is."),
    OpenApiParameter("until", date, description="The last day (New York); without: that of the latest bar."),
    OpenApiParameter(
        "days", {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": 14}, description="How many days."
    ),
]


class Coverage(ProtectedView):
    """By day: how many minutes were traded, and of how many of them there are bars, from where."""

    @extend_schema(operation_id="bar_coverage", parameters=COVERAGE, responses={200: CoverageAnswer})
    def get(self, request: Request) -> Response:
        refuse_unknown(request, {"symbol", "until", "days", "format"})
        known = symbols()
        symbol = normalised(request.query_params.get("symbol", "")) or next(iter(known), "")
        until, days = asked_days(request)
        last = (until or last_day(symbol, NEW_YORK)) if symbol in known else None
        wanted = [last - timedelta(days=back) for back in range(days)] if last else []
        found = coverage(symbol, wanted, zone=NEW_YORK, hours=hours_of(symbol), now=timezone.now()) if wanted else []
        results = [
            {**asdict(day), "date": day.date.isoformat(), "missing": day.missing, "dirty": day.dirty} for day in found
        ]
        return Response({"symbols": known, "symbol": symbol, "results": results})


def asked_days(request: Request) -> tuple[date | None, int]:
    """The last day, if one is named, and how many. Raises ValidationError."""
    until, days = request.query_params.get("until", ""), request.query_params.get("days", "14")
    try:
        day = date.fromisoformat(until) if until else None
    except ValueError as error:
        raise ValidationError({"until": ["Give a day as 2025-12-11."]}) from error
    if day and day.year not in range(2000, 2100):
        raise ValidationError({"until": ["No bar is of that year."]})
    if not (days.isascii() and days.isdecimal() and len(days) < 4 and 1 <= int(days) <= MOST_DAYS):
        raise ValidationError({"days": [f"Give a number from 1 to {MOST_DAYS}."]})
    return day, int(days)


class Me(ProtectedView):
    @extend_schema(operation_id="me", summary="As whom this request is made", responses={200: MeAnswer})
    def get(self, request: Request) -> Response:
        person, token = person_of(request), request.auth
        used = token if isinstance(token, ApiToken) else None
        return Response(
            {
                "username": person.get_username(),
                "roles": sorted(person.groups.filter(name__in=roles()).values_list("name", flat=True)),
                "may_act": may(request, RECONCILE),
                "may_replay": may(request, REPLAY),
                "token": used and {"name": used.name, "scope": used.scope, "expires_at": iso(used.expires_at)},
            }
        )
