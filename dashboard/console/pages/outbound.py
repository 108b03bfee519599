"""Outbound: who is told what happens, by webhook; how that goes, attempt by attempt."""

from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404

from dashboard.console.page import Page
from dashboard.console.roles import SEE_OUTBOUND
from dashboard.models import Attempt, Endpoint, StreamEvent, StreamMark
from dashboard.outbound.kinds import MEANINGS, Kind
from dashboard.outbound.sending import waiting_for
from dashboard.outbound.stream import EVENTS
from signals.storage.paging import BoundedPaginator
from signals.tiers import TIERS

ROWS = 50
SHOWN = 20


def asks_for(endpoint: Endpoint) -> list[str]:
    """Its filters in words."""
    least = TIERS.get(endpoint.least_tier)
    words = [
        ", ".join(endpoint.types) or "every kind of event",
        f"of {', '.join(endpoint.sources)}" if endpoint.sources else "",
        f"on {', '.join(endpoint.symbols)}" if endpoint.symbols else "",
        f"{endpoint.direction} only" if endpoint.direction else "",
        f"heard, or filled by {least.name} or better" if least else "",
        f"confidence {endpoint.least_confidence.normalize():f} or more" if endpoint.least_confidence else "",
        f"at most {endpoint.most_minutes} min after it happened" if endpoint.most_minutes is not None else "",
    ]
    return list(filter(None, words))


class Outbound(Page):
    name = "outbound"
    route = "console/outbound/"
    title = "Outbound"
    icon = "webhook"
    place = 90
    permission = SEE_OUTBOUND
    template_name = "dashboard/outbound/page.html"
    fragment = "dashboard/outbound/live.html"

    def content(self, now: datetime) -> dict[str, Any]:
        mark = StreamMark.objects.filter(pk=EVENTS).first()
        return {
            "endpoints": [(each, asks_for(each), waiting_for(each)) for each in Endpoint.objects.all()],
            "events": StreamEvent.objects.exclude(type=Kind.TEST).defer("data").order_by("-pk")[:SHOWN],
            "read_at": mark and mark.read_at,
            "kinds": MEANINGS.items(),
        }


class EndpointPage(Page):
    """One endpoint: what it asks for, how it goes, and every attempt with its answer."""

    name = "endpoint"
    route = "console/outbound/<int:pk>/"
    title = "Endpoint"
    permission = SEE_OUTBOUND
    template_name = "dashboard/outbound/endpoint.html"
    fragment = "dashboard/outbound/attempts.html"

    def content(self, now: datetime) -> dict[str, Any]:
        endpoint = get_object_or_404(Endpoint, pk=self.kwargs["pk"])
        attempts = Attempt.objects.filter(endpoint=endpoint).select_related("event").defer("event__data")
        failed = self.request.GET.get("failed") == "1"
        if failed:
            attempts = attempts.exclude(status__gte=200, status__lt=300)
        paginator: Paginator[Attempt] = BoundedPaginator(attempts.order_by("-pk"), ROWS)
        return {
            "title": f"Endpoint {endpoint}",
            "endpoint": endpoint,
            "asks_for": asks_for(endpoint),
            "waiting": waiting_for(endpoint),
            "failed": failed,
            "rotating": bool(endpoint.old_secret_ends_at and endpoint.old_secret_ends_at > now),
            "rows": paginator.get_page(self.request.GET.get("page")),
        }
