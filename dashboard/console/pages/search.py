"""Search: anything, by what somebody has of it."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard.console.finding import LONGEST, find, only
from dashboard.console.page import Page


class Search(Page):
    """A whole id leads to what it is of, but with `?stay=1`. HTMX gets the list alone, as somebody types."""

    name = "search"
    route = "console/search/"
    title = "Search"
    template_name = "dashboard/search/page.html"

    @property
    def asked(self) -> str:
        return self.request.GET.get("q", "").strip()[:LONGEST]

    @property
    def alone(self) -> bool:
        return self.request.headers.get("HX-Request") == "true"

    def get_template_names(self) -> list[str]:
        return ["dashboard/search/found.html"] if self.alone else [self.template_name]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.groups = find(self.asked)
        there = only(self.groups)
        if there and not self.alone and "stay" not in request.GET:
            return redirect(there)
        return super().get(request, *args, **kwargs)

    def content(self, now: datetime) -> dict[str, Any]:
        return {"asked": self.asked, "groups": self.groups}
