"""Pages of signals: DRF's paginated form, with a summary of the whole filtered set beside the results."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboard.summary import summary
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


class SignalPagination(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        self.summary = summary(queryset)
        self.django_paginator_class = self.counted  # type: ignore[assignment]
        return super().paginate_queryset(queryset, request, view)

    def counted(self, signals: QuerySet[AutomatedSignal], page_size: int) -> "Paginator[AutomatedSignal]":
        """A paginator that need not count: the summary has counted already."""
        paginator = Paginator(signals, page_size)
        paginator.count = self.summary["total"]
        return paginator

    def get_paginated_response(self, data: Any) -> Response:
        page = super().get_paginated_response(data).data
        return Response({**page, "summary": self.summary, "results": page["results"]})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["required"].append("summary")
        page["properties"]["summary"] = SUMMARY_SCHEMA
        return page
