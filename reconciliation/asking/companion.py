"""Posting sync requests to companions over HTTP: signed, all at once, and over within DEADLINE. No database.

docs/tier1.md says how a companion checks a signature and how it answers.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from signals import posting
from signals.posting import Answer, Manner
from signals.signing import signed

TIMEOUT = httpx.Timeout(5.0, connect=3.0)
DEADLINE = 10.0
SIGNATURE, TIMESTAMP = "X-SignalSync-Signature", "X-SignalSync-Timestamp"
# Refusals that may be over the next time: timeout, too early, too many requests.
PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Letter:
    """One request to post: where, the JSON, and the request's id. The secret stays out of what is printed."""

    url: str
    body: bytes
    secret: str = field(repr=False)
    message: str = ""


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
    # Only the status matters: no body is read. Companions live in the local network.
    answers = posting.post_all([sealed(letter, now) for letter in letters], Manner(TIMEOUT, DEADLINE))
    return [received(answer) for answer in answers]


def sealed(letter: Letter, now: datetime) -> posting.Letter:
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        TIMESTAMP: timestamp,
        SIGNATURE: signature(letter.secret, timestamp, letter.body),
        **signed([letter.secret], letter.message, letter.body, now),
    }
    return posting.Letter(letter.url, letter.body, headers)


def received(answer: Answer) -> Receipt:
    return Receipt(answer.error) if answer.status is None else judged(answer.status)


def judged(status: int) -> Receipt:
    if 200 <= status < 300:
        return Receipt()
    if 300 <= status < 400:
        return Receipt(f"redirects (status {status}): enter the address that it leads to", refused=True)
    if 400 <= status < 500 and status not in PASSING:
        return Receipt(f"refused it with status {status}", refused=True)
    return Receipt(f"answered with status {status}")
