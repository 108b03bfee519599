"""Where messages go: destinations, entered once and shown never, and a test of each."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.shortcuts import get_object_or_404

from dashboard.console.actions import ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page
from dashboard.console.roles import NOTIFY
from dashboard.models import Destination, Severity
from dashboard.notifying.sending import AddressError, service_of, try_out
from dashboard.outbox.sealing import seal
from dashboard.telling.addresses import address


class Destinations(Page):
    name = "destinations"
    route = "console/notifications/destinations/"
    title = "Destinations"
    template_name = "dashboard/notifications/destinations.html"

    def content(self, now: datetime) -> dict[str, Any]:
        return {"destinations": Destination.objects.all()}


class AddressField(forms.CharField):
    """An address that Apprise understands; cleaned to itself. It is never filled in again."""

    widget = forms.PasswordInput(attrs={"autocomplete": "off"})

    def clean(self, value: Any) -> str:
        url: str = super().clean(value)
        try:
            if url:
                service_of(url)
        except AddressError as error:
            raise forms.ValidationError(str(error)) from error
        return url


class ChangeForm(forms.Form):
    """Without the name, which stays as messages were sent to it."""

    url = AddressField(
        max_length=1000, required=False, label="Address",
        help_text="As Apprise writes it, as mailtos://user:password@example.org. Empty: it stays as it is.",
    )  # fmt: skip
    enabled = forms.BooleanField(required=False, initial=True, label="Switched on")
    least = forms.ChoiceField(choices=Severity.choices, initial=Severity.WARN, label="Least severity")
    escalations_only = forms.BooleanField(
        required=False, label="Only what nobody saw to in time", help_text="For whoever is asked when all others sleep."
    )


class NewForm(ChangeForm):
    name = forms.CharField(max_length=64, help_text="What you call it, as: my phone.")
    url = AddressField(
        max_length=1000, label="Address",
        help_text="As Apprise writes it: mailtos://user:password@example.org, discord://id/token, ntfys://topic and"
        " about a hundred more (https://appriseit.com/services/).",
    )  # fmt: skip
    field_order = ("name", "url")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Destination.objects.filter(name=name).exists():
            raise forms.ValidationError("There is a destination of this name. Choose another.")
        return name


class AddDestination(ActionPage[None]):
    name = "add-destination"
    route = "console/notifications/destinations/add/"
    title = "New destination"
    permission = NOTIFY
    inputs = NewForm
    verb = "Add"
    back = "destinations"

    def subject(self) -> None:
        return None

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=["Rules without destinations of their own tell it, too. Its address is sealed and never shown again."]
        )

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        url = given.pop("url")
        row = Destination.objects.create(**given, sealed=seal(url), service=service_of(url))
        return Done("Added. Send it a test now.", [LoggedChange(row, f"Added, by {row.service}.", made=True)],
                    address("test-destination", row.pk))  # fmt: skip


class OnDestination(ActionPage[Destination]):
    permission = NOTIFY
    back = "destinations"

    def subject(self) -> Destination:
        return get_object_or_404(Destination, pk=self.kwargs["pk"])

    def heading(self, subject: Destination) -> str:
        return f"{self.title}: {subject.name}"


class ChangeDestination(OnDestination):
    name = "change-destination"
    route = "console/notifications/destinations/<int:pk>/change/"
    title = "Change a destination"
    inputs = ChangeForm
    verb = "Save"

    def initial(self, subject: Destination) -> dict[str, Any]:
        return {name: getattr(subject, name) for name in ("enabled", "least", "escalations_only")}

    def preview(self, subject: Destination, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[f"{subject.name} is told by {subject.service}. An address that you enter replaces its own."]
        )

    def perform(self, subject: Destination, given: dict[str, Any], now: datetime) -> Done:
        url = given.pop("url")
        changed = {name: new for name, new in given.items() if getattr(subject, name) != new}
        says = "; ".join(f"{name}: {getattr(subject, name)} → {new}" for name, new in changed.items())
        if url:
            changed |= {"sealed": seal(url), "service": service_of(url), "test_error": "", "tested_at": None}
            says = "; ".join(filter(None, [says, f"its address, by {changed['service']}"]))
        if not changed:
            return Done("Nothing was changed.")
        Destination.objects.filter(pk=subject.pk).update(**changed)
        return Done("Saved.", [LoggedChange(subject, f"Changed {says}.")])


class TestDestination(OnDestination):
    name = "test-destination"
    route = "console/notifications/destinations/<int:pk>/test/"
    title = "Test a destination"
    verb = "Send a test"

    def preview(self, subject: Destination, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(says=[f"Sends a message to {subject.name} now, by {subject.service}, and says what came of it."])

    def perform(self, subject: Destination, given: dict[str, Any], now: datetime) -> Done:
        error = try_out(subject, now, self.person.get_username())
        if error:
            says = f"The test was not taken: {error}"
            return Done(says, [LoggedChange(subject, says)], level=messages.ERROR)
        return Done("The test was taken. See that it came.", [LoggedChange(subject, "Sent a test, which was taken.")])


class RemoveDestination(OnDestination):
    name = "remove-destination"
    route = "console/notifications/destinations/<int:pk>/remove/"
    title = "Remove a destination"
    verb = "Remove"
    danger = True

    def preview(self, subject: Destination, given: dict[str, Any], now: datetime) -> Preview:
        own = subject.rulesetting_set.count()
        says = [f"{subject.name} is told nothing more, and its address is forgotten. What waits for it is given up."]
        return Preview(
            says=says, warnings=[f"{own} rules name it; those that name no other will tell all."] if own else []
        )

    def perform(self, subject: Destination, given: dict[str, Any], now: datetime) -> Done:
        change = LoggedChange(subject, f"Removed the destination {subject.name}.", gone=True)
        Destination.objects.filter(pk=subject.pk).delete()
        return Done("Removed.", [change])
