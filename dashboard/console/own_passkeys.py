"""Adding a passkey and removing one. Each takes the password; the first may be all of the second factor."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils import timezone
from django.utils.functional import cached_property

from dashboard import passkeys
from dashboard import second_factor as factors
from dashboard.models import Passkey

from .confirming import CHALLENGE, ForPerson, PasswordForm, mark, note, once

NOT_MADE = "The browser made no passkey for this page. Try again."


class PasskeyForm(PasswordForm):
    name = forms.CharField(
        max_length=64,
        help_text="Which device holds it, as: phone, laptop, blue key.",
        widget=forms.TextInput({"autocomplete": "off"}),  # it is nobody's user name, which stands beside a password
    )


class Add(ForPerson):
    """The browser makes a passkey; the password and a name keep it."""

    template_name = "dashboard/confirming/add_passkey.html"
    form_class = PasskeyForm
    title = "Add a passkey"

    def elsewhere(self) -> HttpResponseBase | None:
        has_one = factors.factor_of(self.person) is not None
        return self.following("code") if has_one and hasattr(self.request, "half_signed_in") else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = self.site()
        made = passkeys.to_make(site, self.person, self.challenge()) if site else None
        about = {"required": factors.required_of(self.person), "factor": factors.factor_of(self.person)}
        return super().get_context_data(**kwargs) | about | {"asked": json.dumps(made) if made else ""}

    def form_valid(self, form: Any) -> HttpResponse:
        if not self.knows_password(form):
            return self.form_invalid(form)
        site, now, challenge = self.site(), timezone.now(), self.request.session.pop(CHALLENGE, "")
        made = passkeys.made(self.request.POST.get("passkey", ""), site, challenge) if site else None
        name = form.cleaned_data["name"]
        codes = passkeys.add(self.person, name, made, site, now) if site and made else None
        if codes is None:
            form.add_error(None, NOT_MADE)
            return self.form_invalid(form)
        note(self.person, f"Added the passkey {name}.")
        if codes:
            mark(self.request, self.person)
            return once(self, codes)
        messages.success(self.request, f"{name} can confirm that it is you now.")
        return self.following("own-factor")


class Remove(ForPerson):
    """One's own passkey, which opens nothing from then on."""

    template_name = "dashboard/confirming/remove_passkey.html"
    form_class = PasswordForm
    title = "Remove a passkey"

    @cached_property
    def passkey(self) -> Passkey | None:
        return Passkey.objects.filter(factor__user=self.person, pk=self.kwargs["passkey"]).first()

    def elsewhere(self) -> HttpResponseBase | None:
        half = hasattr(self.request, "half_signed_in")
        return self.following("own-factor") if half or self.passkey is None else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"passkey": self.passkey}

    def form_valid(self, form: Any) -> HttpResponse:
        if not self.knows_password(form):
            return self.form_invalid(form)
        assert self.passkey is not None
        if not passkeys.remove(self.passkey):
            form.add_error(None, "It is the last one, and there is no app: set one up, or add another passkey before.")
            return self.form_invalid(form)
        note(self.person, f"Removed the passkey {self.passkey.name}.")
        messages.success(self.request, f"{self.passkey.name} opens nothing any more.")
        return self.following("own-factor")


urlpatterns = [
    path("account/passkeys/add/", Add.as_view(), name="add-passkey"),
    path("account/passkeys/<int:passkey>/remove/", Remove.as_view(), name="remove-passkey"),
]
