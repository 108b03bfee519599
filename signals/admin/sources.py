"""Sources and their tokens. A token can be read once: on the page that answers its making."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget

from signals.feeds.registry import feeds
from signals.formats import EMPTY
from signals.models import AlertId, AutomatedSignal, Delivery, Source, SourceToken
from signals.receiving.senders import new_token

from .base import list_link

# What signals' times follow from, beside their events.
CLOCK = frozenset({"clock_zone", "zones"})


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SourceForm(forms.ModelForm):  # type: ignore[type-arg] # it takes none when it runs
    """A feed is one of those that there are, and its symbol one that it may have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "feed" in self.fields:
            self.fields["feed"].widget = UnfoldAdminSelectWidget(choices=feed_choices(self.instance.feed))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        name = given.get("feed", "")
        feed = feeds().get(name)
        if name and feed is None and "feed" in self.changed_data:
            self.add_error("feed", "There is no such feed.")
        elif feed and (fault := feed.fault(given.get("feed_symbol", ""))):
            self.add_error("feed_symbol", f"It is {fault}.")
        return given


def feed_choices(now: str) -> list[tuple[str, str]]:
    there = [(name, feed.about.title) for name, feed in feeds().items()]
    gone = [(now, f"{now} (not installed)")] if now and now not in feeds() else []
    return [("", "none"), *there, *gone]


class TokenInline(ReadOnlyInline):
    model = SourceToken
    fields = ("label", "created_at", "expires_at")
    readonly_fields = fields


class AlertIdInline(ReadOnlyInline):
    model = AlertId
    fields = ("alert_id", "first_seen_at")
    readonly_fields = fields


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    form = SourceForm
    list_display = (
        "name", "symbol", "bar_minutes", "calendar", "clock_zone", "is_default", "last_heartbeat_at", "signal_count",
        "alert_expires_at", "see_signals", "see_deliveries",
    )  # fmt: skip
    list_filter = ("symbol", "is_default")
    search_fields = ("name", "symbol", "alert_ids__alert_id")
    readonly_fields = (
        "chart_known_by",
        "zones_seen",
        "signal_count",
        "last_heartbeat_at",
        "created_at",
        "see_signals",
        "see_deliveries",
    )
    inlines = (TokenInline, AlertIdInline)
    actions = ("create_token",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and not CLOCK.isdisjoint(form.changed_data):
            advice = "Signals that are stored keep their times until `manage.py rebuild_signals` derives them anew."
            self.message_user(request, advice, messages.WARNING)

    @admin.display(description="how its chart is known")
    def chart_known_by(self, source: Source) -> str:
        known = (source.get_symbol_by_display(), source.get_bar_minutes_by_display(), source.get_calendar_by_display())
        return "Symbol: {}. Bars: {}. Market: {}.".format(*(each.lower() for each in known))

    @admin.display(description="signals")
    def see_signals(self, source: Source) -> str:
        return list_link(AutomatedSignal, "signals", source__id__exact=source.pk) if source.pk else EMPTY

    @admin.display(description="deliveries")
    def see_deliveries(self, source: Source) -> str:
        return list_link(Delivery, "deliveries", source__id__exact=source.pk) if source.pk else EMPTY

    @admin.action(description="Create a webhook token for each selected source", permissions=["change"])
    def create_token(self, request: HttpRequest, chosen: QuerySet[Source]) -> TemplateResponse:
        """Answers with a page instead of a message: messages may be kept in a cookie, and this is a secret."""
        made = []
        for source in chosen:
            token = new_token(source, label=f"made by {request.user.get_username()}"[:64])
            self.log_change(request, source, "Created a webhook token.")
            made.append({"source": source, "token": token, "address": webhook_address(request, token)})
        context = {
            **self.admin_site.each_context(request),
            "title": "Webhook token created" if len(made) == 1 else "Webhook tokens created",
            "opts": self.opts,
            "made": made,
        }
        return never_shown_again(request, context)


def webhook_address(request: HttpRequest, token: str) -> str:
    """Where TradingView must post to: below PUBLIC_URL if it is set, else below the address of this request."""
    path = reverse("webhook", kwargs={"token": token})
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)


@never_cache
def never_shown_again(request: HttpRequest, context: dict[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, "admin/signals/source/token.html", context)
