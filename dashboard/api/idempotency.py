"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is answered again and not done again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from typing import Any, Concatenate, TypeVar

from django.contrib.auth.models import User
from django.http import HttpResponse, HttpResponseBase, RawPostDataException
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, UnsupportedMediaType, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboard.models import KeptAnswer

from .problems import Conflict

HEADER = "Idempotency-Key"
KEPT = timedelta(days=1)
LONGEST = timedelta(minutes=2)
"""No request takes so long (web processes are ended after 30 s): one that is still under way then has died."""
MOST = KeptAnswer._meta.get_field("key").max_length or 0
PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": MOST},
    OpenApiParameter.HEADER,
    description="Of the client's choosing. The same request with the same key is done once, and answered so for a day.",
)

V = TypeVar("V", bound=APIView)
Post = Callable[Concatenate[V, Request, ...], Response]


class OtherRequest(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key was used for another request. Take a new one for each."


class UnderWay(Conflict):
    default_detail = "The request with this Idempotency-Key is being worked on. Ask again in a moment."
    wait = 1  # seconds; DRF answers it as Retry-After


def idempotent(post: Post[V]) -> Callable[Concatenate[V, Request, ...], HttpResponseBase]:
    """For a view's `post`. What was refused or failed keeps nothing: it may be sent again with its key."""

    @extend_schema(parameters=[PARAMETER])
    @wraps(post)
    def with_key(view: V, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = request.headers.get(HEADER)
        if key is None:
            return post(view, request, *args, **kwargs)
        row, mine = claimed(request, key, timezone.now())
        if not mine:
            return repeated(row)
        try:
            response = post(view, request, *args, **kwargs)
        except BaseException:
            row.delete()
            raise
        body = JSONRenderer().render(response.data).decode()
        KeptAnswer.objects.filter(pk=row.pk).update(status=response.status_code, body=body)
        return response

    wrapped: Callable[Concatenate[V, Request, ...], HttpResponseBase] = with_key
    return wrapped


def claimed(request: Request, key: str, now: datetime) -> tuple[KeptAnswer, bool]:
    """The row of a key, and whether this request is to do the work. Raises what is wrong with the key."""
    if not 0 < len(key) <= MOST or "\0" in key:
        raise ValidationError({HEADER: [f"Give from 1 to {MOST} characters."]})
    assert isinstance(request.user, User)
    KeptAnswer.objects.filter(created_at__lt=now - KEPT).delete()
    try:
        asked = digest(request.body)
    except RawPostDataException as error:  # a form, which something has read already
        raise UnsupportedMediaType(str(request.content_type)) from error
    row, made = KeptAnswer.objects.get_or_create(
        user=request.user,
        key=key,
        path=digest(request.get_full_path().encode()),
        defaults={"request_hash": asked, "created_at": now},
    )
    if row.request_hash != asked:
        raise OtherRequest
    if made or row.status is not None:
        return row, made
    died = KeptAnswer.objects.filter(pk=row.pk, status=None, created_at=row.created_at, created_at__lt=now - LONGEST)
    if not died.update(created_at=now):
        raise UnderWay
    return row, True


def digest(text: bytes) -> str:
    return sha256(text).hexdigest()


def repeated(row: KeptAnswer) -> HttpResponse:
    headers = {"Idempotent-Replayed": "true"}
    return HttpResponse(row.body, status=row.status, content_type="application/json", headers=headers)
