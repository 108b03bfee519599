"""What people do from the console: one way for every action.

Permission, then a preview of what it will do, then a POST that says so, then the same function as the command calls,
an entry with the person's name, and a message with the result. Actions on signals are audited by reconciliation
itself; what an action changes besides is named in `Done.changed` and goes to the admin's log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from dashboard.telling.addresses import address

from .page import Page

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do, in words and rows. With a `problem` it cannot be done; that says what to do instead.

    `verb` replaces the action's where it would do something lesser than that promises. What `asks` for inputs offers
    nothing but to look at the preview.
    """

    says: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    warnings: Sequence[str] = ()
    problem: str = ""
    verb: str = ""
    asks: bool = False
    more: Any = None  # what the action's own template shows besides


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One row that an action changed, made or deleted, for the admin's log."""

    row: Model
    says: str
    made: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did. `link` is where to go then, by default back.

    `once` is a secret made by it: the action's `once_template` shows it in the answer itself and it is kept nowhere,
    for messages may be kept in a cookie.
    """

    says: str
    changed: Sequence[LoggedChange] = ()
    link: str = ""
    level: int = messages.SUCCESS
    once: Mapping[str, Any] = field(default_factory=dict)


class ActionError(Exception):
    """It cannot be done (any more). The message says why and what to do."""


class NoInputs(forms.Form):
    """For an action that needs to know nothing but its subject."""


class ActionPage(Page, Generic[S]):
    """GET shows what it will do, POST with `confirm` does it; POST without shows it again for changed inputs.

    The subject is in the address, query included, so that every preview is a link. `inputs` are what the person
    types besides; where they decide what will be done (`binding`), only what was previewed is done.
    """

    template_name = "dashboard/action.html"
    once_template = ""
    inputs: type[forms.Form] = NoInputs
    binding = False
    verb = ""
    danger = False
    back = "overview"

    def subject(self) -> S:
        """What to act on; raises Http404 when it is not there."""
        raise NotImplementedError

    def preview(self, subject: S, given: dict[str, Any], now: datetime) -> Preview:
        raise NotImplementedError

    def perform(self, subject: S, given: dict[str, Any], now: datetime) -> Done:
        """Do it, by the function that the command line calls. Raises ActionError when it cannot be done."""
        raise NotImplementedError

    def initial(self, subject: S) -> dict[str, Any]:
        """What the inputs hold at first."""
        return {}

    def heading(self, subject: S) -> str:
        return self.title

    def back_link(self) -> str:
        return address(self.back)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        subject = self.subject()
        initial = self.initial(subject)
        return self.show(subject, self.inputs(initial=initial), initial)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        subject = self.subject()
        form = self.inputs(request.POST)
        if not form.is_valid() or "confirm" not in request.POST:
            return self.show(subject, form, self.initial(subject) | getattr(form, "cleaned_data", {}))
        if self.binding and request.POST.get("previewed") != digest(form.cleaned_data):
            messages.warning(request, "This was changed since it was previewed. Below is what it would do now.")
            return self.show(subject, form, form.cleaned_data)
        try:
            done = self.perform(subject, form.cleaned_data, timezone.now())
        except ActionError as error:
            messages.error(request, str(error))
            return self.show(subject, form, form.cleaned_data)
        log(self.person, done.changed)
        if done.once:
            context = self.get_context_data(subject=subject, says=done.says, next=done.link or self.back_link())
            return self.response_class(request, self.once_template, context | dict(done.once))
        messages.add_message(request, done.level, done.says)
        return redirect(done.link or self.back_link())

    @property
    def person(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user

    def show(self, subject: S, form: forms.Form, given: dict[str, Any]) -> HttpResponse:
        preview = self.preview(subject, given, timezone.now())
        context = self.get_context_data(subject=subject, form=form, preview=preview, previewed=digest(given))
        context["title"] = self.heading(subject)
        return self.render_to_response(context)


def digest(given: Mapping[str, Any]) -> str:
    """The same for the same inputs, to tell whether they were changed since the preview. A reason changes nothing."""
    answers = sorted((name, str(value)) for name, value in given.items() if name != "reason")
    return blake2b(repr(answers).encode(), digest_size=8).hexdigest()


def log(person: User, changed: Sequence[LoggedChange]) -> None:
    for change in changed:
        LogEntry.objects.log_actions(
            person.pk,
            [change.row],
            ADDITION if change.made else DELETION if change.gone else CHANGE,
            change_message=change.says,
            single_object=True,
        )
