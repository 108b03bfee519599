"""Addresses. The API accepts a trailing slash and never redirects a POST for the lack of one."""

from django.contrib import admin
from django.urls import include, path, re_path

from signals.receiving.webhook import WebhookView
from signalsync_project.front.alerts import WEBHOOK

handler404 = "dashboard.errors.not_found"
handler500 = "dashboard.errors.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    re_path(rf"^{WEBHOOK[1:]}(?:/(?P<token>[^/]+))?/?$", WebhookView.as_view(), name="webhook"),
    path("", include("dashboard.urls")),
]
