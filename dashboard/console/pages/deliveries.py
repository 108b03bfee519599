"""Deliveries: what arrives, per source, and how close its alerts come to TradingView's limit."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from dashboard.console.actions import LoggedChange, log
from dashboard.console.page import Page, refusal
from dashboard.console.roles import REVEAL
from dashboard.watching.pulses import LIMIT, pulses
from signals import dialects
from signals.clock import NEW_YORK
from signals.dialects.builtin import BUILTIN
from signals.dialects.wrapped import NAME as WRAPPED
from signals.models import Delivery, Format, SignalEvent, Source, first_id
from signals.receiving import refusals
from signals.receiving.masking import hide_secrets
from signals.receiving.refusals import Refusal
from signals.storage.paging import BoundedPaginator
from signals.teaching.shapes import counts
from signals.vocabulary import Channel, DeliveryStatus

ROWS = 50
REFUSED_SHOWN = 20
DIALECTS = (*(dialect.name for dialect in dialects.DIALECTS), WRAPPED)
PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}


def end_of(day: date) -> datetime:
    """When a day ends in New York."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(NEW_YORK))


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused at the door in the last day, by cause, and the last of them."""

    counts: dict[str, int]
    last: list[Refusal]


def refused(now: datetime) -> Refused:
    book = refusals.read()
    since = now - PERIODS["day"]
    last = [each for each in book.last if each.when > since]
    return Refused(dict(book.since(since).most_common()), last[:REFUSED_SHOWN])


def read_as() -> list[str]:
    """What a delivery may have been read as: the dialects, and the formats by name."""
    taught = Format.objects.order_by("name").values_list("name", flat=True).distinct()
    return list(dict.fromkeys([*DIALECTS, *(name for name, each in BUILTIN.items() if not each.offered), *taught]))


class FeedFilter(forms.Form):
    """What of the feed to show; an invalid choice shows everything and says so."""

    period = forms.ChoiceField(
        required=False,
        label="Stored in the last",
        choices=[("day", "24 hours"), ("hour", "hour"), ("week", "7 days"), ("month", "30 days")],
    )
    until = forms.DateField(required=False, label="Up to", widget=forms.DateInput(attrs={"type": "date"}))
    source = forms.ModelChoiceField(Source.objects.all(), required=False, empty_label="every", to_field_name="name")
    status = forms.ChoiceField(required=False, choices=[("", "any"), *DeliveryStatus.choices])
    channel = forms.ChoiceField(required=False, choices=[("", "any"), *Channel.choices])
    dialect = forms.ChoiceField(required=False, choices=lambda: [("", "any"), *((name, name) for name in read_as())])

    def clean_until(self) -> date | None:
        until: date | None = self.cleaned_data["until"]
        if until and until.year not in range(2000, 2100):
            raise forms.ValidationError("No delivery is of that year.")
        return until

    def matching(self, now: datetime) -> QuerySet[Delivery]:
        self.full_clean()
        wanted = self.cleaned_data
        end = end_of(wanted["until"]) if wanted.get("until") else None
        begin = (end or now) - PERIODS[wanted.get("period") or "day"]
        rows = Delivery.objects.select_related("source").order_by("-id").filter(id__gte=first_id(begin))
        if end:
            rows = rows.filter(id__lt=first_id(end))
        named = {name: wanted[name] for name in ("source", "status", "channel", "dialect") if wanted.get(name)}
        return rows.filter(**named)


class Deliveries(Page):
    name = "deliveries"
    keeps_views = True
    route = "console/deliveries/"
    title = "Deliveries"
    icon = "move_to_inbox"
    place = 65
    key = "d"
    template_name = "dashboard/deliveries/page.html"
    fragment = "dashboard/deliveries/live.html"

    def content(self, now: datetime) -> dict[str, Any]:
        form = FeedFilter(self.request.GET)
        paginator: Paginator[Delivery] = BoundedPaginator(form.matching(now), ROWS)
        return {
            "form": form,
            "rows": paginator.get_page(self.request.GET.get("page")),
            "pulses": pulses(now),
            "limit": LIMIT,
            "refused": refused(now),
            "unread": counts(),
            "filtered": any(self.request.GET.get(name) for name in form.fields),
        }


class DeliveryPage(Page):
    """One delivery: its bytes, what was read from them, and what came of it."""

    name = "delivery"
    route = "console/deliveries/<uuid:pk>/"
    title = "Delivery"
    template_name = "dashboard/deliveries/delivery.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the secrets in this one answer, and put on the audit log who saw them."""
        if not request.user.has_perm(REVEAL):
            return refusal(request, "see the secrets in what was received")
        context = self.get_context_data()
        assert isinstance(request.user, User)
        log(request.user, [LoggedChange(context["delivery"], "Looked at the secrets in what was received.")])
        return self.render_to_response(context | {"secrets": secrets_of(context["delivery"])})

    def content(self, now: datetime) -> dict[str, Any]:
        events = SignalEvent.objects.select_related("signal").order_by("position")
        rows = Delivery.objects.select_related(
            "source", "format", "duplicate_of", "replay_of", "quarantine__replay", "mail", "body"
        )
        delivery = rows.prefetch_related(Prefetch("events", events)).filter(pk=self.kwargs["pk"]).first()
        if delivery is None:
            raise Http404("No delivery has this id.")
        hides = any(hide_secrets(text) != text for _, text in secrets_of(delivery))
        return {
            "delivery": delivery,
            "hides": hides,
            "copies": delivery.duplicates.order_by("received_at")[:20],
        }


def secrets_of(delivery: Delivery) -> list[tuple[str, str]]:
    """What is shown of it with its secrets hidden, as it is stored: each text with its heading."""
    proposal = delivery.quarantine.proposal if hasattr(delivery, "quarantine") else ""
    texts = [
        ("As received", delivery.raw.decode(errors="replace")),
        ("Read instead", delivery.repaired_text),
        ("Proposed", proposal),
    ]
    return [(heading, text) for heading, text in texts if text]
