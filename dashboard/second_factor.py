"""A second factor beside the password: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

A code counts once. Wrong ones are slowed down, up to one in a quarter of an hour: who gets that far has the password,
and must neither find the code nor keep its owner out, whose recovery codes (80 random bits) are never held up.
"""

import secrets
from base64 import b32encode
from datetime import datetime, timedelta
from enum import Enum

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.crypto import constant_time_compare

from dashboard.models import SecondFactor
from dashboard.models.access import ADMINISTER_TOKENS
from dashboard.outbox.sealing import SealedError, seal, unseal
from signals.receiving.senders import hash_token

STEP = 30  # seconds; with six digits and SHA-1 what every app takes
DIGITS = 6
# Within HMAC, where SHA-1 holds; other hashes not every app takes.
HASH = SHA1()  # noqa: S303 # nosec B303
NEAR = (0, -1, 1)  # steps that a phone's clock may be off
FREE = 5  # wrong codes that cost no waiting
LONGEST = timedelta(minutes=15)
RECOVERY_CODES = 10
ISSUER = "SignalSync"


class Outcome(Enum):
    RIGHT = "right"
    RECOVERED = "recovered"
    WRONG = "wrong"
    HELD = "held"


def administers(user: User) -> bool:
    return user.is_superuser or user.is_staff or user.has_perm(ADMINISTER_TOKENS)


def required_of(user: User) -> bool:
    """Whether this person must have one."""
    return settings.TWO_FACTOR == "all" or (settings.TWO_FACTOR == "administrators" and administers(user))


def factor_of(user: User) -> SecondFactor | None:
    return SecondFactor.objects.filter(user=user).first()


def password_is_enough(user: User) -> bool:
    """Whether nobody asks this person for more than a password."""
    return not SecondFactor.objects.filter(user=user).exists() and not required_of(user)


def new_secret() -> str:
    return secrets.token_hex(20)


def typed_secret(secret: str) -> str:
    """As people type it into an app that has no camera."""
    return b32encode(bytes.fromhex(secret)).decode()


def provisioning_uri(secret: str, name: str) -> str:
    """What the QR code says."""
    return TOTP(bytes.fromhex(secret), DIGITS, HASH, STEP).get_provisioning_uri(name, ISSUER)


def matched(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code this is, None for none near `now`."""
    hotp = HOTP(bytes.fromhex(secret), DIGITS, HASH)
    current = int(now.timestamp()) // STEP
    steps = (current + off for off in NEAR)
    return next((step for step in steps if constant_time_compare(hotp.generate(step).decode(), code)), None)


def held_until(failures: int, failed_at: datetime | None) -> datetime | None:
    """When the next code is looked at, None for at once: each wrong one beyond the free ones doubles the waiting."""
    if failed_at is None or failures < FREE:
        return None
    return failed_at + min(timedelta(seconds=2 ** min(failures - FREE, 16)), LONGEST)


def plain(typed: str) -> str:
    """Without what people put between the characters."""
    return "".join(character for character in typed if character.isalnum()).upper()


def confirm(user: User, typed: str, now: datetime) -> Outcome:
    """Judge a code, and note it: a right one is used up, a wrong one counted. One at a time for each person."""
    typed = plain(typed)
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user).first()
        if factor is None:
            return Outcome.WRONG
        if (hashed := hash_token(typed)) in factor.recovery:
            factor.recovery = [other for other in factor.recovery if other != hashed]
            outcome = Outcome.RECOVERED
        elif (until := held_until(factor.failures, factor.failed_at)) is not None and now < until:
            return Outcome.HELD
        else:
            step = matched_of(factor, typed, now)
            outcome = Outcome.WRONG if step is None or step <= factor.last_step else Outcome.RIGHT
            factor.last_step = step if step is not None and outcome is Outcome.RIGHT else factor.last_step
        factor.failures = factor.failures + 1 if outcome is Outcome.WRONG else 0
        factor.failed_at = now if outcome is Outcome.WRONG else None
        factor.save()
    return outcome


def matched_of(factor: SecondFactor, code: str, now: datetime) -> int | None:
    """Under another SECRET_KEY no app's code is right any more; recovery codes are."""
    try:
        return matched(unseal(factor.sealed), code, now)
    except SealedError:
        return None


def enrol(user: User, secret: str, code: str, now: datetime) -> list[str] | None:
    """Give this person a second factor, once a code proves that the app has it. The recovery codes, or None."""
    step = matched(secret, plain(code), now)
    if step is None:
        return None
    codes = new_codes()
    _, made = SecondFactor.objects.get_or_create(
        user=user,
        defaults={"sealed": seal(secret), "recovery": hashes(codes), "last_step": step, "made_at": now},
    )
    return codes if made else None


def renew_codes(user: User) -> list[str]:
    """New recovery codes; those of before end."""
    codes = new_codes()
    SecondFactor.objects.filter(user=user).update(recovery=hashes(codes))
    return codes


def remove(user: User) -> bool:
    """Take it away, False where there was none."""
    return bool(SecondFactor.objects.filter(user=user).delete()[0])


def new_codes() -> list[str]:
    made = (b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES))
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in made]


def hashes(codes: list[str]) -> list[str]:
    return [hash_token(plain(code)) for code in codes]
