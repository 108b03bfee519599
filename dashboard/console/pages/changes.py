"""Whether anything has changed, for pages that follow what happens (docs/console.md)."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from dashboard.console.page import Page
from dashboard.watching.changes import version
from signalsync_project.front.following import ALLOWED, CHANGES, event


class Changes(Page):
    """Asked through the front door, which then goes on telling whoever may see pages, without a process of theirs.

    Without the front door this is all that there is: the page is told once, and asks by itself from then on.
    """

    name = "changes"
    route = CHANGES.lstrip("/")
    title = "Changes"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        said = event("once", version())
        return HttpResponse(said, content_type="text/event-stream", headers={ALLOWED: "yes"})
