"""For machines that watch this one: is it alive, can it work, and how is it doing. Nothing secret is in any answer."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.request import Request

from dashboard.models import Endpoint
from dashboard.outbound.sending import waiting_for
from dashboard.telling.status_counts import counts_by_status
from dashboard.watching.checks import CHECKS, judge
from reconciliation.models import GapTotal, SyncRun
from signals import measuring
from signals.models import AutomatedSignal, Delivery, Measurement, Source
from signals.receiving import refusals
from signals.receiving.refusals import Cause
from signals.receiving.spool import spool
from signals.vocabulary import DeliveryStatus, Status

from .permissions import FromThisMachine, MaySee, ProtectedView

log = logging.getLogger(__name__)
SCRAPE_KEPT_SECONDS = 15
RECENT = timedelta(hours=1)
READY = tuple(check for check in CHECKS if check.ready)
WATCHED = tuple(check for check in CHECKS if check.cheap and not check.decision)


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """This process answers. Touches neither database nor disk."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether an alert could be made durable now, by both ways; 503 with what is wrong and what to do about it."""
    answers = {}
    for check, result in judge(READY, timezone.now()):
        if not result.ok:
            log.error("%s: %s", check.name, result.says)
        answers[check.name] = "ok" if result.ok else " ".join(problem.public for problem in result.problems)
    fine = set(answers.values()) <= {"ok"}
    return JsonResponse({"status": "ok" if fine else "unready", "checks": answers}, status=200 if fine else 503)


class SystemCollector(Collector):
    """Figures of the whole system. A scrape costs a few indexed counts; answers are kept between scrapes."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        yield family(
            "signalsync_signals", "Stored signals by status.", "status",
            dict.fromkeys(Status.values, 0) | counts_by_status(AutomatedSignal.objects.all()),
        )  # fmt: skip
        yield family(
            "signalsync_deliveries_recent", "Deliveries received in the last hour, by status.", "status",
            dict.fromkeys(DeliveryStatus.values, 0) | recent_deliveries(self.now),
        )  # fmt: skip
        yield GaugeMetricFamily(
            "signalsync_spool_pending_bytes", "Bytes spooled to disk and not stored yet.", spool().pending_bytes()
        )
        yield family(
            "signalsync_refused_recent", "Requests refused at the door in this hour and the last, by cause.", "cause",
            dict.fromkeys(map(str, Cause), 0) | dict(refusals.read().since(self.now - RECENT)),
        )  # fmt: skip
        yield family(
            "signalsync_actionable_gaps", "Actionable gaps as the last cycle left them.", "gap",
            dict(GapTotal.objects.values_list("gap", "open")),
        )  # fmt: skip
        yield from last_cycle(self.now)
        yield from outbound_state(self.now)
        yield from measured()
        yield family(
            "signalsync_check_ok", "Checks that the overview shows, too: 1 where nothing is wrong, else 0.", "check",
            {check.name: int(result.ok) for check, result in judge(WATCHED, self.now)},
        )  # fmt: skip


def family(name: str, meaning: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, meaning, labels=[label])
    for value, count in sorted(values.items()):
        gauge.add_metric([str(value)], count)
    return gauge


def last_cycle(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Age and result of the last finished cycle; no sample where there is none, or health is unknown."""
    run = SyncRun.last_finished()
    if run is None or run.finished_at is None:
        return
    age = (now - run.finished_at).total_seconds()
    yield GaugeMetricFamily("signalsync_last_cycle_age_seconds", "Seconds since a cycle last finished.", age)
    if run.health_after is not None:
        yield GaugeMetricFamily("signalsync_health_percent", "System health after that cycle.", run.health_after)


def outbound_state(now: datetime) -> Iterator[GaugeMetricFamily]:
    """How what is told to others stands, in total and by endpoint."""
    waiting = GaugeMetricFamily(
        "signalsync_outbound_waiting",
        "Events that wait to be posted, by endpoint, counted to 1,000.",
        labels=["endpoint"],
    )
    failing = GaugeMetricFamily(
        "signalsync_outbound_failing_seconds", "Seconds since an endpoint first failed, 0 if not.", labels=["endpoint"]
    )
    for endpoint in Endpoint.objects.filter(enabled=True):
        waiting.add_metric([endpoint.name], waiting_for(endpoint))
        since = (now - endpoint.failing_since).total_seconds() if endpoint.failing_since else 0.0
        failing.add_metric([endpoint.name], since)
    yield waiting
    yield failing
    yield GaugeMetricFamily(
        "signalsync_outbound_off", "Endpoints that were switched off by themselves.",
        Endpoint.objects.filter(enabled=False).exclude(off_because="").count(),
    )  # fmt: skip


def measured() -> Iterator[Metric]:
    """What all processes have measured since the first."""
    measuring.settle()
    rows = list(Measurement.objects.all())
    for metric in measuring.METRICS:
        found = measuring.samples(metric, rows)
        if not metric.bounds:
            counter = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for each in found:
                counter.add_metric(each.labels, each.total)
            yield counter
            continue
        histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        bounds = [*map(str, map(float, metric.bounds)), "+Inf"]
        for each in found:
            histogram.add_metric(each.labels, list(zip(bounds, each.upto, strict=True)), each.total)
        yield histogram


def recent_deliveries(now: datetime) -> dict[str, int]:
    """Naming the sources lets the index on source and receipt serve a question that is about time only."""
    recent = Delivery.objects.filter(source__in=list(Source.objects.all()), received_at__gte=now - RECENT)
    return {row["status"]: row["n"] for row in recent.order_by().values("status").annotate(n=Count("*"))}


class Metrics(ProtectedView):
    """Figures for Prometheus: open to this machine itself, for others as everything else."""

    permission_classes = (FromThisMachine | MaySee,)  # type: ignore[assignment]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        text: bytes | None = cache.get("metrics")
        if text is None:
            registry = CollectorRegistry(auto_describe=False)
            registry.register(SystemCollector(timezone.now()))
            text = generate_latest(registry)
            cache.set("metrics", text, SCRAPE_KEPT_SECONDS)
        return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
