"""Posting to addresses that people entered: side by side, over within a deadline, redirects not followed. No database.

Where an address must be a public one, its name is resolved here and the connection goes to what was judged: a name that
resolves otherwise a moment later leads nowhere else.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic

import httpx

from .networks import holds

log = logging.getLogger(__name__)
NAT64 = ip_network("64:ff9b::/96")
MOST_ADDRESSES = 3
"""Of a name with more, the others are not tried."""
UNREACHABLE = "cannot be reached"


class ForbiddenError(Exception):
    """The address leads to where nothing may be posted."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What to post where. Address and headers, which may hold or prove a secret, stay out of what is printed."""

    url: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status with the beginning of the body, or why there is none. Never both."""

    status: int | None = None
    head: str = ""
    error: str = ""
    forbidden: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How to post. `timeout` limits each step, `deadline` (seconds) all of them: an answer can trickle for ever.

    `keep` bytes of an answer are read. `private` lists the networks that may be posted to beside public addresses;
    None: any address may, and none is resolved here.
    """

    timeout: httpx.Timeout | float
    deadline: float
    keep: int = 0
    private: tuple[str, ...] | None = None


def post_all(letters: Sequence[Letter], manner: Manner) -> list[Answer]:
    """Post letters; an answer each, in order. Raises nothing that the other side could cause."""
    return asyncio.run(post_side_by_side(letters, manner)) if letters else []


async def post_side_by_side(letters: Sequence[Letter], manner: Manner) -> list[Answer]:
    # No proxies or passwords from the environment: the address alone says who gets the letter.
    async with httpx.AsyncClient(timeout=manner.timeout, trust_env=False) as client:
        return list(await asyncio.gather(*(post(client, letter, manner) for letter in letters)))


async def post(client: httpx.AsyncClient, letter: Letter, manner: Manner) -> Answer:
    began = monotonic()
    try:
        async with asyncio.timeout(manner.deadline):
            status, head = await answered(client, letter, manner)
        return Answer(status, head, seconds=monotonic() - began)
    except ForbiddenError as error:
        return Answer(error=str(error), forbidden=True, seconds=monotonic() - began)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        log.warning("a letter was not delivered: %s", type(error).__name__)
        return Answer(error=described(error), seconds=monotonic() - began)


async def answered(client: httpx.AsyncClient, letter: Letter, manner: Manner) -> tuple[int, str]:
    """Of several addresses of a name the next is tried where one cannot be connected to."""
    url, failure = httpx.URL(letter.url), None
    host = url.raw_host.decode()  # of an international name as DNS has it
    for place in await places(url, manner.private):
        headers = {"Accept-Encoding": "identity", "User-Agent": "SignalSync", **letter.headers}
        if place.raw_host != url.raw_host:
            headers["Host"] = url.netloc.decode()
        # The certificate must be of the name that was entered, whatever address it is at.
        named = {"sni_hostname": host}
        try:
            async with client.stream("POST", place, content=letter.body, headers=headers, extensions=named) as response:
                return response.status_code, await beginning(response.aiter_raw(), manner.keep)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            failure = error
    raise failure or httpx.ConnectError("the name has no address")


async def beginning(chunks: AsyncIterator[bytes], keep: int) -> str:
    """Its first bytes, as text that any column holds; a body can be endless."""
    read = b""
    if keep:
        async for chunk in chunks:
            read += chunk[: keep - len(read)]
            if len(read) >= keep:
                break
    return read.decode(errors="replace").replace("\0", "�")


async def places(url: httpx.URL, private: tuple[str, ...] | None) -> list[httpx.URL]:
    """Where to connect to. Raises ForbiddenError when any of the name's addresses is not allowed."""
    if private is None:
        return [url]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.raw_host.decode(), url.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError("the name is not known") from error
    addresses = list(dict.fromkeys(str(place[4][0]).partition("%")[0] for place in found))
    for address in addresses:
        if not allowed(address, private):
            raise ForbiddenError(
                "leads to a private address; name it in OUTBOUND_NETWORKS where that is meant (docs/outbound.md)"
            )
    return [url.copy_with(host=address) for address in addresses[:MOST_ADDRESSES]]


def allowed(address: str, private: tuple[str, ...]) -> bool:
    return is_public(ip_address(address)) or holds(private, address)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is out on the internet, also by way of an IPv4 address that an IPv6 one wraps."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        wrapped = [address.sixtofour, *(address.teredo or ())]
        if address in NAT64:
            wrapped.append(IPv4Address(int(address) & 0xFFFFFFFF))
        inner = [each for each in wrapped if each is not None]
        return address.is_global and not address.is_multicast and all(map(is_public, inner))
    return address.is_global and not address.is_multicast


def described(error: Exception) -> str:
    """Why posting failed, in words that name neither address nor secret."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return UNREACHABLE
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "did not answer in time"
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return "has an address that is none"
    return f"broke off ({type(error).__name__})"
