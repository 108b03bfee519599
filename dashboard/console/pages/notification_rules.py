"""The rules: of what people are told, beyond which limit, whom, and how often again."""

from datetime import datetime
from typing import Any

from django import forms
from django.http import Http404, HttpRequest

from dashboard.console.actions import ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page
from dashboard.console.roles import NOTIFY
from dashboard.models import Destination, RuleSetting, Severity
from dashboard.notifying.choices import Chosen, chosen, quiet_hours

from .source_actions import as_text


class NotificationRules(Page):
    name = "notification-rules"
    route = "console/notifications/rules/"
    title = "Rules"
    template_name = "dashboard/notifications/rules.html"

    def content(self, now: datetime) -> dict[str, Any]:
        names = dict(Destination.objects.values_list("pk", "name"))
        rules = [(each, sorted(names[key] for key in each.destinations)) for each in chosen().values()]
        return {"rules": rules, "quiet": quiet_hours()}


def destinations() -> list[tuple[str, str]]:
    return [(name, name) for name in Destination.objects.values_list("name", flat=True)]


class RuleForm(forms.Form):
    enabled = forms.BooleanField(required=False, label="Switched on")
    least = forms.ChoiceField(choices=Severity.choices, label="Least severity that is told")
    nag_hours = forms.FloatField(
        min_value=0, max_value=24 * 30, label="Tell again after (hours)", help_text="While nobody sees to it. 0: never."
    )
    escalate_minutes = forms.IntegerField(
        min_value=0, max_value=60 * 24 * 30, label="Escalate after (minutes)",
        help_text="If nobody acknowledged or snoozed it: to the destinations for that, else to all. 0: never.",
    )  # fmt: skip
    simulated = forms.BooleanField(
        required=False,
        label="Tell of invented markets, too",
        help_text="As the demo's. They show in the console anyway.",
    )
    destinations = forms.MultipleChoiceField(
        required=False, choices=destinations, widget=forms.CheckboxSelectMultiple, help_text="None ticked: all."
    )


class LimitedRuleForm(RuleForm):
    limit = forms.FloatField(min_value=0)
    field_order = ("enabled", "limit")


class ChangeRule(ActionPage[Chosen]):
    name = "change-rule"
    route = "console/notifications/rules/<slug:rule>/"
    title = "Change a rule"
    permission = NOTIFY
    inputs = RuleForm
    binding = True
    verb = "Save"
    back = "notification-rules"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        if (found := chosen().get(kwargs["rule"])) and found.rule.limited:
            self.inputs = LimitedRuleForm

    def subject(self) -> Chosen:
        found = chosen().get(self.kwargs["rule"])
        if found is None:
            raise Http404("There is no such rule.")
        return found

    def heading(self, subject: Chosen) -> str:
        return subject.rule.title

    def initial(self, subject: Chosen) -> dict[str, Any]:
        named = Destination.objects.filter(pk__in=subject.destinations).values_list("name", flat=True)
        values: dict[str, Any] = {
            "enabled": subject.enabled,
            "least": subject.least,
            "nag_hours": float(subject.nag_hours),
            "escalate_minutes": subject.escalate_minutes,
            "simulated": subject.simulated,
            "destinations": list(named),
        }
        return values | ({"limit": float(subject.limit)} if subject.rule.limited else {})

    def differences(self, subject: Chosen, given: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        before = self.initial(subject)
        return {name: (before[name], new) for name, new in given.items() if before[name] != new}

    def preview(self, subject: Chosen, given: dict[str, Any], now: datetime) -> Preview:
        changed = self.differences(subject, given)
        counts = [f"The limit is in {subject.rule.limited}."] if subject.rule.limited else []
        if not changed:
            return Preview(says=["Nothing is changed yet.", *counts])
        rows = [
            (self.inputs.base_fields[name].label or name, as_text(old), as_text(new))
            for name, (old, new) in changed.items()
        ]
        return Preview(columns=("What", "Now", "Then"), rows=rows)

    def perform(self, subject: Chosen, given: dict[str, Any], now: datetime) -> Done:
        changed = self.differences(subject, given)
        if not changed:
            return Done("Nothing was changed.")
        names = given.pop("destinations")
        row, _made = RuleSetting.objects.update_or_create(rule=subject.rule.name, defaults=given)
        row.destinations.set(Destination.objects.filter(name__in=names))
        says = "; ".join(f"{name}: {as_text(old)} → {as_text(new)}" for name, (old, new) in changed.items())
        return Done("Saved.", [LoggedChange(row, f"{subject.rule.title}: {says}")])
