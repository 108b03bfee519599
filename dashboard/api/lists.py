"""What all lists share: they know their parameters, refuse any other, and can be had as CSV and as JSON lines."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django_filters.rest_framework.backends import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.generics import ListAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from .pagination import Newest
from .permissions import ProtectedView
from .streaming import ROWS_AT_ONCE, CsvLines, JsonLines, Lines

M = TypeVar("M", bound=Model)


class StrictList(ProtectedView, ListAPIView[M]):
    """A list that answers 400 to a parameter it does not know: a mistyped filter must not show everything."""

    renderer_classes = (JSONRenderer, CsvLines, JsonLines)
    pagination_class: Any = Newest
    filter_backends: Any = (DjangoFilterBackend,)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        written = request.accepted_renderer
        return self.streamed(written) if isinstance(written, Lines) else self.told()

    def told(self) -> Response:
        """A page, as DRF tells it, but by a serializer that does not keep the rows."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        serializer: Any = self.get_serializer()
        response = self.get_paginated_response([serializer.to_representation(row) for row in rows])
        response.add_post_render_callback(self.let_go)
        return response

    def let_go(self, response: Response) -> None:
        """Views, requests and answers refer to each other, so that rows which they hold wait for the collector: it
        needed as long for those of two pages of 500 as it took to answer one."""
        view: Any = self
        answer: Any = response
        view.paginator.page = view.response = answer.renderer_context = None

    def streamed(self, written: Lines) -> HttpResponseBase:
        """A page of streaming.ROWS, of which only the keys are held; `Link` leads to the next."""
        rows = self.filter_queryset(self.get_queryset()).select_related(None).prefetch_related(None).only("pk")
        assert self.paginator is not None
        page = self.paginator.paginate_queryset(rows, self.request, view=self) or []
        serializer: Any = self.get_serializer()
        lines = written.lines(list(serializer.fields), self.records(serializer, [row.pk for row in page]))
        response = StreamingHttpResponse(lines, content_type=f"{written.media_type}; charset={written.charset}")
        if following := self.paginator.get_next_link():  # type: ignore[attr-defined]
            response["Link"] = f'<{following}>; rel="next"'
        return response

    def records(self, serializer: Any, keys: Sequence[Any]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(keys), ROWS_AT_ONCE):
            chunk = keys[start : start + ROWS_AT_ONCE]
            found = self.get_queryset().in_bulk(chunk)
            yield from map(serializer.to_representation, self.described([found[key] for key in chunk if key in found]))

    def described(self, rows: list[M]) -> list[M]:
        """The rows with what is told of them beside their columns."""
        return rows

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        return None if page is None else self.described(list(page))

    def filter_queryset(self, queryset: QuerySet[M, Any]) -> QuerySet[M, Any]:
        refuse_unknown(self.request, self.known_parameters())
        return super().filter_queryset(queryset)

    def known_parameters(self) -> set[str]:
        known = {str(api_settings.URL_FORMAT_OVERRIDE)}
        for backend in self.filter_backends:
            known |= parameters_of(backend(), self)
        for kind in ("page", "page_size", "cursor"):
            known.add(getattr(self.paginator, f"{kind}_query_param", None) or "")
        return known - {""}


def refuse_unknown(request: Request, known: Collection[str]) -> None:
    """Raises ValidationError where the request has other parameters."""
    if unknown := sorted(set(request.query_params) - set(known)):
        says = [f"Unknown parameter. Known: {', '.join(sorted(known))}."]
        raise ValidationError(dict.fromkeys(unknown, says))


def parameters_of(backend: Any, view: StrictList[Any]) -> set[str]:
    if isinstance(backend, DjangoFilterBackend):
        filterset = backend.get_filterset_class(view, view.get_queryset())  # type: ignore[no-untyped-call]
        return set(filterset.base_filters) if filterset else set()
    if isinstance(backend, SearchFilter):
        return {backend.search_param}
    return {backend.ordering_param} if isinstance(backend, OrderingFilter) else set()
