"""Where the console begins."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard.page import Page, address


class Overview(Page):
    name = "overview"
    route = ""
    title = "Overview"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect(address("deliveries"))


PAGES: tuple[type[Page], ...] = (Overview,)
