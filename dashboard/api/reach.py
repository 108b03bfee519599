"""Lists of signals of any size: each answer looks at a bounded stretch of them, and `next` goes on beyond."""

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework.backends import DjangoFilterBackend
from django_filters.utils import translate_validation
from rest_framework.request import Request

from dashboard.asked import REACH, narrowing, within_reach
from signals.models import AutomatedSignal


class WithinReach(DjangoFilterBackend):
    """Filters among the newest REACH signals first heard of before `before`.

    It leaves with the view what pages need to know: `floor`, the moment from which on signals were looked at (None: all
    were), `whole`, which is all signals of the list where nothing narrows them, so that an index counts them, and
    `named`, the trade id where `search` is a whole one.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)  # type: ignore[no-untyped-call]
        if not filterset.is_valid():
            raise translate_validation(filterset.errors)  # type: ignore[no-untyped-call]
        given, before = narrowing(filterset), filterset.form.cleaned_data["before"]
        view.floor, view.whole, view.named = None, None, named(request)
        if not view.named:
            span, view.floor = within_reach(given, REACH, before=before)
            # Before the filters: what some of them leave out, they look up among what they are given.
            filterset.queryset = queryset.filter(**span)
            narrowed = given or request.query_params.get("search")
            view.whole = None if narrowed else queryset
        found: QuerySet[Any] = filterset.qs
        return found


def named(request: Request) -> str:
    """The whole trade id that is looked for, which an index finds however old its signal is; "" where none is."""
    search: str = request.query_params.get("search", "").strip()
    known = search and "\0" not in search and AutomatedSignal.objects.filter(trade_id=search).exists()
    return search if known else ""
