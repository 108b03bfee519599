"""Pages of lists. Those of signals have DRF's paginated form, with a summary of the whole filtered set beside it."""

from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError as Invalid
from django.core.paginator import Paginator
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from dashboard.telling.status_counts import summary
from signals.formats import iso
from signals.models import AutomatedSignal

from .streaming import ROWS, Lines

SUMMARY_SCHEMA = {
    "type": "object",
    "required": ["total", "confirmed", "cancelled", "pending", "confirmation_rate"],
    "properties": {
        **{name: {"type": "integer"} for name in ("total", "confirmed", "cancelled", "pending")},
        "confirmation_rate": {
            "type": "number",
            "nullable": True,
            "description": "Confirmed signals per hundred of the filtered set; null when it is empty.",
        },
    },
}

LOOKED_FROM = {
    "type": "string",
    "format": "date-time",
    "nullable": True,
    "description": "Signals first heard of from then on were looked at; null: all. After them, `next` goes on.",
}


def asked_number(request: Request, name: str, default: int) -> int:
    """A parameter that counts from 1. Raises ValidationError: a mistyped one must not show another page."""
    text = request.query_params.get(name) or str(default)
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ValidationError({name: [f"{text!r} is not a whole number from 1 on."]})
    return number


class PageSize:
    """How every list takes its page's size: more than the maximum gets the maximum. A file's page is a longer one."""

    # Any: DRF's classes allow None in each.
    page_size: Any = 50
    page_size_query_param: Any = "page_size"
    max_page_size: Any = 500

    def get_page_size(self, request: Request) -> int:
        file = isinstance(getattr(request, "accepted_renderer", None), Lines)
        asked = asked_number(request, self.page_size_query_param, ROWS if file else self.page_size)
        return min(asked, ROWS if file else int(self.max_page_size))


class Newest(PageSize, CursorPagination):
    """Newest first, without counting: these tables only grow."""

    ordering: Any = "-pk"

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        self.model = queryset.model
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request: Request) -> Any:
        """Refuses a position that the column could not hold: nobody was ever given such a cursor."""
        cursor = super().decode_cursor(request)
        if cursor is None or cursor.position is None:
            return cursor
        first = (self.ordering if isinstance(self.ordering, str) else self.ordering[0]).removeprefix("-")
        column = self.model._meta.pk if first == "pk" else self.model._meta.get_field(first)
        try:
            column.run_validators(column.to_python(cursor.position))
        except (Invalid, ValueError, OverflowError) as error:
            raise NotFound(self.invalid_cursor_message) from error
        return cursor


class ByName(Newest):
    ordering: Any = ("name", "pk")


class SignalPagination(PageSize, PageNumberPagination):
    """Numbered pages of what was looked at (reach.py). After the last of them, `next` asks for what is older."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        self.floor: datetime | None = getattr(view, "floor", None)
        whole = getattr(view, "whole", None)
        self.summary = summary(queryset if whole is None else whole)
        looked_at = queryset.order_by().count() if whole is not None and self.floor else self.summary["total"]
        self.django_paginator_class = partial(self.counted, looked_at)  # type: ignore[assignment]
        return super().paginate_queryset(queryset, request, view)

    def counted(self, number: int, signals: QuerySet[AutomatedSignal], page_size: int) -> "Paginator[AutomatedSignal]":
        """A paginator that need not count."""
        paginator = Paginator(signals, page_size)
        paginator.count = number
        return paginator

    def get_page_number(self, request: Request, paginator: Any) -> int:
        asked = request.query_params.get(self.page_query_param)
        last: int = paginator.num_pages
        return last if asked in self.last_page_strings else asked_number(request, self.page_query_param, 1)

    def get_next_link(self) -> str | None:
        link: str | None = super().get_next_link()
        if link is None and self.floor is not None:
            assert self.request is not None
            address = remove_query_param(self.request.build_absolute_uri(), self.page_query_param)
            link = replace_query_param(address, "before", iso(self.floor))
        return link

    def get_paginated_response(self, data: Any) -> Response:
        page = super().get_paginated_response(data).data
        told = {
            "count": self.summary["total"],
            "summary": self.summary,
            "looked_from": iso(self.floor) if self.floor else None,
        }
        return Response({**page, **told, "results": page["results"]})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["required"] += ["summary", "looked_from"]
        page["properties"] |= {"summary": SUMMARY_SCHEMA, "looked_from": LOOKED_FROM}
        return page
