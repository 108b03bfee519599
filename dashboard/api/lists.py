"""What all lists share: they know their parameters, and refuse any other."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django_filters.rest_framework.backends import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.generics import ListAPIView
from rest_framework.settings import api_settings

from .permissions import ProtectedView

M = TypeVar("M", bound=Model)


class StrictList(ProtectedView, ListAPIView[M]):
    """A list that answers 400 to a parameter it does not know: a mistyped filter must not show everything."""

    def filter_queryset(self, queryset: QuerySet[M, Any]) -> QuerySet[M, Any]:
        known = self.known_parameters()
        if unknown := sorted(set(self.request.query_params) - known):
            says = [f"Unknown parameter. Known: {', '.join(sorted(known))}."]
            raise ValidationError(dict.fromkeys(unknown, says))
        return super().filter_queryset(queryset)

    def known_parameters(self) -> set[str]:
        known = {str(api_settings.URL_FORMAT_OVERRIDE)}
        for backend in self.filter_backends:
            known |= parameters_of(backend(), self)
        for kind in ("page", "page_size", "cursor"):
            known.add(getattr(self.paginator, f"{kind}_query_param", None) or "")
        return known - {""}


def parameters_of(backend: Any, view: StrictList[Any]) -> set[str]:
    if isinstance(backend, DjangoFilterBackend):
        filterset = backend.get_filterset_class(view, view.get_queryset())  # type: ignore[no-untyped-call]
        return set(filterset.base_filters)
    if isinstance(backend, SearchFilter):
        return {backend.search_param}
    return {backend.ordering_param} if isinstance(backend, OrderingFilter) else set()
