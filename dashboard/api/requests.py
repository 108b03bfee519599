"""For companions that cannot be posted to: they pull their source's sync requests, and say which they have taken."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reconciliation.asking.delivery import AT_ONCE, acknowledge, waiting_for
from reconciliation.models import SyncRequest
from signals.models import Source
from signals.receiving.senders import hash_token, source_of_token

from .authentication import count_bad_token, presented


class SourceTokenAuthentication(BaseAuthentication):
    """The source's webhook token, as `Authorization: Bearer …`. It names the source; no user stands behind it."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Source] | None:
        token = presented(request, b"bearer")
        if token is None:
            return None
        source = source_of_token(hash_token(token), timezone.now())
        if source is not None:
            return AnonymousUser(), source
        count_bad_token(request)
        raise AuthenticationFailed("Unknown token. Use a token of the source that you are the companion of.")

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="sync requests"'


class SourceTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = SourceTokenAuthentication
    name = "sourceToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A webhook token of the source."}


class FromCompanion(BasePermission):
    message = "Send a token of the source as `Authorization: Bearer …`."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Source)


class WaitingRequest(serializers.Serializer[Any]):
    """One sync request: have the indicator report on these trade ids, by webhook or by an imported log."""

    request_id = serializers.UUIDField()
    source: Any = serializers.CharField()  # DRF itself has a `source`
    trade_ids = serializers.ListField(child=serializers.CharField())
    reason = serializers.ListField(child=serializers.CharField(), help_text="Names of the gaps.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class WaitingRequests(serializers.Serializer[Any]):
    results = WaitingRequest(many=True)


class RequestState(serializers.Serializer[Any]):
    request_id = serializers.UUIDField(source="pk")
    state = serializers.ChoiceField(choices=SyncRequest.State.choices)


class CompanionView(APIView):
    authentication_classes = (SourceTokenAuthentication,)
    permission_classes = (FromCompanion,)


class Requests(CompanionView):
    @extend_schema(
        operation_id="sync_requests",
        summary="What the companion is asked",
        description=f"The source's requests that nobody has taken, oldest first, at most {AT_ONCE}. They come again"
        " until they are acknowledged, answered or expired.",
        responses={200: WaitingRequests, 401: OpenApiResponse(description="No token, or an unknown one.")},
    )
    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Source)
        return Response({"results": waiting_for(request.auth, timezone.now())})


class Acknowledge(CompanionView):
    @extend_schema(
        operation_id="acknowledge_sync_request",
        summary="Say that a request was taken",
        description="Repeating it changes nothing.",
        request=None,
        responses={
            200: RequestState,
            401: OpenApiResponse(description="No token, or an unknown one."),
            404: OpenApiResponse(description="The source has no such request."),
        },
    )
    def post(self, request: Request, request_id: str) -> Response:
        assert isinstance(request.auth, Source)
        try:
            taken = acknowledge(request.auth, UUID(request_id), timezone.now())
        except ValueError:
            taken = None
        if taken is None:
            raise NotFound("This source has no such request.")
        return Response(RequestState(taken).data)
