"""The read endpoints about signals."""

from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.telling.history import AmbiguousSignalError, UnknownSignalError, find_signal, history, own_symbol
from signals.models import AutomatedSignal
from signals.vocabulary import Status

from .answers import SeveralProblem, Timeline, refused
from .filters import ListedFilter, StableOrdering, TradeIdSearch
from .lists import StrictList
from .pagination import SignalPagination
from .permissions import ProtectedView
from .reach import WithinReach
from .serializers import DetailedSignal, ListedSignal, described

ONE_SIGNAL = [
    OpenApiParameter("source", str, description="Name of the source, needed where several share the trade id."),
    OpenApiParameter("symbol", str, description="Its symbol, needed where a source has the id of several."),
    OpenApiParameter(
        "life", int, description="Its number, from 1, needed where trades had the id one after the other."
    ),
]
WHOLE = OpenApiParameter("whole", bool, description="The signal whose id ends in /timeline, not another's timeline.")
NOT_ONE = {
    404: refused("No such signal; `detail` says where to look."),
    409: OpenApiResponse(
        SeveralProblem,
        "Several signals have it: `candidates` names the first of them by `source`, `symbol`, `life` and `url`.",
    ),
}


CANDIDATES = 100


class SeveralSignals(APIException):
    status_code = status.HTTP_409_CONFLICT

    def __init__(self, ambiguous: AmbiguousSignalError, path: str) -> None:
        candidates = [candidate(signal, path) for signal in ambiguous.candidates[:CANDIDATES]]
        super().__init__()
        self.detail: Any = {"detail": str(ambiguous), "candidates": candidates}  # as it is: numbers stay numbers


def candidate(signal: AutomatedSignal, path: str) -> dict[str, Any]:
    """One of several signals of an id, with the address at which it is this one."""
    told = {"source": signal.source.name, "symbol": own_symbol(signal), "life": signal.life}
    query = urlencode({name: value for name, value in told.items() if value})
    return {**told, "trade_id": signal.trade_id, "status": signal.status, "url": f"{path}?{query}"}


def asked_signal(request: Request, trade_id: str) -> AutomatedSignal:
    """The signal of the address; `source`, `symbol` and `life` pick among those that share its trade id."""
    try:
        return find_signal(trade_id, *(request.query_params.get(name, "") for name in ("source", "symbol", "life")))
    except UnknownSignalError as error:
        raise NotFound(str(error)) from error
    except AmbiguousSignalError as error:
        raise SeveralSignals(error, request.path) from error


@extend_schema_view(get=extend_schema(operation_id="all_signals"))
class AllSignals(StrictList[AutomatedSignal]):
    """Every signal, newest first: pending, confirmed, completed and cancelled."""

    queryset = AutomatedSignal.objects.select_related("source")
    serializer_class = ListedSignal
    pagination_class = SignalPagination
    filter_backends = (WithinReach, TradeIdSearch, StableOrdering)
    filterset_class = ListedFilter
    search_fields = ("trade_id",)

    def described(self, rows: list[AutomatedSignal]) -> list[AutomatedSignal]:
        return described(rows, timezone.now())


@extend_schema_view(get=extend_schema(operation_id="cancelled_signals"))
class CancelledSignals(AllSignals):
    """Signals that were cancelled, said by the indicator or inferred by the alternation rule."""

    queryset = AutomatedSignal.objects.select_related("source").filter(status=Status.CANCELLED)


def told(request: Request, trade_id: str) -> Response:
    [signal] = described([asked_signal(request, trade_id)], timezone.now())
    return Response(DetailedSignal(signal).data)


class SignalDetail(ProtectedView):
    @extend_schema(
        operation_id="signal",
        summary="One signal with all its fields and where each came from",
        parameters=ONE_SIGNAL,
        responses={200: DetailedSignal, **NOT_ONE},
    )
    def get(self, request: Request, trade_id: str) -> Response:
        return told(request, trade_id)


class SignalTimeline(ProtectedView):
    @extend_schema(
        operation_id="signal_timeline",
        summary="Everything that happened to one signal, in time order",
        parameters=[*ONE_SIGNAL, WHOLE],
        responses={200: Timeline, **NOT_ONE},
    )
    def get(self, request: Request, trade_id: str) -> Response:
        """A trade id may itself end as this address does: where only such a one is stored, it is told."""
        whole = f"{trade_id}/timeline"
        if "whole" in request.query_params:
            return told(request, whole)
        try:
            return Response(history(asked_signal(request, trade_id), now=timezone.now()))
        except NotFound:
            if not AutomatedSignal.objects.filter(trade_id=whole).exists():
                raise
            return told(request, whole)
