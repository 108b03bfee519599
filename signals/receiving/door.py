"""The first middleware: alerts go straight to the webhook, and what is refused at the door goes on the books.

The webhook has no use for hosts, sessions, forms or accounts, so nothing that judges those may cost an alert.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from rest_framework.response import Response

from . import refusals
from .refusals import BY_STATUS, Cause
from .together import take_together
from .webhook import respond

# What people paste, and what they mistype.
NEAR_WEBHOOK = re.compile(r"(?i)^/*(?:$|api/*$|webhook|(?:api/+)?automated-?_?signals)")
DECIDED = "signalsync.decided"
"""Of a request's environment: the Reply to it, where it was taken in with others."""
Handler = Callable[[HttpRequest], HttpResponseBase]


class Door:
    """Middleware; comes after what sets headers on every answer, and before everything else."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match = match_of(request)
        if match is not None and is_webhook(match):
            response = to_webhook(request, match)
            keep(request, response, refusals.cause_of(request, response.status_code))
            return response
        near = match is None or not request.path_info.strip("/")
        response = (near and misdirected(request)) or self.get_response(request)
        keep(request, response, cause_of(request, response, match))
        return response


def match_of(request: HttpRequest) -> ResolverMatch | None:
    try:
        return resolve(request.path_info)
    except Resolver404:
        return None


def is_webhook(match: ResolverMatch) -> bool:
    return match.url_name == "webhook"


def answered(environs: Sequence[dict[str, Any]]) -> list[HttpResponseBase | None]:
    """The answers to requests (WSGI environments), of which the alerts are taken in together; None to what is none.

    An alert meets the middleware before the door, as ever, and nothing behind it: to be routed through all that a page
    needs costs as much as to store it.
    """
    requests = [WSGIRequest(environ) for environ in environs]
    alerts = [request for request in requests if is_alert(request)]
    if len(alerts) > 1:
        for request, reply in zip(alerts, take_together(alerts), strict=True):
            request.META[DECIDED] = reply
    return [before_the_door()(request) if request in alerts else None for request in requests]


def is_alert(request: HttpRequest) -> bool:
    match = match_of(request) if request.method == "POST" else None
    request.resolver_match = match
    return match is not None and is_webhook(match)


@cache
def before_the_door() -> Handler:
    """The middleware before the door, and behind it what becomes of an alert."""
    handler: Handler = decided
    for name in reversed(settings.MIDDLEWARE[: settings.MIDDLEWARE.index(f"{__name__}.{Door.__name__}")]):
        handler = import_string(name)(handler)
    return handler


def decided(request: HttpRequest) -> HttpResponseBase:
    reply = request.META.get(DECIDED) or take_together([request])[0]
    response = respond(reply)
    keep(request, response, refusals.cause_of(request, response.status_code))
    return response


def to_webhook(request: HttpRequest, match: ResolverMatch) -> HttpResponseBase:
    request.resolver_match = match
    response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    return response.render() if isinstance(response, Response) else response


def misdirected(request: HttpRequest) -> HttpResponse | None:
    """What an alert hears that was posted near the webhook's address, as to the base address."""
    if request.method != "POST" or not NEAR_WEBHOOK.match(request.path_info):
        return None
    detail = (
        f"Alerts go to {settings.PUBLIC_URL}{reverse('webhook')}/<token>, the address that the console shows for your"
        " source. Nothing was stored."
    )
    return JsonResponse({"status": "refused", "detail": detail}, status=404)


def cause_of(request: HttpRequest, response: HttpResponseBase, match: ResolverMatch | None) -> Cause | None:
    """Why something that may have been an alert was refused; None for what was not, or was none."""
    posted = request.method == "POST"
    if response.status_code == 400 and not host_is_allowed(request):
        return Cause.HOST if posted else None
    if posted and response.status_code == 404 and (match is None or not request.path_info.strip("/")):
        return Cause.PATH
    if request.path_info.startswith("/api/") and response.status_code in (405, 413):
        return BY_STATUS[response.status_code]
    return None


def host_is_allowed(request: HttpRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True


def keep(request: HttpRequest, response: HttpResponseBase, cause: Cause | None) -> None:
    if cause is not None:
        refusals.note(request, cause, response.status_code, now=timezone.now())
