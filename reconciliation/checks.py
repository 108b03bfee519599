"""Settings of the sync, checked when a command starts."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured, ValidationError

from signals.checks import SETTINGS

from .tiers.trust import given

LONGEST = 32_767 * 60  # seconds; a schedule's minutes are a small integer in the database


@register(SETTINGS)
def check_interval(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    seconds = settings.SYNC_INTERVAL
    if 60 <= seconds <= LONGEST and seconds % 60 == 0:
        return []
    return [
        Error(
            f"SYNC_INTERVAL is {seconds}, and schedules count in whole minutes.",
            hint="Give a multiple of 60 seconds, as 120.",
            id="reconciliation.E001",
        )
    ]


@register(SETTINGS)
def check_operator_password(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """The first operator's password is one that nobody could choose in the console either."""
    if not (settings.PRODUCTION and settings.OPERATOR_PASSWORD):
        return []
    try:
        validate_password(settings.OPERATOR_PASSWORD, User(username="operator"))
    except ValidationError as error:
        said = " ".join(error.messages)
        hint = "Choose a better one, or leave it empty: then a random one is printed once."
        return [Error(f"OPERATOR_PASSWORD: {said}", hint=hint, id="reconciliation.E004")]
    return []


@register(SETTINGS)
def check_bounds(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    least = {
        "CANCEL_GRACE_BARS": 0, "HEALTH_WINDOW_HOURS": 1, "RUN_RETENTION_DAYS": 0, "UPDATE_THINNING_DAYS": 0,
        "BODY_RETENTION_DAYS": 0,
    }  # fmt: skip
    return [
        Error(f"{name} is {getattr(settings, name)}.", hint=f"Give {bound} or more.", id="reconciliation.E003")
        for name, bound in least.items()
        if getattr(settings, name) < bound
    ]


@register(SETTINGS)
def check_confidences(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    hint = "Give confidences from 0 to 1, separated by commas: docs/reconciliation.md lists tiers and fields."
    for name in ("TIER_CONFIDENCE", "APPROVAL_BELOW"):
        try:
            given(name, getattr(settings, name))
        except ImproperlyConfigured as error:
            found.append(Error(str(error), hint=hint, id="reconciliation.E002"))
    return found
