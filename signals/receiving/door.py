"""The first middleware: alerts go straight to the webhook, and what is refused at the door goes on the books.

The webhook has no use for hosts, sessions, forms or accounts, so nothing that judges those may cost an alert.
"""

import re
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.utils import timezone
from rest_framework.response import Response

from . import refusals
from .refusals import BY_STATUS, Cause

# What people paste, and what they mistype.
NEAR_WEBHOOK = re.compile(r"(?i)^/*(?:$|api/*$|webhook|(?:api/+)?automated-?_?signals)")


class Door:
    """Middleware; comes after what sets headers on every answer, and before everything else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match = match_of(request)
        if match is not None and match.url_name == "webhook":
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
