"""Signing what is posted as Standard Webhooks says (standardwebhooks.com), so that any of its libraries verifies it."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

PREFIX = "whsec_"
KEY_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def signed(keys: Sequence[str], message: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a message: its id, which is the same at every attempt, the time, and a signature by each key."""
    moment, text = now.astimezone(UTC), body.decode()
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signer(key).sign(message, moment, text) for key in keys),
    }


def signer(key: str) -> Webhook:
    """A secret that is not of the standard's form (`whsec_` and base64) signs with the bytes of its text."""
    if key.startswith(PREFIX):
        try:
            return Webhook(base64.b64decode(key.removeprefix(PREFIX), validate=True))
        except (binascii.Error, RuntimeError):
            pass
    return Webhook(key.encode())
