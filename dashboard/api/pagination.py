"""Pages of lists. Those of signals have DRF's paginated form, with a summary of the whole filtered set beside it."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboard.telling.status_counts import summary
from signals.models import AutomatedSignal

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
    """How every list takes its page's size: more than the maximum gets the maximum."""

    # Any: DRF's classes allow None in each.
    page_size: Any = 50
    page_size_query_param: Any = "page_size"
    max_page_size: Any = 500

    def get_page_size(self, request: Request) -> int:
        asked = asked_number(request, self.page_size_query_param, self.page_size)
        return min(asked, int(self.max_page_size))


class SignalPagination(PageSize, PageNumberPagination):
    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        self.summary = summary(queryset)
        self.django_paginator_class = self.counted  # type: ignore[assignment]
        return super().paginate_queryset(queryset, request, view)

    def counted(self, signals: QuerySet[AutomatedSignal], page_size: int) -> "Paginator[AutomatedSignal]":
        """A paginator that need not count: the summary has counted already."""
        paginator = Paginator(signals, page_size)
        paginator.count = self.summary["total"]
        return paginator

    def get_page_number(self, request: Request, paginator: Any) -> int:
        asked = request.query_params.get(self.page_query_param)
        last: int = paginator.num_pages
        return last if asked in self.last_page_strings else asked_number(request, self.page_query_param, 1)

    def get_paginated_response(self, data: Any) -> Response:
        page = super().get_paginated_response(data).data
        return Response({**page, "summary": self.summary, "results": page["results"]})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["required"].append("summary")
        page["properties"]["summary"] = SUMMARY_SCHEMA
        return page
