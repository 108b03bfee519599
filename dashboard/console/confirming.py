"""Signing in with a second factor: who has only typed a password is nobody yet, wherever he goes.

That is the one gate, for console, admin and API alike. It is no check that a page could forget: the request of a
session that is not confirmed has nobody in it (`request.user`). Who he would be stands in `half_signed_in`, for the
pages here.
"""

import json
from collections.abc import Callable
from secrets import token_urlsafe
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.urls import path
from django.utils import timezone
from django.views.generic import FormView

from dashboard import passkeys
from dashboard import second_factor as factors
from dashboard.models import Passkey
from dashboard.outbox.sealing import SealedError, seal, unseal
from dashboard.passkeys import Site
from dashboard.second_factor import Outcome
from dashboard.telling.addresses import address

from .actions import LoggedChange, log
from .page import shell, to_login

MARK = "second_factor"  # in a session: the factor that it was confirmed with
OFFERED = "offered_factor"  # in a session: the sealed secret of a factor that is being set up
CHALLENGE = "passkey_challenge"  # in a session: what a passkey has to answer
UNPROVED = "This passkey did not confirm it. Try again, or use another way."
SAYS = {
    Outcome.WRONG: "This code is wrong, or was used already. Wait for the next one.",
    Outcome.HELD: "Too many wrong codes: wait a while (15 minutes at most), or take a recovery code.",
}


class SecondSteps:
    """Middleware: nobody is in a request whose session waits for a code. The login leads such a browser on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and (person := unconfirmed(request)) is not None:
            set_aside(request, person)
            if request.method in {"GET", "HEAD"} and request.path == resolve_url(settings.LOGIN_URL):
                query = request.GET.urlencode()
                return redirect(address("code") + (f"?{query}" if query else ""))
        return self.get_response(request)


def unconfirmed(request: HttpRequest) -> User | None:
    """Whose session this is, while it takes a second factor that it has not had."""
    person = request.user
    if not isinstance(person, User):
        return None
    factor = getattr(person, "second_factor", None)  # read with the account (dashboard/people.py)
    if factor is None:
        return person if factors.required_of(person) else None
    return None if request.session.get(MARK) == factor.pk else person


def set_aside(request: HttpRequest, person: User) -> None:
    async def nobody() -> AnonymousUser:
        return AnonymousUser()

    request.user = AnonymousUser()
    request.auser = nobody
    request.half_signed_in = person  # type: ignore[attr-defined]


def person_in(request: HttpRequest) -> User | None:
    """Who is signed in, or would be after a code."""
    half: User | None = getattr(request, "half_signed_in", None)
    return half or (request.user if isinstance(request.user, User) else None)


def mark(request: HttpRequest, person: User) -> None:
    """This session is confirmed. It gets another key, so that one which was seen before opens nothing."""
    factor = factors.factor_of(person)
    assert factor is not None
    request.session[MARK] = factor.pk
    request.session.cycle_key()


class CodeForm(forms.Form):
    code = forms.CharField(
        required=False,  # a passkey may stand for it
        max_length=40,
        label="Code",
        help_text="Six digits from your authenticator app, or a recovery code.",
        widget=forms.TextInput({"autocomplete": "one-time-code", "autofocus": True}),
    )


class PasswordForm(forms.Form):
    password = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )


class EnrolForm(PasswordForm):
    code = forms.CharField(
        max_length=40, label="Code that the app shows", widget=forms.TextInput({"autocomplete": "one-time-code"})
    )


class ForPerson(RedirectURLMixin, FormView):  # type: ignore[type-arg] # no generic at run time
    """A page for somebody who is signed in, or half."""

    person: User
    next_page = "console:overview"
    title = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        person = person_in(request)
        if person is None:
            return to_login(request)
        self.person = person
        answer = self.elsewhere() or super().dispatch(request, *args, **kwargs)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def elsewhere(self) -> HttpResponseBase | None:
        """Where this person has to go instead."""
        return None

    def following(self, name: str) -> HttpResponseRedirect:
        query = self.request.GET.urlencode()
        return HttpResponseRedirect(address(name) + (f"?{query}" if query else ""))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        # Without the theme's way back to the site, which is none before a code.
        frame = shell(self.request) | {"title": self.title, "person": self.person, "site_url": ""}
        return super().get_context_data(**kwargs) | frame | {"next_url": self.get_redirect_url()}

    def site(self) -> Site | None:
        return passkeys.site_of(self.request)

    def challenge(self) -> str:
        """The same until it is answered, so that other tabs do not spoil it."""
        challenge: str = self.request.session.setdefault(CHALLENGE, token_urlsafe(32))
        return challenge

    def asked(self) -> str:
        """What the browser asks this person's passkeys; empty where there is none for this site."""
        if not passkeys.passkeys_of(self.person, self.site()):
            return ""
        return json.dumps(passkeys.to_answer(self.site(), self.person, self.challenge()))

    def judge(self, form: Any) -> Outcome:
        """The outcome of the form's code or passkey; a failure becomes its error. No address is counted: others may
        share it."""
        code, answer, now = form.cleaned_data["code"], self.request.POST.get("passkey", ""), timezone.now()
        if code:
            outcome = factors.confirm(self.person, code, now)
        elif answer:
            outcome = passkeys.confirm(self.person, answer, self.site(), self.request.session.pop(CHALLENGE, ""), now)
        else:
            form.add_error("code", "Type a code.")
            return Outcome.WRONG
        if outcome in SAYS:
            form.add_error("code", SAYS[outcome] if code else UNPROVED)
        if outcome is Outcome.RECOVERED:
            note(self.person, "Signed or confirmed with a recovery code.")
        return outcome

    def knows_password(self, form: Any) -> bool:
        """Through the backends, which count: who found a browser open must not try passwords here."""
        name = self.person.get_username()
        if authenticate(self.request, username=name, password=form.cleaned_data["password"]) == self.person:
            return True
        form.add_error("password", "That is not your password.")
        return False


class Code(ForPerson):
    """The second step of a sign-in."""

    template_name = "dashboard/confirming/code.html"
    form_class = CodeForm
    title = "Confirm it is you"

    def elsewhere(self) -> HttpResponseBase | None:
        if not hasattr(self.request, "half_signed_in"):
            return HttpResponseRedirect(self.get_success_url())
        return self.following("second-factor") if factors.factor_of(self.person) is None else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"asked": self.asked()}

    def form_valid(self, form: Any) -> HttpResponse:
        if self.judge(form) in SAYS:
            return self.form_invalid(form)
        mark(self.request, self.person)
        return super().form_valid(form)


class SetUp(ForPerson):
    """A QR code for the app; a code and the password turn the factor on. Who has an app goes on to `Manage`."""

    template_name = "dashboard/confirming/set_up.html"
    form_class = EnrolForm
    title = "Set up a second factor"

    def elsewhere(self) -> HttpResponseBase | None:
        factor = factors.factor_of(self.person)
        if factor is None:
            return None
        if hasattr(self.request, "half_signed_in"):
            return self.following("code")
        return self.following("own-factor") if factor.sealed else None

    def offered(self) -> str:
        """The same until it is taken, so that a typing error costs no new scan."""
        try:
            return unseal(self.request.session[OFFERED])
        except (KeyError, SealedError):
            secret = factors.new_secret()
            self.request.session[OFFERED] = seal(secret)
            return secret

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        secret = self.offered()
        picture = segno.make(factors.provisioning_uri(secret, self.person.get_username()), error="m")
        shown = {"qr": picture.svg_data_uri(scale=5, light="#fff"), "typed": factors.typed_secret(secret)}
        about = {"required": factors.required_of(self.person), "factor": factors.factor_of(self.person)}
        return super().get_context_data(**kwargs) | shown | about | {"site": self.site()}

    def form_valid(self, form: Any) -> HttpResponse:
        if not self.knows_password(form):
            return self.form_invalid(form)
        codes = factors.enrol(self.person, self.offered(), form.cleaned_data["code"], timezone.now())
        if codes is None:
            form.add_error("code", "This code does not fit: is the phone's clock right, and is it this account's code?")
            return self.form_invalid(form)
        del self.request.session[OFFERED]
        mark(self.request, self.person)
        note(self.person, "Set up a second factor.")
        return once(self, codes)


class Manage(ForPerson):
    """One's own second factor: passkeys, recovery codes, no app or none of it any more. A code or passkey confirms."""

    template_name = "dashboard/confirming/manage.html"
    form_class = CodeForm
    title = "Second factor"

    def elsewhere(self) -> HttpResponseBase | None:
        half = hasattr(self.request, "half_signed_in")
        return self.following("second-factor") if half or factors.factor_of(self.person) is None else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        factor = factors.factor_of(self.person)
        about = {"factor": factor, "required": factors.required_of(self.person), "site": self.site()}
        held = {"passkeys": Passkey.objects.filter(factor=factor), "asked": self.asked()}
        return super().get_context_data(**kwargs) | about | held

    def form_valid(self, form: Any) -> HttpResponse:
        removes = "remove" in self.request.POST
        if removes and factors.required_of(self.person):
            form.add_error(None, "Your account must have one. For another phone, have it reset by whoever runs this.")
            return self.form_invalid(form)
        if self.judge(form) in SAYS:
            return self.form_invalid(form)
        if "app" in self.request.POST:
            return self.without_app(form)
        if not removes:
            note(self.person, "Made new recovery codes.")
            return once(self, factors.renew_codes(self.person))
        factors.remove(self.person)
        note(self.person, "Removed the second factor.")
        messages.success(self.request, "Signing in takes the password alone now.")
        return super().form_valid(form)

    def without_app(self, form: Any) -> HttpResponse:
        if not factors.give_up_app(self.person):
            form.add_error(None, "There is no app, or no passkey that would be left.")
            return self.form_invalid(form)
        note(self.person, "Removed the authenticator app: passkeys are asked for.")
        messages.success(self.request, "Signing in takes a passkey beside the password now.")
        return self.following("own-factor")


def once(view: ForPerson, codes: list[str]) -> HttpResponse:
    """The recovery codes, in this one answer."""
    frame = shell(view.request) | {"title": "Recovery codes", "codes": codes, "next": view.get_success_url()}
    return render(view.request, "dashboard/confirming/codes.html", frame)


def note(person: User, says: str) -> None:
    log(person, [LoggedChange(person, says)])


urlpatterns = [
    path("account/code/", Code.as_view(), name="code"),
    path("account/second-factor/", SetUp.as_view(), name="second-factor"),
    path("account/second-factor/own/", Manage.as_view(), name="own-factor"),
]
