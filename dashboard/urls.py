"""Addresses of the read side. Each is accepted with and without its trailing slash."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from .api import formats, probes, requests, sync
from .api import signals as signal_api
from .console.navigation import icon

urlpatterns = [
    re_path(r"^api/automated-signals/all-signals/?$", signal_api.AllSignals.as_view(), name="all-signals"),
    re_path(
        r"^api/automated-signals/cancelled-signals/?$",
        signal_api.CancelledSignals.as_view(),
        name="cancelled-signals",
    ),
    # A trade id may hold any character, a slash too: what ends the address is matched first.
    re_path(
        r"^api/automated-signals/signals/(?P<trade_id>.+?)/timeline/?$",
        signal_api.SignalTimeline.as_view(),
        name="signal-timeline",
    ),
    re_path(r"^api/automated-signals/signals/(?P<trade_id>.+?)/?$", signal_api.SignalDetail.as_view(), name="signal"),
    re_path(r"^api/sync/health/?$", sync.Health.as_view(), name="sync-health"),
    re_path(r"^api/sync/gaps/?$", sync.Gaps.as_view(), name="sync-gaps"),
    re_path(r"^api/sync/runs/?$", sync.Runs.as_view(), name="sync-runs"),
    re_path(r"^api/sync/audit/?$", sync.Audit.as_view(), name="sync-audit"),
    re_path(r"^api/sync/run/?$", sync.RunNow.as_view(), name="sync-run"),
    re_path(
        r"^api/sync/signals/(?P<trade_id>.+?)/reconcile/?$", sync.ReconcileSignal.as_view(), name="reconcile-signal"
    ),
    re_path(r"^api/sync/requests/?$", requests.Requests.as_view(), name="sync-requests"),
    re_path(
        r"^api/sync/requests/(?P<request_id>[^/]+)/acknowledge/?$",
        requests.Acknowledge.as_view(),
        name="acknowledge-request",
    ),
    re_path(r"^api/formats/?$", formats.Formats.as_view(), name="formats"),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^api/docs/?$", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    re_path(r"^healthz/?$", probes.alive, name="healthz"),
    re_path(r"^readyz/?$", probes.ready, name="readyz"),
    re_path(r"^metrics/?$", probes.Metrics.as_view(), name="metrics"),
    path("favicon.ico", icon),
    path("", include("dashboard.console.urls")),
]
