"""Who may read and who may act, for every endpoint: one rule each, from Django's permissions and nothing else."""

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.authentication import BasicScheme
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from signals.receiving.senders import on_loopback

LONGEST_NAME = User._meta.get_field("username").max_length or 0
READ = "signals.view_automatedsignal"
ACT = "signals.reconcile_signal"


class MaySee(BasePermission):
    """Reading needs the view permission, anything that changes state the permission to reconcile as well."""

    message = "Your account may not do this. Ask an administrator for the Viewer role to read, Operator to act."

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed = [READ] if request.method in ("GET", "HEAD", "OPTIONS") else [READ, ACT]
        return bool(request.user and request.user.is_authenticated and request.user.has_perms(needed))


class FromThisMachine(BasePermission):
    """For scrapers beside us. Behind a proxy nobody counts as being on this machine."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return on_loopback(request)


class NameAndPassword(BasicAuthentication):
    """Asks nobody about a name that no account can have: a column can hold neither a NUL nor 300 characters."""

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        if "\0" in userid + password or len(userid) > LONGEST_NAME:
            raise AuthenticationFailed("Invalid username/password.")
        return super().authenticate_credentials(userid, password, request)


class NameAndPasswordScheme(BasicScheme):  # type: ignore[no-untyped-call]
    """How the OpenAPI schema tells of it: as of any other Basic authentication."""

    target_class = "dashboard.api.permissions.NameAndPassword"


class ProtectedView(APIView):
    """Base of every endpoint that shows or changes stored data.

    Basic comes first, so that a request without credentials is answered 401 with a challenge, not 403.
    """

    authentication_classes = (NameAndPassword, SessionAuthentication)
    permission_classes = (MaySee,)
