"""What people do with sources: make one, change it, give it a new webhook address, revoke one."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.shortcuts import get_object_or_404

from dashboard.console.actions import ActionPage, Done, LoggedChange, Preview
from dashboard.console.forms import NewYorkTimeField
from dashboard.console.roles import ADD_SOURCE, CHANGE_SOURCE
from dashboard.telling.addresses import address
from dashboard.telling.charts import length
from dashboard.telling.formats import new_york, wall
from reconciliation.gaps import CATALOGUE
from reconciliation.tiers.table import choices
from signals.admin.sources import webhook_address
from signals.learning import DAY
from signals.markets import NAMED
from signals.models import Source, SourceToken
from signals.receiving.tokens import revoke, rotate, valid_tokens

USUAL_BARS = (1, 3, 5, 15, 30, 60, 120, 240, DAY)


class SourceForm(forms.Form):
    name = forms.SlugField(max_length=64, help_text="Letters, digits and hyphens: one indicator on one chart.")
    symbol = forms.CharField(
        max_length=32, required=False, help_text="What its prices are prices of; empty: its alerts will tell."
    )
    bar_minutes = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        label="Bars of its chart",
        choices=[("", "Its alerts will tell"), *((minutes, length(minutes)) for minutes in USUAL_BARS)],
    )
    tick_size = forms.DecimalField(
        max_digits=12, decimal_places=6, initial="0.25", validators=Source._meta.get_field("tick_size").validators
    )
    calendar = forms.ChoiceField(
        required=False,
        label="Market",
        choices=[("", "By its symbol"), *NAMED.items()],
        help_text="When it trades. Other calendars are set in the admin.",
    )
    alert_expires_at = NewYorkTimeField(
        required=False,
        validators=Source._meta.get_field("alert_expires_at").validators,
        label="Alert expires (New York)",
        help_text="In New York's time, whatever zone TradingView shows it in; empty for an open-ended alert.",
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Source.objects.filter(name=name).exists():
            raise forms.ValidationError("There is a source of this name. Choose another.")
        return name


class CreateSource(ActionPage[None]):
    name = "create-source"
    route = "console/sources/create/"
    title = "New source"
    permission = ADD_SOURCE
    inputs = SourceForm
    verb = "Create"
    back = "sources"
    once_template = "dashboard/sources/token.html"

    def subject(self) -> None:
        return None

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                "Makes a source with a webhook address of its own, which is shown once. Trade ids are unique within a"
                " source: give every chart that runs the indicator its own."
            ]
        )

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        source = Source.objects.create(**given)
        token = rotate(source, overlap=timedelta(), label=f"made by {self.person.get_username()}", now=now)
        return shown_once(self, source, token, LoggedChange(source, "Created with its first token.", made=True))


class RotateForm(forms.Form):
    hours = forms.IntegerField(
        min_value=0,
        max_value=24 * 30,
        initial=24,
        label="Old addresses stay valid for (hours)",
        help_text="Time to put the new address into the alert in TradingView. 0 ends them now.",
    )


class RotateToken(ActionPage[Source]):
    name = "rotate-token"
    route = "console/sources/<int:pk>/token/"
    title = "New webhook address"
    permission = CHANGE_SOURCE
    inputs = RotateForm
    binding = True
    verb = "Make the new address"
    once_template = "dashboard/sources/token.html"

    def subject(self) -> Source:
        return get_object_or_404(Source, pk=self.kwargs["pk"])

    def heading(self, subject: Source) -> str:
        return f"New webhook address for {subject.name}"

    def initial(self, subject: Source) -> dict[str, Any]:
        return {"hours": 24}

    def back_link(self) -> str:
        return address("source", self.kwargs["pk"])

    def preview(self, subject: Source, given: dict[str, Any], now: datetime) -> Preview:
        hours = given.get("hours", 24)
        old = valid_tokens(subject, now).count()
        says = [f"Makes a new token for {subject.name} and shows its address once."]
        if old:
            when = f"in {hours} hours" if hours else "now: alerts that still use it are refused and lost"
            says.append(f"{old} address{'' if old == 1 else 'es'} of now end{'s' if old == 1 else ''} {when}.")
        return Preview(says=says)

    def perform(self, subject: Source, given: dict[str, Any], now: datetime) -> Done:
        by = f"made by {self.person.get_username()}"
        token = rotate(subject, overlap=timedelta(hours=given["hours"]), label=by, now=now)
        return shown_once(
            self, subject, token, LoggedChange(subject, f"Rotated its token, {given['hours']} h overlap.")
        )


def shown_once(action: ActionPage[Any], source: Source, token: str, change: LoggedChange) -> Done:
    once = {"source": source, "token": token, "address": webhook_address(action.request, token), "public": public()}
    return Done("Copy it now: it cannot be shown again.", [change], address("source", source.pk), once=once)


def public() -> bool:
    """Whether we know the address under which TradingView reaches us."""
    return bool(settings.PUBLIC_URL)


class RevokeToken(ActionPage[SourceToken]):
    name = "revoke-token"
    route = "console/sources/token/<int:pk>/revoke/"
    title = "Revoke an address"
    permission = CHANGE_SOURCE
    verb = "Revoke"
    danger = True

    def subject(self) -> SourceToken:
        return get_object_or_404(SourceToken.objects.select_related("source"), pk=self.kwargs["pk"])

    def back_link(self) -> str:
        return address("source", self.subject().source_id)

    def preview(self, subject: SourceToken, given: dict[str, Any], now: datetime) -> Preview:
        left = valid_tokens(subject.source, now).exclude(pk=subject.pk).count()
        alone = "It is the last one: no webhook of this source will be accepted."
        return Preview(
            says=[f"Alerts that use the address made {wall(subject.created_at)} ({subject.label}) are refused."],
            warnings=[] if left else [alone],
        )

    def perform(self, subject: SourceToken, given: dict[str, Any], now: datetime) -> Done:
        revoke(subject, now=now)
        return Done(
            "Revoked. It is refused within a few seconds.", [LoggedChange(subject.source, f"Revoked {subject}.")]
        )


class SwitchForm(forms.Form):
    alert_expires_at = NewYorkTimeField(
        required=False,
        validators=Source._meta.get_field("alert_expires_at").validators,
        label="Alert expires (New York)",
        help_text="In New York's time, whatever zone TradingView shows it in; empty for an open-ended alert.",
    )
    token_field = forms.CharField(
        max_length=40,
        required=False,
        validators=Source._meta.get_field("token_field").validators,
        label="Field of a message that holds its token",
        help_text="For alerts that have none in their address. Empty: no field does.",
    )
    addresses = forms.CharField(
        max_length=400,
        required=False,
        validators=Source._meta.get_field("addresses").validators,
        label="Addresses that its alerts come from",
        help_text="tradingview stands for TradingView's own, any for all. Empty: as WEBHOOK_ADDRESSES says.",
    )
    update_minutes = forms.IntegerField(min_value=1, max_value=1440, label="Minutes between updates, as expected")
    gaps_off = forms.MultipleChoiceField(
        required=False,
        label="Gaps that it is known not to close (not counted)",
        widget=forms.CheckboxSelectMultiple,
        choices=[(gap.name, gap.title) for gap in CATALOGUE.values()],
    )
    tiers_off = forms.MultipleChoiceField(
        required=False,
        label="Tiers that may not fill for it",
        widget=forms.CheckboxSelectMultiple,
        choices=choices(),
    )


class ChangeSource(ActionPage[Source]):
    """Expiry, rhythm and switches. Name, symbol and clock shape what is stored: they are the admin's."""

    name = "change-source"
    route = "console/sources/<int:pk>/change/"
    title = "Change a source"
    permission = CHANGE_SOURCE
    inputs = SwitchForm
    binding = True
    verb = "Save"

    def subject(self) -> Source:
        return get_object_or_404(Source, pk=self.kwargs["pk"])

    def heading(self, subject: Source) -> str:
        return f"Change {subject.name}"

    def back_link(self) -> str:
        return address("source", self.kwargs["pk"])

    def initial(self, subject: Source) -> dict[str, Any]:
        return {name: getattr(subject, name) for name in SwitchForm.base_fields}

    def preview(self, subject: Source, given: dict[str, Any], now: datetime) -> Preview:
        changed = differences(subject, given)
        if not changed:
            return Preview(says=["Nothing is changed yet. Fills that a tier made stay when it is switched off."])
        rows = [
            (SwitchForm.base_fields[name].label, new_york(as_text(old)), new_york(as_text(new)))
            for name, (old, new) in changed.items()
        ]
        return Preview(columns=("What", "Now", "Then"), rows=rows)

    def perform(self, subject: Source, given: dict[str, Any], now: datetime) -> Done:
        changed = differences(subject, given)
        for name, (_, new) in changed.items():
            setattr(subject, name, new)
        subject.save(update_fields=list(changed))
        says = "; ".join(f"{name}: {as_text(old)} → {as_text(new)}" for name, (old, new) in changed.items())
        return Done("Saved." if changed else "Nothing was changed.", [LoggedChange(subject, says)] if changed else [])


def differences(source: Source, given: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (getattr(source, name), new) for name, new in given.items() if getattr(source, name) != new}


def as_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "none" if value is None else f"{value:%Y-%m-%d %H:%M}Z" if isinstance(value, datetime) else str(value)
