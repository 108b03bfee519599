"""What keeps messages back for a while: maintenance windows, muted sources, quiet hours."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils import timezone

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.forms import NewYorkTimeField
from dashboard.console.roles import HANDLE, NOTIFY
from dashboard.models import MaintenanceWindow, Mute, QuietHours
from dashboard.notifying.choices import ONLY, quiet_hours
from dashboard.telling.addresses import address
from dashboard.telling.formats import wall
from signals.models import Source

from .notifications import HOURS

UNTIL = "until somebody ends it"


class MaintenanceForm(forms.Form):
    source = forms.ModelChoiceField(
        Source.objects.order_by("name"), required=False, to_field_name="name", empty_label="everything", label="Of"
    )
    starts_at = NewYorkTimeField(label="From (New York)")
    ends_at = NewYorkTimeField(label="Until (New York)")
    reason = forms.CharField(max_length=200, label="Why", help_text="Shown beside what is not told.")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        starts, ends = given.get("starts_at"), given.get("ends_at")
        if starts and ends and ends <= starts:
            raise ValidationError("It ends before it starts.")
        return given


class PlanMaintenance(ActionPage[None]):
    name = "plan-maintenance"
    route = "console/notifications/maintenance/"
    title = "Plan maintenance"
    permission = HANDLE
    inputs = MaintenanceForm
    verb = "Plan"
    back = "notifications"

    def subject(self) -> None:
        return None

    def initial(self, subject: None) -> dict[str, Any]:
        now = timezone.now().replace(second=0, microsecond=0)
        return {"starts_at": now, "ends_at": now + timedelta(hours=1)}

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                "In that time nobody is told that something is wrong. Incidents are noted all the same, and what is"
                " still there afterwards is told then."
            ]
        )

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        row = MaintenanceWindow.objects.create(**given, made_by=self.person.get_username())
        says = f"Planned from {wall(row.starts_at)} to {wall(row.ends_at)} New York."
        return Done(says, [LoggedChange(row, says, made=True)])


class EndMaintenance(ActionPage[MaintenanceWindow]):
    name = "end-maintenance"
    route = "console/notifications/maintenance/<int:pk>/end/"
    title = "End maintenance"
    permission = HANDLE
    verb = "End"
    back = "notifications"

    def subject(self) -> MaintenanceWindow:
        return get_object_or_404(MaintenanceWindow.objects.select_related("source"), pk=self.kwargs["pk"])

    def preview(self, subject: MaintenanceWindow, given: dict[str, Any], now: datetime) -> Preview:
        if subject.ends_at <= now:
            return Preview(problem="It is over already.")
        if subject.starts_at > now:
            return Preview(says=[f"The {subject} does not begin."])
        return Preview(says=[f"The {subject} ends now: what is wrong is told with the next cycle."])

    def perform(self, subject: MaintenanceWindow, given: dict[str, Any], now: datetime) -> Done:
        rows = MaintenanceWindow.objects.filter(pk=subject.pk, ends_at__gt=now)
        if not rows.update(starts_at=min(subject.starts_at, now), ends_at=now):
            raise ActionError("It is over already.")
        return Done("Ended.", [LoggedChange(subject, "Ended.")])


class MuteForm(forms.Form):
    hours = forms.ChoiceField(choices=[("", UNTIL), *HOURS.items()], required=False, label="For")
    reason = forms.CharField(max_length=200, required=False, label="Why", help_text="If you like.")


class MuteSource(ActionPage[Source]):
    name = "mute-source"
    route = "console/sources/<int:pk>/mute/"
    title = "Mute a source"
    permission = HANDLE
    inputs = MuteForm
    verb = "Mute"

    def subject(self) -> Source:
        return get_object_or_404(Source, pk=self.kwargs["pk"])

    def heading(self, subject: Source) -> str:
        return f"Mute {subject.name}"

    def back_link(self) -> str:
        return address("source", self.kwargs["pk"])

    def preview(self, subject: Source, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                f"Nobody is told of {subject.name} alone: that it is silent, that its alert expires, that it nears"
                " TradingView's limit. Its alerts are taken in as ever, and the console shows what is wrong."
            ]
        )

    def perform(self, subject: Source, given: dict[str, Any], now: datetime) -> Done:
        until = now + timedelta(hours=int(given["hours"])) if given["hours"] else None
        by = {"until": until, "reason": given["reason"], "made_by": self.person.get_username()}
        Mute.objects.update_or_create(source=subject, defaults=by)
        for_how_long = f"until {wall(until)} New York" if until else UNTIL
        return Done(
            f"Muted {for_how_long}.", [LoggedChange(subject, f"Muted {for_how_long}. {given['reason']}".strip())]
        )


class UnmuteSource(ActionPage[Source]):
    name = "unmute-source"
    route = "console/sources/<int:pk>/unmute/"
    title = "Unmute a source"
    permission = HANDLE
    verb = "Unmute"

    def subject(self) -> Source:
        return get_object_or_404(Source, pk=self.kwargs["pk"])

    def back_link(self) -> str:
        return address("source", self.kwargs["pk"])

    def preview(self, subject: Source, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(says=[f"What is wrong with {subject.name} is told again, with the next cycle."])

    def perform(self, subject: Source, given: dict[str, Any], now: datetime) -> Done:
        if not Mute.objects.filter(source=subject).delete()[0]:
            raise ActionError("It is not muted.")
        return Done("Unmuted.", [LoggedChange(subject, "Unmuted.")])


class QuietForm(forms.Form):
    starts = forms.TimeField(
        required=False, label="From (New York)", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    ends = forms.TimeField(
        required=False, label="Until (New York)", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="Both empty: there are none. They may go past midnight.",
    )  # fmt: skip
    bad_passes = forms.BooleanField(required=False, label="What is bad is told all the same")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if bool(given.get("starts")) != bool(given.get("ends")):
            raise ValidationError("Give both times, or neither.")
        return given


class ChangeQuietHours(ActionPage[QuietHours]):
    name = "quiet-hours"
    route = "console/notifications/quiet/"
    title = "Quiet hours"
    permission = NOTIFY
    inputs = QuietForm
    verb = "Save"
    back = "notification-rules"

    def subject(self) -> QuietHours:
        return quiet_hours()

    def initial(self, subject: QuietHours) -> dict[str, Any]:
        return {name: getattr(subject, name) for name in QuietForm.base_fields}

    def preview(self, subject: QuietHours, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(says=[f"Now: {subject}.", "What is not told in quiet hours is told after them, if it is there."])

    def perform(self, subject: QuietHours, given: dict[str, Any], now: datetime) -> Done:
        row, _made = QuietHours.objects.update_or_create(pk=ONLY, defaults=given)
        passes = "what is bad is told" if row.bad_passes else "nothing is told"
        return Done(f"Saved: {row}.", [LoggedChange(row, f"Set {row}; {passes} in them.")])
