"""Whether accounts that can change who gets in are guarded by more than a password."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q

from dashboard.models import SecondFactor
from dashboard.models.access import ADMINISTER_TOKENS
from dashboard.second_factor import FREE
from dashboard.telling.addresses import address

from .result import Problem, Result, Severity, judged

BACKEND = "django.contrib.auth.backends.ModelBackend"


def second_factors(now: datetime) -> Result:
    """In production every administrator has one, and nobody is trying codes."""
    guarded = "No administrator signs in with a password alone"
    seen = guarded if settings.PRODUCTION else "Administrators need a second factor in production only"
    return judged([*unguarded(), *tried()], f"{seen}, and nobody tries codes.")


def unguarded() -> Iterator[Problem]:
    if not settings.PRODUCTION:
        return
    alone = User.objects.filter(is_active=True, second_factor=None)
    may = User.objects.with_perm(ADMINISTER_TOKENS, backend=BACKEND)
    if names := sorted(alone.filter(Q(is_staff=True) | Q(pk__in=may)).values_list("username", flat=True)):
        yield Problem(
            f"{', '.join(names)}: the password alone opens it, and sets up a second factor for whoever has it.",
            "Set it up: account menu, Second factor. An account that nobody needs is made inactive.",
            Severity.WARN,
            address("second-factor"),
            "Second factor",
        )


def tried() -> Iterator[Problem]:
    trying = SecondFactor.objects.filter(failures__gte=FREE)
    for name, number in trying.values_list("user__username", "failures"):
        yield Problem(
            f"{number} wrong codes or passkeys in a row for {name}, after a right password.",
            "Unless that was you: somebody has the password. Change it (account menu, Change password).",
            Severity.WARN,
            address("password"),
            "Change password",
        )
