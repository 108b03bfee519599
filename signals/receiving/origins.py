"""Where alerts may come from: from which addresses, and with whose certificate. Nothing is asked unless it is set.

Both go with the token, never instead of it: TradingView's addresses and its certificate are shared by all its users.
What this machine itself sends is not asked, and neither is a source that takes alerts from `any` address.
"""

from django.conf import settings
from django.http import HttpRequest

from signals.models import Source
from signals.networks import ANY, holds, listed

from .certificates import is_one_of
from .refusals import Cause
from .senders import FORWARDING, client_address, forwarded_for, is_loopback


def fault_of(request: HttpRequest, source: Source | None) -> Cause | None:
    """Why this request may not send to the source; None if it may. Of a source not known yet only the certificate."""
    if is_local(request) or (source and takes_any(source)):
        return None
    if settings.CLIENT_CERT_HEADER and not is_certified(request):
        return Cause.CERTIFICATE
    return Cause.ADDRESS if source and not may_send_from(client_address(request), source) else None


def may_send_from(address: str, source: Source) -> bool:
    """A list of the source's own counts instead of the installation's."""
    entries = listed(source.addresses) or tuple(settings.WEBHOOK_ADDRESSES)
    return not entries or is_loopback(address) or holds(entries, address)


def takes_any(source: Source) -> bool:
    return ANY in source.addresses.lower()


def is_certified(request: HttpRequest) -> bool:
    """Only a proxy that is counted is believed: from anybody else the header is whatever he wrote."""
    if not settings.TRUSTED_PROXIES or len(forwarded_for(request)) < settings.TRUSTED_PROXIES:
        return False
    name = f"HTTP_{settings.CLIENT_CERT_HEADER.upper().replace('-', '_')}"
    return is_one_of(str(request.META.get(name, "")), settings.CLIENT_CERT_NAMES)


def is_local(request: HttpRequest) -> bool:
    """Whether a program of this machine made the request, and no proxy has passed it on."""
    return not FORWARDING & request.META.keys() and is_loopback(client_address(request))
