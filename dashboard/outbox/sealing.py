"""Secrets that must be read again to send with them: kept sealed under SECRET_KEY, so that a copy of the database alone
tells none."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes


class SealedError(Exception):
    """It was sealed under another SECRET_KEY."""


def seal(secret: str) -> str:
    return keys().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Raises SealedError when none of the keys opens it."""
    try:
        return keys().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SealedError("SECRET_KEY was changed since this was entered: enter it again.") from error


def keys() -> MultiFernet:
    """Of SECRET_KEY, which seals, and of SECRET_KEY_FALLBACKS, which only open."""
    return MultiFernet([key_of(force_bytes(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def key_of(secret: bytes) -> Fernet:
    return Fernet(urlsafe_b64encode(sha256(b"signalsync outbox\0" + secret).digest()))
