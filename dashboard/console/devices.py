"""Devices that somebody has signed in with: strangers' wrong passwords do not lock them out.

A sign-in leaves a signed cookie for this account and password. While it is there, wrong passwords are counted for the
account and this device, and no longer for the account and an address that strangers may share (axes' usual count).
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.crypto import constant_time_compare, salted_hmac

COOKIE = "signalsync_device"
SALT = "dashboard.console.devices"
KNOWN_FOR = timedelta(days=180)
AGENT = "signalsync-device/"
"""What axes stores as the user agent of a known device, before the device's name. Nobody else may call himself so."""


class KnownDevices:
    """Middleware: recognizes a device that signs in, and remembers one that has."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if str(request.META.get("HTTP_USER_AGENT", "")).startswith(AGENT):
            request.META["HTTP_USER_AGENT"] = ""
        if COOKIE in request.COOKIES and request.method == "POST" and request.path == resolve_url(settings.LOGIN_URL):
            recognize(request)
        response = self.get_response(request)
        if (user := getattr(request, "device_of", None)) is not None:
            remember(response, user, getattr(request, "known_device", ""))
        return response


def recognize(request: HttpRequest) -> None:
    """Mark the request of a device that is known for the account that it wants to sign in with."""
    device = device_for(request.COOKIES[COOKIE], request.POST.get("username", ""))
    if device:
        request.known_device = device  # type: ignore[attr-defined]
        request.META["HTTP_USER_AGENT"] = AGENT + device


def device_for(cookie: str, username: str) -> str:
    """The device's name, "" when the cookie is not ours, too old, another account's or of an earlier password."""
    try:
        device, key, password = signing.loads(cookie, salt=SALT, max_age=KNOWN_FOR)
    except (signing.BadSignature, TypeError, ValueError):
        return ""
    user = User.objects.filter(username=username, pk=key).first() if "\x00" not in username else None
    return str(device) if user is not None and constant_time_compare(password, of_password(user)) else ""


def of_password(user: User) -> str:
    """Changes with the password, and does not tell it."""
    return salted_hmac(SALT, user.get_session_auth_hash()).hexdigest()[:32]


@receiver(user_logged_in, dispatch_uid=SALT)
def keep(sender: Any, request: HttpRequest | None, user: User, **_: Any) -> None:
    """Have the answer to this request leave the cookie. Call it also when the password has changed."""
    if request is not None:
        request.device_of = user  # type: ignore[attr-defined]


def remember(response: HttpResponse, user: User, device: str) -> None:
    response.set_cookie(
        COOKIE,
        signing.dumps([device or secrets.token_hex(16), user.pk, of_password(user)], salt=SALT),
        max_age=KNOWN_FOR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
        path=resolve_url(settings.LOGIN_URL),
    )


def counted_by(request: Any, credentials: Mapping[str, Any] | None = None) -> list[list[str]]:
    """For axes: what wrong passwords are counted by."""
    return [["username", "user_agent"]] if getattr(request, "known_device", "") else [["username", "ip_address"]]
