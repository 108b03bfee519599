"""Who asks: a person with a password, a person's program with a token, or a signed-in browser."""

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from drf_spectacular.authentication import BasicScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, BasicAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.views import APIView

from dashboard.models import ApiToken
from dashboard.second_factor import password_is_enough
from signals.receiving.throttling import BadTokenThrottle

from .tokens import token_of

LONGEST_NAME = User._meta.get_field("username").max_length or 0


class NameAndPassword(BasicAuthentication):
    """For accounts whose password is enough. Asks nobody about a name that no account can have: a column can
    hold neither a NUL nor 300 characters."""

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        if "\0" in userid + password or len(userid) > LONGEST_NAME:
            raise AuthenticationFailed("Invalid username/password.")
        found = super().authenticate_credentials(userid, password, request)
        if not password_is_enough(found[0]):
            raise AuthenticationFailed("A password alone does not open this account: use a token of API tokens.")
        return found


class NameAndPasswordScheme(BasicScheme):  # type: ignore[no-untyped-call]
    """How the OpenAPI schema tells of it: as of any other Basic authentication."""

    target_class = "dashboard.api.authentication.NameAndPassword"


class TokenOfPerson(BaseAuthentication):
    """`Authorization: Bearer …` (or `Token …`) with a token of the console's API tokens. Cookies play no part in it."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        secret = presented(request, b"bearer", b"token")
        if secret is None:
            return None
        token = token_of(secret, timezone.now())
        if token is None:
            count_bad_token(request)
            raise AuthenticationFailed("This token is unknown, revoked or has ended. Make another on API tokens.")
        assert isinstance(token.user, User)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class TokenOfPersonScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = TokenOfPerson
    name = "apiToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token of the console's page API tokens."}


def presented(request: Request, *schemes: bytes) -> str | None:
    """The secret of the Authorization header, where it is of one of these schemes."""
    scheme, _, secret = get_authorization_header(request).partition(b" ")
    if scheme.lower() not in schemes or not secret.strip():
        return None
    return secret.strip().decode(errors="replace")


def count_bad_token(request: Request) -> None:
    """Note an unknown token of an address. Raises Throttled where there were too many."""
    throttle = BadTokenThrottle()
    if not throttle.allow_request(request, APIView()):  # it counts by address, whatever the view
        raise Throttled(throttle.wait())
