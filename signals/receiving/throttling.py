"""Request limits of the webhook and of logins, counted per process by DRF's throttles."""

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied
from django.dispatch import receiver
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


class BadLoginThrottle(Throttle):
    """Failed logins per address, by whatever name: each costs a slow hash, which makes a flood of them cheap."""

    scope = "bad-login"

    def get_rate(self) -> str:
        return str(settings.BAD_LOGIN_RATE)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle:bad-login:{client_address(request)}"

    def is_exhausted(self, request: HttpRequest) -> bool:
        """Whether the address has failed too often; counts nothing."""
        most, seconds = self.parse_rate(self.get_rate())
        if most is None or seconds is None:
            return False
        history: list[float] = self.cache.get(self.get_cache_key(cast(Request, request), cast(APIView, None)), [])
        return sum(moment > self.timer() - seconds for moment in history) >= most


class BadLoginBackend:
    """The first of the authentication backends: refuses before any hash is computed. It knows no users.

    A device that has signed in before is not held up by what others do at its address; axes counts its own failures.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        known = getattr(request, "known_device", "")
        if request is not None and not known and BadLoginThrottle().is_exhausted(request):
            raise PermissionDenied


@receiver(user_login_failed)
def count_bad_login(sender: object, request: HttpRequest | None = None, **more: Any) -> None:
    if request is not None:
        BadLoginThrottle().allows(request)
