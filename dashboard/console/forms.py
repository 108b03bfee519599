"""Inputs that several actions ask for: a reason, tiers, a time of New York."""

from datetime import datetime
from typing import Any

from django import forms

from reconciliation.tiers.table import PROPOSE, choices
from signals.clock import NEW_YORK, instant, local


class TiersForm(forms.Form):
    tiers = forms.MultipleChoiceField(
        required=False,
        choices=choices(PROPOSE),
        widget=forms.CheckboxSelectMultiple,
        label="Ask only these tiers",
        help_text="None ticked: all of them, in order of trust.",
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(label="Why", max_length=500, help_text="Kept in the audit log, with your name.")


class NoteForm(forms.Form):
    reason = forms.CharField(
        label="Why", max_length=500, required=False, help_text="If you like. Kept in the audit log, with your name."
    )


class NewYorkTimeField(forms.DateTimeField):
    """A wall clock time of the market's zone, as the console shows them; cleaned to UTC."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def prepare_value(self, value: Any) -> Any:
        return local(value, NEW_YORK) if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> datetime | None:
        given = super().to_python(value)
        try:
            return None if given is None else instant(given.replace(tzinfo=None), NEW_YORK)
        except OverflowError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error
