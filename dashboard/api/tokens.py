"""Tokens of people for their programs: made once, hashed, ending, and never wider than their person or their scope."""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from dashboard.console.roles import roles
from dashboard.models import ApiToken
from signals.receiving.senders import hash_token

MARK = "sst_"
SHOWN = len(MARK) + 6  # characters that tell tokens apart in lists
BYTES = 32
LONGEST = timedelta(days=366)
USED_KEPT = timedelta(hours=1)


def make(user: User, *, name: str, scope: str, expires_at: datetime, now: datetime) -> tuple[ApiToken, str]:
    """A token and its secret, which can be read this once. It ends after LONGEST at the latest."""
    secret = MARK + secrets.token_urlsafe(BYTES)
    token = ApiToken.objects.create(
        user=user, name=name, prefix=secret[:SHOWN], token_hash=hash_token(secret), scope=scope, created_at=now,
        expires_at=min(expires_at, now + LONGEST),
    )  # fmt: skip
    return token, secret


def standing(now: datetime) -> QuerySet[ApiToken]:
    """Those that can be used, as far as it is up to them."""
    return ApiToken.objects.filter(revoked_at=None, expires_at__gt=now)


def revoke(token: ApiToken, *, by: str, now: datetime) -> bool:
    """End a token now; False when it had ended before."""
    return bool(standing(now).filter(pk=token.pk).update(revoked_at=now, revoked_by=by))


def token_of(secret: str, now: datetime) -> ApiToken | None:
    """The token with this secret, of an active account, while it stands. Notes its use, once an hour."""
    found = standing(now).select_related("user").filter(token_hash=hash_token(secret), user__is_active=True).first()
    if found and (found.last_used_at is None or found.last_used_at <= now - USED_KEPT):
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_KEPT)
        ApiToken.objects.filter(unnoted, pk=found.pk).update(last_used_at=now)
    return found


def covers(token: ApiToken, permissions: list[str]) -> bool:
    """Whether its scope holds all of these."""
    return roles()[token.scope].issuperset(permissions)
