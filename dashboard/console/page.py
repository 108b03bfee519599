"""What every page of the console shares: who may see it, the admin's frame around it, and its live fragment."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.functional import cached_property
from django.views.generic import TemplateView

from dashboard.models import Preference
from dashboard.telling.addresses import address
from dashboard.telling.reader import reading_in

from .personal import preference, views_of, zone_of
from .roles import SEE
from .simulated import simulated

PAGES: "list[type[Page]]" = []
"""Every page, once its module is imported, which `urls` does."""


class Page(TemplateView):
    """A page: subclasses name it, say who may see it, and give its `content`. One that has a `route` is registered.

    With `fragment`, the template of the part that changes, the page keeps itself up to date: HTMX asks for the same
    address every few seconds and is answered with that part alone.
    """

    name = ""  # of its address, in the namespace `console`
    route = ""
    title = ""
    icon = ""  # a Material symbol; pages that have one stand in the navigation,
    place = 0  # in the order of their places, which tell the heading, too (`navigation.HEADINGS`)
    key = ""  # typed after g, it leads there
    permission = SEE
    fragment = ""
    every = 5  # seconds
    keeps_views = False  # whether what its address asks for can be kept under a name

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "route" in vars(cls):
            PAGES.append(cls)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_login(request)
        if not request.user.has_perms([SEE, self.permission]):
            return refusal(request, self.title)
        with reading_in(zone_of(request, self.preference)):
            response = super().dispatch(request, *args, **kwargs)
            if isinstance(response, TemplateResponse):
                response.render()  # now, while it is known in which zone
        patch_vary_headers(response, ["HX-Request"])
        add_never_cache_headers(response)
        return response

    def content(self, now: datetime) -> dict[str, Any]:
        """What the templates of the page show. `self.request` and `self.kwargs` say what is asked for."""
        return {}

    @cached_property
    def preference(self) -> Preference:
        """What this person has chosen."""
        return preference(self.request.user)

    def keys(self) -> list[tuple[str, str, str]]:
        """Which key leads to which page that this person may see, with its title; none where they are turned off."""
        if not self.preference.shortcuts:
            return []
        seen = (page for page in PAGES if page.key and self.request.user.has_perms([SEE, page.permission]))
        return [(page.key, page.title, address(page.name)) for page in sorted(seen, key=lambda page: page.place)]

    @property
    def alone(self) -> bool:
        """Whether only the fragment is asked for."""
        return bool(self.fragment) and self.request.headers.get("HX-Request") == "true"

    def get_template_names(self) -> list[str]:
        return [self.fragment] if self.alone else super().get_template_names()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = timezone.now()
        frame = {} if self.alone else shell(self.request) | {"keys": self.keys()}
        if self.keeps_views and not self.alone:
            frame["views"] = views_of(self.request, self.name)
        return (
            super().get_context_data(**kwargs)
            | frame
            | {"title": self.title, "page": self, "now": now}
            | (self.content(now))
        )


def shell(request: HttpRequest) -> dict[str, Any]:
    """What the frame around a page needs: the admin's own, also for people who may not enter the admin."""
    frame = admin.site.each_context(request)
    if not frame["sidebar_navigation"]:
        del frame["sidebar_navigation"]  # the admin hides its own from them; the context processor has it
    return frame | {"has_permission": True, "is_fullwidth": "1", "now": timezone.now(), "simulated": simulated()}


def to_login(request: HttpRequest) -> HttpResponse:
    """To the login and back. HTMX is told to leave the page: it would put the login into the fragment."""
    answer = redirect_to_login(request.get_full_path())
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": answer["Location"]})
    return answer


def refusal(request: HttpRequest, wanted: str) -> HttpResponse:
    """The page that says who could let this person in."""
    context = shell(request) | {"title": "Not allowed", "wanted": wanted, "account": request.user.get_username()}
    return render(request, "dashboard/refused.html", context, status=403)


def picked(request: HttpRequest, most: int) -> list[int]:
    """The keys of what was ticked in a list (`?pick=1&pick=2`), at most so many; what is no key is left out."""
    return [int(key) for key in request.GET.getlist("pick") if key.isdecimal() and len(key) < 19][:most]
