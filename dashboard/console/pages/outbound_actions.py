"""What people do with endpoints of outbound events: make, change, switch, rotate, look at the secret, test, replay."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.shortcuts import get_object_or_404

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, NoInputs, Preview
from dashboard.console.forms import NewYorkTimeField
from dashboard.console.roles import ADD_ENDPOINT, CHANGE_ENDPOINT, REMOVE_ENDPOINT, REPLAY, REVEAL
from dashboard.models import Endpoint
from dashboard.outbound import endpoints, replaying
from dashboard.outbound.kinds import MEANINGS
from dashboard.outbox.sealing import SealedError
from dashboard.telling.addresses import address
from dashboard.telling.formats import some, wall
from signals.models import Source
from signals.symbols import normalised
from signals.tiers import TIERS
from signals.vocabulary import Direction

MOST_SYMBOLS = 50


class EndpointForm(forms.Form):
    name = forms.CharField(max_length=64, help_text="Who is told: a bot, a sheet.")
    url = forms.CharField(
        max_length=300,
        label="Address",
        validators=Endpoint._meta.get_field("url").validators,
        help_text="https://… that takes POSTs. Private addresses only where OUTBOUND_NETWORKS names them.",
    )
    types = forms.MultipleChoiceField(
        required=False,
        label="Events",
        widget=forms.CheckboxSelectMultiple,
        choices=[(kind.value, f"{kind.value}: {meaning}") for kind, meaning in MEANINGS.items()],
        help_text="None ticked: all of them.",
    )
    sources = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=lambda: [(each.name, each.name) for each in Source.objects.order_by("name")],
        help_text="None ticked: all but simulated ones.",
    )
    symbols = forms.CharField(max_length=400, required=False, help_text="Separated by commas. Empty: all of them.")
    direction = forms.ChoiceField(required=False, choices=[("", "both"), *Direction.choices])
    least_tier = forms.ChoiceField(
        required=False,
        label="Filled by",
        choices=[("", "any tier"), *((key, f"{each.name} or better") for key, each in TIERS.items())],
        help_text="What was heard is told in any case.",
    )
    least_confidence = forms.DecimalField(
        min_value=0, max_value=1, max_digits=4, decimal_places=3, initial="0", label="Confidence at least"
    )
    most_minutes = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=525_600,
        label="Not later than (minutes)",
        help_text="After it happened. For bots: an import can tell what happened long ago. Empty: however late.",
    )

    def clean_symbols(self) -> list[str]:
        named = [normalised(part) for part in self.cleaned_data["symbols"].replace(",", " ").split()]
        return list(dict.fromkeys(filter(None, named)))[:MOST_SYMBOLS]


class CreateEndpoint(ActionPage[None]):
    name = "create-endpoint"
    route = "console/outbound/create/"
    title = "New endpoint"
    permission = ADD_ENDPOINT
    inputs = EndpointForm
    verb = "Create"
    back = "outbound"
    once_template = "dashboard/outbound/secret.html"

    def subject(self) -> None:
        return None

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                "Makes an endpoint with a secret of its own, which is shown then. What happens from now on is posted to"
                " it, signed with that secret."
            ]
        )

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        if Endpoint.objects.filter(name=given["name"]).exists():
            raise ActionError("There is an endpoint of this name. Choose another.")
        endpoint = Endpoint(**given, created_at=now, created_by=self.person.get_username())
        secret = endpoints.make(endpoint)
        made = LoggedChange(endpoint, f"Created, at {endpoint.host}.", made=True)
        return with_secret(endpoint, secret, "Give it to the receiver, to verify what it is sent.", made)


def with_secret(endpoint: Endpoint, secret: str, says: str, *changed: LoggedChange) -> Done:
    once = {"endpoint": endpoint, "secret": secret}
    return Done(says, changed, address("endpoint", endpoint.pk), once=once)


class EndpointAction(ActionPage[Endpoint]):
    """Something done with one endpoint."""

    def subject(self) -> Endpoint:
        return get_object_or_404(Endpoint, pk=self.kwargs["pk"])

    def heading(self, subject: Endpoint) -> str:
        return f"{self.title}: {subject}"

    def back_link(self) -> str:
        return address("endpoint", self.kwargs["pk"])


class ChangeEndpoint(EndpointAction):
    name = "change-endpoint"
    route = "console/outbound/<int:pk>/change/"
    title = "Change an endpoint"
    permission = CHANGE_ENDPOINT
    inputs = EndpointForm
    binding = True
    verb = "Save"

    def initial(self, subject: Endpoint) -> dict[str, Any]:
        given = {name: getattr(subject, name) for name in EndpointForm.base_fields}
        return given | {"symbols": ", ".join(subject.symbols)}

    def preview(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Preview:
        changed = differences(subject, given)
        if not changed:
            return Preview(says=["Nothing is changed yet."])
        rows = [(label_of(name), said(name, getattr(subject, name)), said(name, new)) for name, new in changed.items()]
        return Preview(columns=("What", "Now", "Then"), rows=rows)

    def perform(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Done:
        if Endpoint.objects.filter(name=given["name"]).exclude(pk=subject.pk).exists():
            raise ActionError("There is an endpoint of this name. Choose another.")
        changed = differences(subject, given)
        for name, new in changed.items():
            setattr(subject, name, new)
        subject.save(update_fields=list(changed))
        # The audit log may be read by more people than the address, whose path may be a secret of the other side.
        kept = "; ".join(
            f"{name}: {subject.host if name == 'url' else said(name, new)}" for name, new in changed.items()
        )
        return Done("Saved." if changed else "Nothing was changed.", [LoggedChange(subject, kept)] if changed else [])


def differences(endpoint: Endpoint, given: dict[str, Any]) -> dict[str, Any]:
    """What is given otherwise. Before anything was typed, symbols are given as the form shows them."""
    new = dict(given)
    if isinstance(new.get("symbols"), str):
        new["symbols"] = list(filter(None, new["symbols"].replace(",", " ").split()))
    return {name: value for name, value in new.items() if getattr(endpoint, name) != value}


def label_of(name: str) -> str:
    return str(EndpointForm.base_fields[name].label or name.capitalize())


def said(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "all"
    return "any" if value in {None, ""} else str(value)


class SwitchEndpoint(EndpointAction):
    name = "switch-endpoint"
    route = "console/outbound/<int:pk>/switch/"
    title = "Switch an endpoint"
    permission = CHANGE_ENDPOINT
    verb = "Switch"

    def preview(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Preview:
        if subject.enabled:
            return Preview(
                says=["Nothing more is posted to it. What still waits is dropped; a replay can send it later."],
                verb="Switch it off",
            )
        why = [f"It was switched off by itself: {subject.off_because}"] if subject.off_because else []
        says = [*why, "What happens from now on is posted to it. What it missed comes by a replay."]
        return Preview(says=says, verb="Switch it on")

    def perform(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Done:
        endpoints.switch(subject, on=not subject.enabled)
        state = "off" if subject.enabled else "on"
        return Done(f"Switched {state}.", [LoggedChange(subject, f"Switched {state}.")])


class OverlapForm(forms.Form):
    hours = forms.IntegerField(
        min_value=0,
        max_value=24 * 30,
        initial=24,
        label="The old secret signs as well for (hours)",
        help_text="Time to give the receiver the new one. 0 ends the old one now.",
    )


class RotateSecret(EndpointAction):
    name = "rotate-secret"
    route = "console/outbound/<int:pk>/rotate/"
    title = "New secret"
    permission = CHANGE_ENDPOINT
    inputs = OverlapForm
    binding = True
    verb = "Make the new secret"
    once_template = "dashboard/outbound/secret.html"

    def initial(self, subject: Endpoint) -> dict[str, Any]:
        return {"hours": 24}

    def preview(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Preview:
        hours = given.get("hours", 24)
        when = f"for {some(hours, 'hour')} more" if hours else "no more: who verifies with it takes nothing"
        return Preview(says=[f"Makes a new secret for {subject}. The one of now signs {when}."])

    def perform(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Done:
        secret = endpoints.rotate(subject, overlap=timedelta(hours=given["hours"]), now=now)
        rotated = LoggedChange(subject, f"Rotated its secret, {given['hours']} h overlap.")
        return with_secret(subject, secret, "Give it to the receiver.", rotated)


class RevealSecret(EndpointAction):
    name = "reveal-secret"
    route = "console/outbound/<int:pk>/secret/"
    title = "Show the secret"
    permission = REVEAL
    verb = "Show it"
    once_template = "dashboard/outbound/secret.html"

    def preview(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=["Shows the secret that signs what is posted. That you looked is written to the audit log."]
        )

    def perform(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Done:
        try:
            secret = endpoints.secrets_of(subject, now)[0]
        except SealedError as error:
            raise ActionError("SECRET_KEY was changed since it was made: make a new secret.") from error
        looked = LoggedChange(subject, "Looked at its secret.")
        return with_secret(subject, secret, "This signs what is posted.", looked)


class SendTest(EndpointAction):
    name = "test-endpoint"
    route = "console/outbound/<int:pk>/test/"
    title = "Send a test"
    permission = REPLAY
    verb = "Send it"

    def preview(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[f"Posts an event of the type test to {subject.host}, within a minute. Its attempt is listed below."]
        )

    def perform(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Done:
        replaying.test(subject, now)
        return Done("The test is on its way: it is posted within a minute.", [LoggedChange(subject, "Sent a test.")])


class SinceForm(forms.Form):
    since = NewYorkTimeField(label="Since (New York)", help_text="By when it was told, not by when it happened.")


class ReplayEvents(EndpointAction):
    name = "replay-events"
    route = "console/outbound/<int:pk>/replay/"
    title = "Replay"
    permission = REPLAY
    inputs = SinceForm
    binding = True
    verb = "Send again"

    def initial(self, subject: Endpoint) -> dict[str, Any]:
        return {}

    def preview(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Preview:
        since = given.get("since")
        if since is None:
            return Preview(says=["Say since when: then you see how many events would be sent again."], asks=True)
        try:
            counts = replaying.counted(subject, since)
        except replaying.TooManyError as error:
            return Preview(problem=str(error))
        if not counts:
            return Preview(problem=f"Nothing that {subject} asks for was told since {wall(since)}.")
        return Preview(
            says=[
                f"Sends {some(counts.total(), 'event')} again, in their order and under the ids that they had: a"
                " receiver that keeps ids takes none twice."
            ],
            columns=("Event", "How many"),
            rows=sorted(counts.items()),
            warnings=[] if subject.enabled else ["It is switched off: switch it on first, else these are given up."],
        )

    def perform(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Done:
        try:
            count = replaying.replay(subject, given["since"], now)
        except replaying.TooManyError as error:
            raise ActionError(str(error)) from error
        says = f"Replayed {some(count, 'event')} since {wall(given['since'])}."
        level = messages.SUCCESS if count else messages.WARNING
        return Done(f"{says} They are posted from the next minute on.", [LoggedChange(subject, says)], level=level)


class RemoveEndpoint(EndpointAction):
    name = "remove-endpoint"
    route = "console/outbound/<int:pk>/remove/"
    title = "Remove an endpoint"
    permission = REMOVE_ENDPOINT
    inputs = NoInputs
    verb = "Remove it"
    danger = True

    def preview(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=["Nothing more is posted to it, and its log of attempts goes with it. It cannot come back."]
        )

    def perform(self, subject: Endpoint, given: dict[str, Any], now: datetime) -> Done:
        key = subject.pk
        endpoints.remove(subject)
        subject.pk = key  # for the audit log
        return Done(f"Removed {subject}.", [LoggedChange(subject, "Removed.", gone=True)], address("outbound"))
