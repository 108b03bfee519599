"""How often a person or a token may ask: by role, counted per process (`API_RATES`)."""

from functools import lru_cache

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from dashboard.console.roles import ADMINISTRATOR, CHANGE_SOURCE, OPERATOR, RECONCILE, VIEWER
from dashboard.models import ApiToken
from signalsync_project.variables import rates


@lru_cache(maxsize=8)
def rates_of(text: str) -> dict[str, str]:
    """By role; of one that is not named there is no limit."""
    return rates(text)


def role_of(request: Request) -> str:
    """As which role somebody asks: a token as its scope, a person by what he or she may."""
    if isinstance(request.auth, ApiToken):
        return request.auth.scope
    if request.user.has_perm(CHANGE_SOURCE):
        return ADMINISTRATOR
    return OPERATOR if request.user.has_perm(RECONCILE) else VIEWER


class ByRole(SimpleRateThrottle):
    """A token has an allowance of its own, so that a program that runs wild does not lock its person out."""

    scope = "api"

    def get_rate(self) -> None:
        """It is the request's."""

    def get_cache_key(self, request: Request, view: APIView) -> str:
        auth = request.auth
        who = f"token:{auth.pk}" if isinstance(auth, ApiToken) else f"person:{request.user.pk}"
        return f"throttle:api:{who}"

    def allow_request(self, request: Request, view: APIView) -> bool:
        if not request.user or not request.user.is_authenticated:
            return True  # refused already, or open to this machine
        self.rate = rates_of(settings.API_RATES).get(role_of(request))
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return bool(super().allow_request(request, view))
