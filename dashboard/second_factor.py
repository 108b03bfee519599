"""A second factor beside the password: codes of an authenticator app (TOTP, RFC 6238), passkeys, and recovery codes.

Passkeys stand in dashboard/passkeys.py. Who has some needs no app.

A code counts once. Wrong ones are slowed down, up to one in a quarter of an hour: who gets that far has the password,
and must neither find the code nor keep its owner out, whose recovery codes (80 random bits) are never held up.
"""

import secrets
from base64 import b32encode
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

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
    """Judge a code, and note it: a right one is used up, a wrong one counted."""
    typed = plain(typed)
    return judged(user, lambda factor: outcome_of(factor, typed, now), now)


def judged(user: User, judge: Callable[[SecondFactor], Outcome], now: datetime) -> Outcome:
    """What `judge` says of what was presented; wrong ones are counted. One at a time for each person."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user).first()
        if factor is None:
            return Outcome.WRONG
        outcome = judge(factor)
        if outcome is not Outcome.HELD:
            factor.failures = factor.failures + 1 if outcome is Outcome.WRONG else 0
            factor.failed_at = now if outcome is Outcome.WRONG else None
            factor.save()
    return outcome


def outcome_of(factor: SecondFactor, code: str, now: datetime) -> Outcome:
    """A recovery code is crossed off, an app's sets the step that the next must be after."""
    if (hashed := hash_token(code)) in factor.recovery:
        factor.recovery = [other for other in factor.recovery if other != hashed]
        return Outcome.RECOVERED
    if (until := held_until(factor.failures, factor.failed_at)) is not None and now < until:
        return Outcome.HELD
    step = matched_of(factor, code, now)
    if step is None or step <= factor.last_step:
        return Outcome.WRONG
    factor.last_step = step
    return Outcome.RIGHT


def matched_of(factor: SecondFactor, code: str, now: datetime) -> int | None:
    """Under another SECRET_KEY, and without an app, no code is right but recovery codes."""
    try:
        return matched(unseal(factor.sealed), code, now)
    except SealedError:
        return None


def enrol(user: User, secret: str, code: str, now: datetime) -> list[str] | None:
    """Give this person an app, once a code proves that it has the secret. New recovery codes, or None."""
    step = matched(secret, plain(code), now)
    return None if step is None else begin(user, now, sealed=seal(secret), last_step=step)


def begin(user: User, now: datetime, **values: Any) -> list[str] | None:
    """Give this person a second factor, or an app to one without. New recovery codes; None where there is an app."""
    codes = new_codes()
    with transaction.atomic():
        factor, made = SecondFactor.objects.select_for_update().get_or_create(user=user, defaults={"made_at": now})
        if not made and factor.sealed:
            return None
        for name, value in (values | {"recovery": hashes(codes)}).items():
            setattr(factor, name, value)
        factor.save()
    return codes


def give_up_app(user: User) -> bool:
    """From now on only passkeys and recovery codes open the account. False where there are none, or no app."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user).first()
        if factor is None or not factor.sealed or not factor.passkeys.exists():
            return False
        factor.sealed = ""
        factor.save(update_fields=["sealed"])
    return True


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
