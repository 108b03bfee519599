"""Posting sync requests to companions over HTTP: signed, all at once, and over within DEADLINE. No database.

docs/tier1.md says how a companion checks the signature and how it answers.
"""

import asyncio
import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses, whose path may be a secret
TIMEOUT = httpx.Timeout(5.0, connect=3.0)
# httpx limits each step; a companion that trickles its answer would pass every one of them for ever.
DEADLINE = 10.0
SIGNATURE, TIMESTAMP = "X-SignalSync-Signature", "X-SignalSync-Timestamp"
# Refusals that may be over the next time: timeout, too early, too many requests.
PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Letter:
    """One request to post: where, and the JSON. The secret stays out of what is printed."""

    url: str
    body: bytes
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a letter: taken (no error), failed for now, or `refused` for good."""

    error: str = ""
    refused: bool = False


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256, hex, over the timestamp, a full stop and the body: neither can be changed or sent again later."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, "sha256").hexdigest()


def post_all(letters: Sequence[Letter], now: datetime) -> list[Receipt]:
    """Post letters side by side; a receipt each, in order. Raises nothing that a companion could cause."""
    return asyncio.run(post_side_by_side(letters, now)) if letters else []


async def post_side_by_side(letters: Sequence[Letter], now: datetime) -> list[Receipt]:
    # No proxies or passwords from the environment: the companion's address alone says who gets the request.
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
        return list(await asyncio.gather(*(post(client, letter, now) for letter in letters)))


async def post(client: httpx.AsyncClient, letter: Letter, now: datetime) -> Receipt:
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        TIMESTAMP: timestamp,
        SIGNATURE: signature(letter.secret, timestamp, letter.body),
    }
    try:
        # Streamed, and the body left unread: only the status matters, and a body can be endless.
        async with (
            asyncio.timeout(DEADLINE),
            client.stream("POST", letter.url, content=letter.body, headers=headers) as response,
        ):
            return judged(response.status_code)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        log.warning("a sync request was not delivered: %s", type(error).__name__)
        return Receipt(described(error))


def judged(status: int) -> Receipt:
    if 200 <= status < 300:
        return Receipt()
    if 300 <= status < 400:
        return Receipt(f"redirects (status {status}): enter the address that it leads to", refused=True)
    if 400 <= status < 500 and status not in PASSING:
        return Receipt(f"refused it with status {status}", refused=True)
    return Receipt(f"answered with status {status}")


def described(error: Exception) -> str:
    """Why posting failed, in words that name neither address nor secret."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return "cannot be reached"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "did not answer in time"
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return "has an address that is none"
    return f"broke off ({type(error).__name__})"
