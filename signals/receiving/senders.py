"""Who is sending: tokens, addresses, and the hashes of secrets instead of the secrets."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest

from signals.models import Source, SourceToken

from .masking import mask_tokens

# What proxies add. Any of it means that the address we see is not the sender's.
FORWARDING = frozenset(
    {f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "HOST", "PROTO", "SERVER")}
    | {"HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP"}
)

# What a ticker or a coin may be; a token that we make is longer, and of a broken text nobody knows where it ends.
WORD = re.compile(rb"[\w.:!/-]{1,20}")


def is_word(value: bytes) -> bool:
    """Whether what stands where a token may stand can as well be a ticker, so that only tokens that we know are one."""
    return bool(WORD.fullmatch(value))


# By which names a program on this machine calls it. Who is passed on to us mostly called a public one.
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def hash_token(token: str) -> str:
    """SHA-256 of a token. Tokens are random and long, so that a slow hash would protect nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(source: Source, *, label: str = "", expires_at: datetime | None = None) -> str:
    """Give a source another token and return it: the one moment at which it can be read."""
    token = secrets.token_urlsafe(24)
    SourceToken.objects.create(source=source, token_hash=hash_token(token), label=label, expires_at=expires_at)
    return token


def mask_body(body: bytes) -> tuple[bytes, str]:
    """The body with every token value masked, and the hash of the first one ("" when the body has none).

    Works on the bytes, not on parsed JSON: a body that is broken must not keep its secret either.
    """
    masked, token = mask_tokens(body)
    return masked, hash_token(token.decode(errors="replace")) if token else ""


def credentials(
    request: HttpRequest, token: str, body: bytes, is_token: Callable[[str], bool]
) -> tuple[bytes, str, bool]:
    """The body as it may be kept, the hash of the token that counts ("" without any), and whether loopback counts.

    An address's token goes first, then a body's; only after both counts where the request comes from. Who has another
    right to post may call a ticker "token": a value that is no token of ours is then neither one nor masked.
    """
    masked, found = mask_body(body)
    here = on_loopback(request)
    if not found or not (token or here):
        return masked, hash_token(token) if token else found, here and not (token or found)
    kept, _ = mask_tokens(body, spared=lambda value: is_word(value) and not is_token(hash_token(value.decode())))
    if token:
        return kept, hash_token(token), False
    return (kept, found, False) if is_token(found) else (kept, "", True)


def source_of_token(token_hash: str, now: datetime) -> Source | None:
    """The source that a token belongs to, while it is valid. Compared in constant time besides the index lookup."""
    token = (
        SourceToken.objects.select_related("source")
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), token_hash=token_hash)
        .first()
    )
    if token is None or not hmac.compare_digest(token.token_hash, token_hash):
        return None
    return token.source


def open_source() -> Source | None:
    """The source that this machine itself may post to without a token: none, unless an administrator opened one."""
    return Source.objects.filter(open_on_loopback=True).order_by("-is_default", "pk").first()


def default_source() -> Source:
    """The source for alerts whose sender nobody knows; made when there is none."""
    source = Source.objects.filter(is_default=True).first()
    if source is None:
        source, _ = Source.objects.get_or_create(is_default=True, defaults={"name": "default"})
    return source


def client_address(request: HttpRequest) -> str:
    """The sender's address, "" when there is none. Proxies are counted from the right: what is further left is forged.

    It is what the webhook stores, throttles count by and axes locks by: PostgreSQL takes nothing else for an address.
    """
    if settings.TRUSTED_PROXIES:
        chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        if len(chain) >= settings.TRUSTED_PROXIES:
            return plain_address(str(chain[-settings.TRUSTED_PROXIES]))
    return plain_address(str(request.META.get("REMOTE_ADDR", "")))


@lru_cache(maxsize=1024)
def plain_address(told: str) -> str:
    """The address without the port that some proxies add; "" for what is none, as a Unix socket or `unknown`."""
    if told.startswith("["):
        told = told[1:].partition("]")[0]
    elif told.count(":") == 1:
        told = told.partition(":")[0]
    try:
        return str(ip_address(told))
    except ValueError:
        return ""


@lru_cache(maxsize=1024)
def stored_address(address: str) -> str | None:
    """The address as the database takes it, None for anything that is not one (a Unix socket, say)."""
    try:
        return str(ip_address(address))
    except ValueError:
        return None


def on_loopback(request: HttpRequest) -> bool:
    """Whether a program on this machine made the request, and called it so.

    No proxy before us shows, neither by what it adds nor by the host that was asked for, and no page of another site.
    """
    signs = FORWARDING & request.META.keys()
    name = str(request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")).lower()
    if re.sub(r":\d*$", "", name) not in LOCAL_NAMES:
        return False
    origin = request.META.get("HTTP_ORIGIN")
    if settings.TRUSTED_PROXIES or signs or (origin and urlsplit(origin).netloc != request.META.get("HTTP_HOST")):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
