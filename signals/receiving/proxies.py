"""A proxy that TRUSTED_PROXIES does not count: all its senders seem to be one address, and share its limits.

What shows it is noted in one small file, for the doctor, the overview and the next start to tell.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from .senders import FORWARDING

NOTED_EVERY = timedelta(minutes=10)
NOTED_FOR = timedelta(days=7)
"""So long after it was last seen, a proxy is taken to be gone."""


class UncountedProxies:
    """Middleware: notes a request that a proxy forwarded while none is counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.TRUSTED_PROXIES and (headers := FORWARDING & request.META.keys()):
            note(str(request.META.get("REMOTE_ADDR", "")), headers, timezone.now())
        return self.get_response(request)


def note(peer: str, headers: frozenset[str], now: datetime) -> None:
    """Write down who forwarded, at most once in NOTED_EVERY. A disk that is full must not cost the request."""
    if not near(peer) or ((seen := noted_at()) is not None and now - seen < NOTED_EVERY):
        return
    names = ", ".join(sorted(name.removeprefix("HTTP_").replace("_", "-").title() for name in headers))
    try:
        Path(settings.PROXY_NOTE).write_text(f"{peer or 'a Unix socket'} ({names})\n")
    except OSError:
        return


def near(peer: str) -> bool:
    """Whether the peer stands on this machine or in a private network, as our proxies do.

    From elsewhere anybody can send such headers; they prove nothing.
    """
    try:
        return ip_address(peer).is_private
    except ValueError:  # a Unix socket
        return True


def noted_at() -> datetime | None:
    try:
        return datetime.fromtimestamp(Path(settings.PROXY_NOTE).stat().st_mtime, UTC)
    except OSError:
        return None


def uncounted(now: datetime) -> str:
    """The proxy that was seen and is not counted, with its headers; "" where there is none."""
    seen = noted_at()
    if settings.TRUSTED_PROXIES or seen is None or now - seen > NOTED_FOR:
        return ""
    try:
        return Path(settings.PROXY_NOTE).read_text(errors="replace").strip()[:300]
    except OSError:
        return ""
