"""Answers 400, not 500, to what no column, parser or clock can hold: NULs, numbers without end, nesting without end."""

import logging
from collections.abc import Callable

from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import add_never_cache_headers

from .problems import problem

log = logging.getLogger(__name__)
SAYS = "The request holds a value that cannot be: a NUL, or one that is too large, too long or nested too deeply."


class RefuseImpossible:
    """Looks at addresses of the admin before it does, and at what any view fails with when it is a value's fault.

    Pages and API have answers of their own to a NUL: no such signal, a filter that was not understood.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        query = str(request.META.get("QUERY_STRING", ""))
        if request.path_info.startswith("/admin/") and ("\0" in request.path_info or "%00" in query or "\0" in query):
            return refusal(request)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        if not impossible(error):
            return None
        log.warning("%s %s: %s", request.method, request.path, type(error).__name__, exc_info=error)
        return refusal(request)


def impossible(error: Exception) -> bool:
    """Whether it was the value's fault. Of a NUL psycopg2 says, and of a year datetime, that it is a ValueError."""
    return isinstance(error, DataError | OverflowError | RecursionError) or (
        isinstance(error, ValueError) and any(each in str(error) for each in ("NUL (0x00)", "is out of range"))
    )


def refusal(request: HttpRequest) -> HttpResponseBase:
    answer: HttpResponse = (
        problem(400, SAYS)
        if request.path.startswith("/api/")
        else HttpResponse(SAYS, status=400, content_type="text/plain")
    )
    add_never_cache_headers(answer)
    return answer
