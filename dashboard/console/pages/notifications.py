"""Notifications: what is wrong now, who sees to it, what is kept quiet, and what was."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page
from dashboard.console.roles import HANDLE
from dashboard.models import Destination, Incident, MaintenanceWindow, Outgoing, Ping
from dashboard.notifying.choices import hush_at, mutes_at, quiet_hours
from dashboard.notifying.handling import OverError, acknowledge, snooze
from dashboard.notifying.incidents import WORST_FIRST
from dashboard.notifying.watch import KIND, State, open_incidents, symptoms_of
from dashboard.telling.formats import wall
from signals.storage.paging import BoundedPaginator

ROWS = 50
OVER = "It has recovered meanwhile: nothing is to be done."
HOURS = {"1": "1 hour", "4": "4 hours", "8": "8 hours", "24": "1 day", "72": "3 days", "168": "1 week"}


def how_bad(row: Incident) -> int:
    return WORST_FIRST.index(row.severity)


class Notifications(Page):
    name = "notifications"
    route = "console/notifications/"
    title = "Notifications"
    icon = "notifications"
    place = 20
    template_name = "dashboard/notifications/page.html"
    fragment = "dashboard/notifications/live.html"

    def content(self, now: datetime) -> dict[str, Any]:
        hush = hush_at(now)
        rows = [(row, hush.reason(symptoms_of(row), row.severity, now)) for row in open_incidents()]
        return {
            "incidents": sorted(rows, key=lambda pair: (pair[0].state == State.ACKNOWLEDGED, how_bad(pair[0]))),
            "nobody": not Destination.objects.filter(enabled=True).exists(),
            "windows": MaintenanceWindow.objects.filter(ends_at__gt=now).select_related("source"),
            "mutes": mutes_at(now),
            "quiet": quiet_hours(),
            "pinged": bool(settings.DEADMAN_PING_URL),
            "ping": Ping.objects.first(),
        }


class IncidentHistory(Page):
    name = "incident-history"
    route = "console/notifications/history/"
    title = "What was wrong"
    template_name = "dashboard/notifications/history.html"

    def content(self, now: datetime) -> dict[str, Any]:
        over = Incident.objects.filter(recovered_at__isnull=False).order_by("-recovered_at")
        rows: Paginator[Any] = BoundedPaginator(over, ROWS)
        return {"rows": rows.get_page(self.request.GET.get("page"))}


class IncidentPage(Page):
    name = "incident"
    route = "console/notifications/incidents/<int:pk>/"
    title = "Incident"
    template_name = "dashboard/notifications/incident.html"

    def content(self, now: datetime) -> dict[str, Any]:
        row = get_object_or_404(Incident, pk=self.kwargs["pk"])
        messages = Outgoing.objects.filter(kind=KIND, key__startswith=f"{row.pk}/").order_by("pk")
        names = {each.key: each.name for each in Destination.objects.all()}
        return {
            "incident": row,
            "symptoms": symptoms_of(row),
            "history": [each | {"at": datetime.fromisoformat(each["at"])} for each in row.history],
            "sent_messages": [(names.get(each.destination, "removed"), each) for each in messages[:ROWS]],
        }


class OnIncident(ActionPage[Incident]):
    permission = HANDLE
    back = "notifications"

    def subject(self) -> Incident:
        return get_object_or_404(Incident, pk=self.kwargs["pk"])

    def heading(self, subject: Incident) -> str:
        return f"{self.verb}: {subject.says}"

    def preview(self, subject: Incident, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(problem=OVER) if subject.recovered_at else Preview(says=[self.says(given, now)])

    def says(self, given: dict[str, Any], now: datetime) -> str:
        raise NotImplementedError

    def perform(self, subject: Incident, given: dict[str, Any], now: datetime) -> Done:
        try:
            return self.do(subject, given, now)
        except OverError as error:
            raise ActionError(OVER) from error

    def do(self, subject: Incident, given: dict[str, Any], now: datetime) -> Done:
        """Raises OverError."""
        raise NotImplementedError


class AcknowledgeForm(forms.Form):
    note = forms.CharField(max_length=200, required=False, help_text="If you like: what you are doing about it.")


class AcknowledgeIncident(OnIncident):
    name = "acknowledge-incident"
    route = "console/notifications/incidents/<int:pk>/acknowledge/"
    title = "Acknowledge an incident"
    inputs = AcknowledgeForm
    verb = "Acknowledge"

    def says(self, given: dict[str, Any], now: datetime) -> str:
        return "You see to it: nobody is told again until it recovers or gets worse, and it is not escalated."

    def do(self, subject: Incident, given: dict[str, Any], now: datetime) -> Done:
        note = given["note"]
        acknowledge(subject.pk, by=self.person.get_username(), note=note, now=now)
        return Done("Acknowledged.", [LoggedChange(subject, f"Acknowledged.{f' {note}' if note else ''}")])


class SnoozeForm(forms.Form):
    hours = forms.ChoiceField(choices=list(HOURS.items()), initial="8", label="For")


class SnoozeIncident(OnIncident):
    name = "snooze-incident"
    route = "console/notifications/incidents/<int:pk>/snooze/"
    title = "Snooze an incident"
    inputs = SnoozeForm
    binding = True
    verb = "Snooze"

    def initial(self, subject: Incident) -> dict[str, Any]:
        return {"hours": "8"}

    def says(self, given: dict[str, Any], now: datetime) -> str:
        return (
            f"Nobody is told of it until {wall(self.until(given, now))} New York, unless it recovers or gets worse."
            " If it is still there then, that is told."
        )

    def until(self, given: dict[str, Any], now: datetime) -> datetime:
        return now + timedelta(hours=int(given.get("hours") or 8))

    def do(self, subject: Incident, given: dict[str, Any], now: datetime) -> Done:
        until = self.until(given, now)
        snooze(subject.pk, until, by=self.person.get_username(), now=now)
        return Done(
            f"Snoozed until {wall(until)} New York.", [LoggedChange(subject, f"Snoozed for {given['hours']} h.")]
        )
