"""The guided start: from a source without an address to its first alert on the screen."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page
from dashboard.console.roles import ADD_SOURCE, TEACH
from dashboard.telling.addresses import address
from dashboard.telling.alert_messages import INDICATOR, choices, message_of
from dashboard.watching.reach import judged
from dashboard.watching.selftest import SELF_TEST
from signals.admin.sources import webhook_address
from signals.dialects.builtin import BUILTIN
from signals.models import AutomatedSignal, Delivery, Source
from signals.receiving import refusals
from signals.receiving.senders import new_token
from signals.receiving.spool import spool
from signals.teaching.saving import in_use, save
from signals.vocabulary import Channel, DeliveryStatus

from .unknown import Group, grouped, waiting_in

LATEST = 20
REFUSED_SHOWN = 3
FIRST_NAME = "my-chart"


def own_sources() -> Any:
    """Those that a person's own alerts can be of."""
    return Source.objects.filter(simulated=False).exclude(name=SELF_TEST)


class StartForm(forms.Form):
    source = forms.ModelChoiceField(
        Source.objects.none(),
        required=False,
        empty_label="a new source",
        label="Who sends",
        help_text="A source is one indicator or strategy on one chart. Addresses that it has already stay valid.",
    )
    name = forms.SlugField(
        max_length=64,
        required=False,
        label="Name of a new source",
        help_text="Letters, digits and hyphens. Only asked for where the source is new.",
    )
    format = forms.ChoiceField(label="What it sends", help_text="Any other message can be taught once one has arrived.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["source"]
        chosen.queryset = own_sources()
        format: Any = self.fields["format"]
        format.choices = list(choices())

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("source") is None and "name" not in self.errors:
            if not given.get("name"):
                self.add_error("name", "Give the new source a name, or choose one that is there.")
            elif Source.objects.filter(name=given["name"]).exists():
                self.add_error("name", "There is a source of this name. Choose it above, or another name.")
        return given


class Start(ActionPage[None]):
    """Whether TradingView can get here; then a source, a format, and the address, which is shown once."""

    name = "start"
    route = "console/start/"
    title = "Start"
    icon = "rocket_launch"
    place = 12
    key = "n"
    permission = ADD_SOURCE
    inputs = StartForm
    template_name = "dashboard/start/page.html"
    once_template = "dashboard/start/address.html"
    verb = "Make the address"

    def subject(self) -> None:
        return None

    def initial(self, subject: None) -> dict[str, Any]:
        unused = not Source.objects.filter(name=FIRST_NAME).exists()
        return {"format": INDICATOR, "name": FIRST_NAME if unused else ""}

    def content(self, now: datetime) -> dict[str, Any]:
        return way(self)

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                "Makes a webhook address with a secret token, for a new source or one that is there, and shows it once."
                " A format that comes with the system is read for this source from now on."
            ]
        )

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        source, changed = given["source"], []
        by = f"made by {self.person.get_username()}"
        spec = BUILTIN.get(given["format"])
        reads = spec is not None and spec.offered and not used(given["format"], source)
        if reads and not self.person.has_perm(TEACH):
            raise ActionError("Having a format read takes the right to teach formats: ask an Administrator.")
        if source is None:
            source = Source.objects.create(name=given["name"])
            changed.append(LoggedChange(source, "Created by the guided start.", made=True))
        if reads and spec is not None:
            made = save(spec.spec, source=source, by=self.person, now=now)
            changed.append(LoggedChange(made, f"Taught version {made.version} of {made.name} for {source}.", made=True))
        token = new_token(source, label=by[:64])
        changed.append(LoggedChange(source, "Made a webhook address."))
        posted, message = webhook_address(self.request, token), message_of(given["format"], now)
        once = {
            "source": source,
            "address": posted,
            "message": message,
            "command": command(posted, message.arrives),
            "waiting": waiting_at(source, given["format"], now),
            "there": reverse("webhook", kwargs={"token": token}),
        }
        return Done("Copy it now: it cannot be shown again.", changed, once=once)


def used(format: str, source: Source | None) -> bool:
    return in_use(format, None).exists() or (source is not None and in_use(format, source).exists())


def waiting_at(source: Source, format: str, now: datetime) -> str:
    return f"{address('first-alert', source.pk)}?since={int(now.timestamp())}&format={format}"


def command(posted: str, body: str) -> str:
    """Sends the message by hand, from any terminal that reaches the address."""
    kind = "application/json" if body.startswith("{") else "text/plain"
    return f"curl -X POST {shlex.quote(posted)} -H 'Content-Type: {kind}' --data-binary {shlex.quote(body)}"


def way(page: Page) -> dict[str, Any]:
    """Whether alerts can get here by the address that is known, and how to have one that they can."""
    here = settings.PUBLIC_URL or page.request.build_absolute_uri("/")
    return {"here": here, "reach": judged(here), "port": page.request.get_port(), "public": bool(settings.PUBLIC_URL)}


@dataclass(frozen=True, slots=True)
class Seen:
    """The alert that tells most of those that came: one that was read goes before one that was not."""

    delivery: Delivery
    number: int
    signals: Sequence[AutomatedSignal]
    unread: Group | None

    @classmethod
    def of(cls, source: Source, since: datetime) -> "Seen | None":
        came = source.deliveries.filter(channel__in=(Channel.WEBHOOK, Channel.REPLAY), received_at__gte=since).order_by(
            "-received_at"
        )
        found = list(came[:LATEST])
        if not found:
            return None
        shown = max(found, key=lambda each: (each.event_count > 0, each.status == DeliveryStatus.ACCEPTED))
        signals = AutomatedSignal.objects.filter(events__delivery=shown).distinct() if shown.event_count else ()
        return cls(shown, len(found), list(signals[:5]), unread_of(shown))


def unread_of(delivery: Delivery) -> Group | None:
    """The shape that it waits in, where it could not be read."""
    if delivery.status != DeliveryStatus.QUARANTINED:
        return None
    shape = getattr(getattr(delivery, "quarantine", None), "shape", "")
    try:
        return grouped([waiting_in(shape)])[0]
    except Http404:
        return None


class FirstAlert(Page):
    """Waits for the first alert of a source since a moment (`?since=`, seconds): what came, and what to do next."""

    name = "first-alert"
    route = "console/start/<int:pk>/"
    title = "First alert"
    template_name = "dashboard/start/waiting_page.html"
    fragment = "dashboard/start/waiting.html"
    every = 2

    def content(self, now: datetime) -> dict[str, Any]:
        source = get_object_or_404(own_sources(), pk=self.kwargs["pk"])
        since = self.since(source, now)
        seen = Seen.of(source, since)
        refused = () if seen else [each for each in refusals.read().last if each.when >= since][:REFUSED_SHOWN]
        asked = self.request.GET.get("format", INDICATOR)
        frame = {} if self.alone else {"message": message_of(asked, now), **way(self)}
        return frame | {
            "title": f"First alert of {source.name}",
            "source": source,
            "since": since,
            "seen": seen,
            "refused": refused,
            "spooled": not seen and spool().pending_bytes() > 0,
            "may_teach": self.request.user.has_perm(TEACH),
        }

    def since(self, source: Source, now: datetime) -> datetime:
        """From when on: as asked, else since the newest address was made."""
        asked = self.request.GET.get("since", "")
        if asked.isdecimal() and len(asked) < 11:
            return datetime.fromtimestamp(int(asked), UTC)
        made = source.tokens.order_by("-created_at").values_list("created_at", flat=True).first()
        return made or now - timedelta(hours=1)
