"""API tokens: what people's programs present in their name. Each is shown once; administrators see and revoke all."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404

from dashboard.api.tokens import LONGEST, make, revoke, standing
from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page
from dashboard.console.roles import USE_API
from dashboard.models import ApiToken
from dashboard.models.access import ADMINISTER_TOKENS
from dashboard.telling.formats import wall
from signals.storage.paging import BoundedPaginator

ROWS = 50


def visible(person: User) -> QuerySet[ApiToken]:
    """One's own; an administrator's are all."""
    tokens = ApiToken.objects.select_related("user")
    return tokens if person.has_perm(ADMINISTER_TOKENS) else tokens.filter(user=person)


class Tokens(Page):
    name = "api-tokens"
    route = "console/tokens/"
    title = "API tokens"
    icon = "key"
    place = 95
    template_name = "dashboard/tokens/page.html"

    def content(self, now: datetime) -> dict[str, Any]:
        assert isinstance(self.request.user, User)
        rows: Paginator[ApiToken] = BoundedPaginator(visible(self.request.user), ROWS)
        return {
            "rows": rows.get_page(self.request.GET.get("page")),
            "all": self.request.user.has_perm(ADMINISTER_TOKENS),
        }


class TokenForm(forms.Form):
    name = forms.CharField(max_length=64, label="For which program", help_text="You tell your tokens apart by it.")
    scope = forms.ChoiceField(
        choices=ApiToken.Scope.choices,
        help_text="It narrows what you may, and never widens it: take the least that does.",
    )
    days = forms.IntegerField(min_value=1, max_value=LONGEST.days, label="Ends after (days)")


class MakeToken(ActionPage[None]):
    name = "make-api-token"
    route = "console/tokens/make/"
    title = "New API token"
    permission = USE_API
    inputs = TokenForm
    verb = "Make the token"
    back = "api-tokens"
    once_template = "dashboard/tokens/once.html"

    def subject(self) -> None:
        return None

    def initial(self, subject: None) -> dict[str, Any]:
        return {"scope": ApiToken.Scope.VIEWER, "days": 90}

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                "Makes a token that is shown once. A program that presents it acts in your name, and the audit log has"
                " your name: give every program its own, and revoke it when it is lost."
            ]
        )

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        ends = now + timedelta(days=given["days"])
        token, secret = make(self.person, name=given["name"], scope=given["scope"], expires_at=ends, now=now)
        says = f"Made with the scope {token.scope}, until {token.expires_at:%Y-%m-%d %H:%M}Z."
        once = {"token": token, "secret": secret}
        return Done("Copy it now: it cannot be shown again.", [LoggedChange(token, says, made=True)], once=once)


class RevokeApiToken(ActionPage[ApiToken]):
    name = "revoke-api-token"
    route = "console/tokens/<int:pk>/revoke/"
    title = "Revoke an API token"
    permission = USE_API
    verb = "Revoke"
    danger = True
    back = "api-tokens"

    def subject(self) -> ApiToken:
        token = visible(self.person).filter(pk=self.kwargs["pk"]).first()
        if token is None:
            raise Http404("There is no such token among yours.")
        return token

    def preview(self, subject: ApiToken, given: dict[str, Any], now: datetime) -> Preview:
        if not standing(now).filter(pk=subject.pk).exists():
            return Preview(problem="It has ended already.")
        used = f"last used about {wall(subject.last_used_at)}" if subject.last_used_at else "never used"
        return Preview(
            says=[f"{subject} of {subject.user}, {used}. Its program is refused from now on; that cannot be undone."]
        )

    def perform(self, subject: ApiToken, given: dict[str, Any], now: datetime) -> Done:
        if not revoke(subject, by=self.person.get_username(), now=now):
            raise ActionError("It has ended already.")
        return Done("Revoked.", [LoggedChange(subject, f"Revoked the token of {subject.user}.")])
