"""Who is sending: tokens, addresses, and the hashes of secrets instead of the secrets."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest

from signals.models import Source, SourceToken

from .masking import MASK, TOKEN, mask_hidden, mask_tokens, tokens_in

# What proxies add. Any of it means that the address we see is not the sender's.
FORWARDING = frozenset(
    {f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "HOST", "PROTO", "SERVER")}
    | {"HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP"}
)

APART = re.compile(rb"[\s,;:\"'\\{}\[\]()]+")
MOST_PARTS = 100
LETTERS = 32  # of the tokens that are made here

# By which names a program on this machine calls it. Who is passed on to us mostly called a public one.
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def hash_token(token: str) -> str:
    """SHA-256 of a token. Tokens are random and long, so that a slow hash would protect nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(source: Source, *, label: str = "", expires_at: datetime | None = None) -> str:
    """Give a source another token and return it: the one moment at which it can be read."""
    token = secrets.token_urlsafe(LETTERS * 3 // 4)
    SourceToken.objects.create(source=source, token_hash=hash_token(token), label=label, expires_at=expires_at)
    return token


def mask_body(body: bytes) -> tuple[bytes, str]:
    """The body with every token value masked, and the hash of the first one ("" when the body has none).

    Works on the bytes, not on parsed JSON: a body that is broken must not keep its secret either.
    """
    masked, token = mask_tokens(body)
    return masked, hash_token(token.decode(errors="replace")) if token else ""


class Tokens(Protocol):
    """What is known of the tokens of ours."""

    def names(self) -> frozenset[str]:
        """Under which names a token may stand in a message, in small letters."""

    def hashes(self) -> Collection[str]:
        """The hashes of all tokens of ours."""

    def fields_of(self, hashes: Collection[str]) -> Mapping[str, str]:
        """Of the hashes those of tokens of ours, each with the name under which its source takes it in a message."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A body as it may be kept, the hash of the token that counts ("" without any), and whether loopback counts."""

    body: bytes
    token_hash: str
    loopback: bool


def credentials(request: HttpRequest, token: str, body: bytes, known: Tokens) -> Credentials:
    """An address's token goes first, then a body's; only after both counts where the request comes from.

    A body's value is a token only under the name that the token's source has configured. Who has another right to post
    may call anything by that name, a ticker say: only what is a token of ours is masked then. Of who has none it cannot
    be told, and all is masked: what was meant as a token must not be kept because it is too old, too new or mistyped.
    """
    named, here = known.names(), on_loopback(request)
    found = [(name, hash_token(value.decode(errors="replace"))) for name, value in tokens_in(body, named)]
    fields = known.fields_of([key for _, key in found]) if found else {}
    ours = next((key for name, key in found if fields.get(key, "").lower() == name), "")
    if found and not (token or ours or here):
        masked, _ = mask_tokens(body, names=named)
        return Credentials(keep_none(masked, known), found[0][1], loopback=False)
    kept = keep_strange(body, known, named)
    key = hash_token(token) if token else ours
    return Credentials(kept, key, loopback=here and not key)


def keep_strange(body: bytes, known: Tokens, named: frozenset[str]) -> bytes:
    """The body with the tokens of ours masked, and with everything else that only stands where one may stand.

    `named` are the names under which one may.
    """

    def spared(value: bytes) -> bool:
        hashes = [hash_token(part.decode(errors="replace")) for part in parts_of(value)]
        return len(hashes) <= MOST_PARTS and not known.fields_of(hashes)

    return keep_none(mask_tokens(body, spared, named | {TOKEN})[0], known)


def keep_none(body: bytes, known: Tokens) -> bytes:
    """The body without any token of ours that stands where none should: in another field, in a key, in a text."""
    if settings.WEBHOOK_TOKEN:  # of whatever characters it is
        body = body.replace(settings.WEBHOOK_TOKEN.encode(), MASK)
    hashes = known.hashes()
    return mask_hidden(body, lambda word: hash_token(word) in hashes, lengths_of_tokens()) if hashes else body


def lengths_of_tokens() -> set[int]:
    """How many letters the tokens have that are made here, and the one that is set."""
    return {LETTERS, *filter(None, [len(settings.WEBHOOK_TOKEN)])}


def parts_of(value: bytes) -> Iterator[bytes]:
    """The value, and what a token may be in it: of a broken text nobody knows where it ends."""
    yield value
    yield from islice((part for part in APART.split(value) if part and part != value), MOST_PARTS)


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
        chain = forwarded_for(request)
        if len(chain) >= settings.TRUSTED_PROXIES:
            return plain_address(chain[-settings.TRUSTED_PROXIES])
    return plain_address(str(request.META.get("REMOTE_ADDR", "")))


def forwarded_for(request: HttpRequest) -> list[str]:
    """All that `X-Forwarded-For` names, the nearest proxy's word last."""
    told = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    return [part.strip() for part in told.split(",") if part.strip()]


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
    return is_loopback(str(request.META.get("REMOTE_ADDR", "")))


def is_loopback(address: str) -> bool:
    """Whether it is this machine's; what is no address is not."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
