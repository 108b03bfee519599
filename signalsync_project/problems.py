"""Errors of the API as RFC 9457 has them (`application/problem+json`), wherever they arise."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

CONTENT_TYPE = "application/problem+json"
OWN = frozenset({"type", "title", "status", "detail", "instance"})


def problem(status: int, detail: str, more: Mapping[str, Any] | None = None) -> JsonResponse:
    """An answer that says what is wrong. `more` are members of ours; those that RFC 9457 has itself are left out."""
    told = {"type": "about:blank", "title": title_of(status), "status": status, "detail": detail}
    told |= {name: value for name, value in (more or {}).items() if name not in OWN}
    return JsonResponse(told, status=status, content_type=CONTENT_TYPE)


def title_of(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
