"""The one way in and out, for people who are staff and people who are not."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LogoutView, PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse_lazy
from unfold.forms import AdminOwnPasswordChangeForm
from unfold.forms import AuthenticationForm as AdminAuthenticationForm

from .actions import LoggedChange, log
from .devices import keep
from .page import shell, to_login


class LoginForm(AdminAuthenticationForm):
    """The admin's form, for every active account: what each may see is a matter of permissions."""

    def clean_username(self) -> str:
        """A name that no account can have is a wrong one: nobody is asked about it, and nothing could count it."""
        name: str = self.cleaned_data["username"]
        if len(name) > (User._meta.get_field("username").max_length or 0):
            raise self.get_invalid_login_error()
        return name

    def confirm_login_allowed(self, user: User) -> None:
        AuthenticationForm.confirm_login_allowed(self, user)


class PasswordChange(PasswordChangeView):
    template_name = "dashboard/password.html"
    form_class = AdminOwnPasswordChangeForm
    success_url = reverse_lazy("console:overview")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_login(request)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        keep(type(self), self.request, form.user)
        log(form.user, [LoggedChange(form.user, "Changed the own password.")])
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | shell(self.request) | {"title": "Change password"}


urlpatterns = [
    path("account/logout/", LogoutView.as_view(next_page="admin:login"), name="logout"),
    path("account/password/", PasswordChange.as_view(), name="password"),
]
