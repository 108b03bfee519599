"""Feeds in the admin: what was asked of them with what answer. A use that is deleted is begun anew."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from signals.models import FeedState, FeedUse, FeedWindow

from .base import ReadOnlyAdmin


@admin.register(FeedUse)
class FeedUseAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "feed", "feed_symbol", "last_bar", "compared", "differing", "stopped_at", "error")
    list_filter = ("feed",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forgets what was asked and how its prices compared: it is asked again. Its bars stay as they are."""
        return ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(FeedWindow)
class FeedWindowAdmin(ReadOnlyAdmin):
    list_display = (
        "use",
        "start",
        "end",
        "upto",
        "answer",
        "bars",
        "refused",
        "tries",
        "asked_at",
        "again_at",
        "error",
    )
    list_select_related = ("use",)
    list_filter = ("answer", "use__feed")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It is asked again."""
        return ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(FeedState)
class FeedStateAdmin(ReadOnlyAdmin):
    list_display = (
        "feed",
        "asked_at",
        "answered_at",
        "failures",
        "error",
        "next_at",
        "day",
        "requests",
        "requests_left",
    )
