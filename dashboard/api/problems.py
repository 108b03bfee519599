"""How the API's errors are told: each as a problem, with the members that clients have always read beside it."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponseBase
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.views import exception_handler

from signalsync_project.problems import problem

WRONG = "Something in the request means nothing."


class Conflict(APIException):
    """It cannot be done as things stand (any more); the message says why."""

    status_code = status.HTTP_409_CONFLICT


class Problem(serializers.Serializer[Any]):
    """RFC 9457. Of a parameter or field that means nothing, `errors` says by name what is wrong with it."""

    type = serializers.CharField(default="about:blank")
    title = serializers.CharField(help_text="What the status means.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What is wrong, and what to do.")
    errors: Any = serializers.DictField(child=serializers.JSONField(), required=False)  # DRF itself has `errors`


def told(error: Exception, context: dict[str, Any]) -> HttpResponseBase | None:
    """DRF's handler of exceptions. None for what is no mistake of the request: Django answers that."""
    response = exception_handler(error, context)
    if response is None:
        return None
    data = response.data
    if isinstance(error, ValidationError):
        named = data if isinstance(data, dict) else {"non_field_errors": data}
        answer = problem(response.status_code, sentence(named), {**named, "errors": named})
    else:
        more = data if isinstance(data, dict) else {}
        answer = problem(response.status_code, str(more.get("detail", "")) or str(error), more)
    for header, value in response.headers.items():
        answer.headers.setdefault(header, value)
    return answer


def sentence(named: dict[str, Any]) -> str:
    """What is wrong with each, in a line."""
    return " ".join(f"{name}: {' '.join(texts(said))}" for name, said in named.items()) or WRONG


def texts(said: Any) -> Iterator[str]:
    """The messages of a field, however deep they are nested."""
    if isinstance(said, dict):
        said = list(said.values())
    if isinstance(said, list | tuple):
        for each in said:
            yield from texts(each)
    else:
        yield str(said)
