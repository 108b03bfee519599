"""Addresses of the read side. Each is accepted with and without its trailing slash."""

from django.urls import URLPattern, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.views import APIView

from .api import analysis, annotations, datasets, filling, formats, outbound, probes, receiving, requests, sync, system
from .api import signals as signal_api
from .console.navigation import icon

# Keys that the column holds: others are addresses of nothing.
KEY = r"(?P<pk>[0-9]{1,18})"
UUID = r"(?P<pk>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"


def api(route: str, view: type[APIView], name: str) -> URLPattern:
    return re_path(rf"^api/{route}/?$", view.as_view(), name=name)


urlpatterns = [
    api("automated-signals/all-signals", signal_api.AllSignals, "all-signals"),
    api("automated-signals/cancelled-signals", signal_api.CancelledSignals, "cancelled-signals"),
    # A trade id may hold any character, a slash too: what ends the address is matched first.
    api(r"automated-signals/signals/(?P<trade_id>.+?)/timeline", signal_api.SignalTimeline, "signal-timeline"),
    api(r"automated-signals/signals/(?P<trade_id>.+?)", signal_api.SignalDetail, "signal"),
    api("sync/health", sync.Health, "sync-health"),
    api("sync/gaps", sync.Gaps, "sync-gaps"),
    api("sync/runs", sync.Runs, "sync-runs"),
    api("sync/audit", sync.Audit, "sync-audit"),
    api("sync/run", sync.RunNow, "sync-run"),
    api(r"sync/signals/(?P<trade_id>.+?)/reconcile", sync.ReconcileSignal, "reconcile-signal"),
    api("sync/requests", requests.Requests, "sync-requests"),
    api(r"sync/requests/(?P<request_id>[^/]+)/acknowledge", requests.Acknowledge, "acknowledge-request"),
    api(r"sync/signals/(?P<trade_id>.+?)/gaps/(?P<gap>[^/]+)/dismiss", filling.DismissGap, "dismiss-gap"),
    api(r"sync/signals/(?P<trade_id>.+?)/gaps/(?P<gap>[^/]+)/reopen", filling.ReopenGap, "reopen-gap"),
    api(rf"sync/runs/{KEY}", sync.RunDetail, "sync-run-detail"),
    api(rf"sync/runs/{KEY}/undo", filling.UndoRun, "undo-run"),
    api("deliveries", receiving.Deliveries, "deliveries"),
    api(rf"deliveries/{UUID}", receiving.DeliveryDetail, "delivery"),
    api("events", receiving.Events, "events"),
    api("quarantine", receiving.QuarantineList, "quarantine"),
    api(rf"quarantine/{KEY}", receiving.QuarantineDetail, "quarantined"),
    api(rf"quarantine/{KEY}/preview", receiving.PreviewMend, "preview-mend"),
    api(rf"quarantine/{KEY}/replay", receiving.ReplayMended, "replay-quarantined"),
    api(rf"quarantine/{KEY}/dismiss", receiving.DismissQuarantined, "dismiss-quarantined"),
    api("fills", filling.Fills, "fills"),
    api(rf"fills/{KEY}", filling.FillDetail, "fill"),
    api(rf"fills/{KEY}/undo", filling.UndoFill, "undo-fill"),
    api(rf"fills/{KEY}/approve", filling.ApproveFill, "approve-fill"),
    api(rf"fills/{KEY}/allow", filling.AllowFill, "allow-fill"),
    api("gaps", filling.GapRecords, "gap-records"),
    api("notes", annotations.Notes, "notes"),
    api(r"notes/signals/(?P<trade_id>.+?)", annotations.WriteNote, "write-note"),
    api(rf"notes/{KEY}/remove", annotations.RemoveNote, "remove-note"),
    api("tags", annotations.Tags, "tags"),
    api(r"tags/signals/(?P<trade_id>.+?)", annotations.TagSignal, "tag-signal"),
    api("requests", system.AskedRequests, "requests"),
    api(rf"requests/{UUID}", system.RequestDetail, "request"),
    api("sources", system.Sources, "sources"),
    api(r"sources/(?P<name>[-\w]+)", system.SourceDetail, "source"),
    api("findings", system.Findings, "findings"),
    api("trends/health", system.HealthTrend, "health-trend"),
    api("jobs", system.Jobs, "jobs"),
    api(rf"jobs/{KEY}", system.JobDetail, "job"),
    api(rf"jobs/{KEY}/resume", system.ResumeJob, "resume-job"),
    api("bars", system.Bars, "bars"),
    api("bars/coverage", system.Coverage, "bar-coverage"),
    api("me", system.Me, "me"),
    api("analysis", analysis.Analysis, "analysis"),
    api(r"datasets/signals\.(?P<form>jsonl|csv|parquet)", datasets.Dataset, "dataset-of-signals"),
    api("formats", formats.Formats, "formats"),
    api("formats/preview", formats.TryFormat, "try-format"),
    api(rf"formats/{KEY}", formats.FormatDetail, "format"),
    api(rf"formats/{KEY}/retire", formats.RetireFormat, "retire-format"),
    api(rf"formats/{KEY}/restore", formats.RestoreFormat, "restore-format"),
    api("outbound/events", outbound.Events, "outbound-events"),
    api("outbound/endpoints", outbound.Endpoints, "outbound-endpoints"),
    api("outbound/attempts", outbound.Attempts, "outbound-attempts"),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^api/docs/?$", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    re_path(r"^healthz/?$", probes.alive, name="healthz"),
    re_path(r"^readyz/?$", probes.ready, name="readyz"),
    re_path(r"^metrics/?$", probes.Metrics.as_view(), name="metrics"),
    path("favicon.ico", icon),
    path("", include("dashboard.console.urls")),
]
