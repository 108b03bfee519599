"""Making, rotating and revoking the tokens of a source. A token can be read once: it is what these return."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from signals.models import Source, SourceToken

from .senders import new_token


def valid_tokens(source: Source, now: datetime) -> QuerySet[SourceToken]:
    return source.tokens.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))


def rotate(source: Source, *, overlap: timedelta, label: str, now: datetime) -> str:
    """A new token; the ones before it stay valid for the overlap, so that no alert is lost while TradingView changes.

    A token that would have ended sooner still does.
    """
    with transaction.atomic():
        ends = now + overlap
        valid_tokens(source, now).filter(Q(expires_at__isnull=True) | Q(expires_at__gt=ends)).update(expires_at=ends)
        return new_token(source, label=label[:64])


def revoke(token: SourceToken, *, now: datetime) -> None:
    """End a token now. The webhook refuses it within its cache's few seconds."""
    SourceToken.objects.filter(pk=token.pk).update(expires_at=now)
