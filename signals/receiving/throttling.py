"""Request limits of the webhook, counted per process by DRF's throttles."""

from typing import cast

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from .senders import client_address


class Throttle(SimpleRateThrottle):
    """A limit that needs no view: `allows` counts this request."""

    def allows(self, request: HttpRequest) -> bool:
        return bool(self.allow_request(cast(Request, request), cast(APIView, None)))


class BadTokenThrottle(Throttle):
    """Unknown tokens per address: guessing one must be slow."""

    scope = "bad-token"

    def get_rate(self) -> str:
        return str(settings.BAD_TOKEN_RATE)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle:bad-token:{client_address(request)}"


class SourceThrottle(Throttle):
    """Deliveries per source. Off unless WEBHOOK_RATE is set: TradingView does not send a refused alert again."""

    scope = "source"

    def __init__(self, source_name: str) -> None:
        self.source_name = source_name
        super().__init__()

    def get_rate(self) -> str | None:
        return settings.WEBHOOK_RATE or None

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle:source:{self.source_name}"
