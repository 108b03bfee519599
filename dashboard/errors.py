"""Errors outside any view."""

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.defaults import server_error as page_of_error

from signalsync_project.problems import problem

from .console.navigation import above


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Below /api/ the answer is JSON, as everything there; elsewhere it is a page."""
    if request.path.startswith("/api/"):
        return problem(404, f"Nothing is at {request.path}. /api/docs lists what there is.")
    link, label = above(request.path)
    return render(request, "404.html", {"says": said(exception), "link": link, "label": label}, status=404)


def said(exception: Exception) -> str:
    """What a page of ours says that is missing; nothing for what Django says of addresses and models."""
    says = exception.args[0] if exception.args else ""
    return says if isinstance(says, str) and not isinstance(exception.__context__, ObjectDoesNotExist) else ""


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Asks nothing of the database, which may be what failed."""
    if request.path.startswith("/api/"):
        return problem(500, "Something failed on the server; its log says what. Try again.")
    return page_of_error(request)
