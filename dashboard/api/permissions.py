"""Who may read and who may act, for every endpoint: one rule each, from Django's permissions and nothing else."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response, patch_cache_control, set_response_etag
from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import JSONParser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboard.console.roles import RECONCILE, SEE
from dashboard.models import ApiToken
from signals.receiving.senders import on_loopback

from .authentication import NameAndPassword, TokenOfPerson
from .throttling import ByRole
from .tokens import covers


def may(request: Request, *permissions: str) -> bool:
    """Whether the person has all of these permissions, and the token, where one is used, does not narrow them away."""
    wanted = list(permissions)
    allowed = bool(request.user and request.user.is_authenticated and request.user.has_perms(wanted))
    return allowed and (not isinstance(request.auth, ApiToken) or covers(request.auth, wanted))


def person_of(request: Request) -> User:
    """In whose name a request acts, with a token or without."""
    assert isinstance(request.user, User)
    return request.user


class MaySee(BasePermission):
    """Reading needs the view permission; what changes state, the permission that its view names as well."""

    message = (
        "Your account, or the token's scope, does not allow this. Ask an administrator for the role: Viewer to read,"
        " Operator to act."
    )

    def has_permission(self, request: Request, view: APIView) -> bool:
        acts = request.method not in SAFE_METHODS
        return may(request, SEE, *([getattr(view, "acting", RECONCILE)] if acts else []))


class FromThisMachine(BasePermission):
    """For scrapers beside us. Behind a proxy nobody counts as being on this machine."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return on_loopback(request)


class ProtectedView(APIView):
    """Base of every endpoint that shows or changes stored data. `acting` is what changing it takes beside seeing it.

    Basic comes first, so that a request without credentials is answered 401 with a challenge, not 403.
    """

    authentication_classes = (NameAndPassword, TokenOfPerson, SessionAuthentication)
    permission_classes = (MaySee,)
    throttle_classes = (ByRole,)
    parser_classes = (JSONParser,)
    renderer_classes: Any = (JSONRenderer,)  # to browse there is /api/docs
    acting = RECONCILE

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        """An answer is its person's alone. One that a client has already (`If-None-Match`) is not sent again."""
        answer = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        patch_cache_control(answer, private=True, no_cache=True)
        if isinstance(answer, Response) and request.method in {"GET", "HEAD"} and answer.status_code == 200:
            answer.add_post_render_callback(lambda rendered: conditional(request._request, rendered))
        return answer


def conditional(request: HttpRequest, answer: HttpResponse) -> HttpResponseBase | None:
    """304 where the client names this very answer. By what was said, not by when a row changed: ages and gaps that
    become due change an answer without changing a row."""
    set_response_etag(answer)
    return get_conditional_response(request, etag=answer["ETag"], response=answer)
