"""The way from TradingView to the webhook: whether an address can be reached from outside at all, and which part of it
is broken when a request over it fails. Pure."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from signals.posting import is_public
from signalsync_project.front.alerts import WEBHOOK

PORTS = (80, 443)
"""The only ones that TradingView posts to."""
ONLY_HERE = (".local", ".lan", ".home", ".internal", ".localdomain", ".localhost", ".test", ".home.arpa")

ITSELF = "it means the machine that asks, so TradingView would ask itself"
TUNNEL = "Give this server a public address: a tunnel, or a machine that has one."


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether TradingView can reach an address, why not, and what to do about it."""

    possible: bool
    says: str
    todo: str = ""


def judged(address: str) -> Reach:
    """By the address alone: what its name resolves to from outside, nobody here can tell."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return Reach(False, "This is no address.", "Set PUBLIC_URL to one, as https://signals.example.org.")
    if here := only_here(host):
        return Reach(False, f"TradingView cannot reach {host}: {here}.", TUNNEL)
    if port not in PORTS:
        says = f"TradingView posts to the ports 80 and 443 only, and this address has port {port}."
        return Reach(False, says, "Put a proxy or a tunnel in front that listens on 443 (docs/operations.md).")
    if parts.scheme != "https":
        says = "TradingView can reach it, but the token in the address goes over the network for all to read."
        return Reach(True, says, "Use https: a proxy or a tunnel in front ends TLS.")
    return Reach(True, "TradingView can reach such an address.")


def only_here(host: str) -> str:
    """Why a host is none that the internet knows; "" when it may be one."""
    name = host.rstrip(".").lower()
    try:
        number = ip_address(name)
    except ValueError:
        own = "." not in name or name.endswith(ONLY_HERE)
        known_here = "this name is known in your own network only" if own else ""
        return ITSELF if f".{name}".endswith(".localhost") else known_here
    if number.is_loopback:
        return ITSELF
    if not is_public(number):
        return "it is an address of your own network, which the internet does not lead to"
    return "TradingView does not post to IPv6 addresses" if number.version == 6 else ""


@dataclass(frozen=True, slots=True)
class Fault:
    """The broken part of the way, and what to do about it."""

    part: str
    todo: str


NAME = "the name"
ROAD = "the way to the server"
CERTIFICATE = "the certificate"
TIME = "the time"
REDIRECT = "a redirect"
ELSEWHERE = "the server at the address"
BEHIND = "what stands behind the proxy"
GUARD = "something in front that asks who it is"
TOKEN = "the token"  # noqa: S105 - not one
LIMIT = "a limit"
READING = "the message"


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it came of."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__


def broken_by(error: Exception, address: str) -> Fault:
    """What is broken when no answer came."""
    host = urlsplit(address).hostname or address
    found = list(causes(error))
    if any(isinstance(each, socket.gaierror) for each in found):
        return Fault(NAME, f"Nobody knows the name {host}. Check PUBLIC_URL, its DNS record, and that the tunnel runs.")
    if any(isinstance(each, ssl.SSLError) for each in found):
        return Fault(CERTIFICATE, f"The certificate of {host} cannot be trusted: renew it, or have the proxy get one.")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        listens = "Do tunnel or proxy run, and does the firewall let the port through?"
        return Fault(ROAD, f"Nobody listens at {host}. {listens}")
    if isinstance(error, httpx.TimeoutException):
        says = "It was reached and did not answer in time. Look at the proxy, and at Overview for what holds us up."
        return Fault(TIME, says)
    return Fault(ROAD, f"The connection to {host} broke off. Does the port speak what the address says, http or https?")


def broken_at(answer: httpx.Response, *, status: str, detail: str) -> Fault | None:
    """What is broken when this was answered; `status` and `detail` are ours, "" where it was not us. None: nothing."""
    code = answer.status_code
    if status == "refused":
        part = {401: TOKEN, 403: GUARD, 429: LIMIT}.get(code, READING)
        return Fault(part, detail or "See Deliveries for what was refused at the door.")
    if status:
        read = status in {"accepted", "duplicate"}
        return None if read else Fault(READING, "It was stored, and could not be read: look at Deliveries.")
    if 300 <= code < 400:
        to = answer.headers.get("location", "elsewhere")
        return Fault(
            REDIRECT, f"It leads on to {to}, and TradingView does not follow. Set PUBLIC_URL to where it ends."
        )
    return FOREIGN.get(code, Fault(ELSEWHERE, OTHERS))


LET_IN = f"Let POST to {WEBHOOK} through without signing in: TradingView cannot."
NOTHING_BEHIND = (
    "Proxy or tunnel answers and reaches nothing: check the port that it leads to, and that this server runs."
)
OTHERS = f"Somebody else answers at this address, or the proxy changes the path: it must lead {WEBHOOK} here as it is."
FOREIGN = {
    **dict.fromkeys((401, 403, 407), Fault(GUARD, LET_IN)),
    **dict.fromkeys((502, 503, 504, 521, 522, 523, 530), Fault(BEHIND, NOTHING_BEHIND)),
}
"""Answers that are not ours, by their status."""
