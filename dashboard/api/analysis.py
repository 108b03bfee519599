"""The figures of Analysis for machines: the same report as the page shows, of the same signals."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from dashboard.analysis.counting import answer, question
from signals.formats import iso

from .filters import ANALYSIS, as_parameters
from .permissions import ProtectedView


class FigureRecord(serializers.Serializer[Any]):
    n = serializers.IntegerField(help_text="Signals that it rests on.")
    value = serializers.FloatField(allow_null=True, help_text="R, or a share from 0 to 1.")
    low = serializers.FloatField(allow_null=True, help_text="Of the 95 % interval; null where there are too few.")
    high = serializers.FloatField(allow_null=True)
    filled = serializers.FloatField(allow_null=True, help_text="Share of the n that rest on a filled value, 0 to 1.")
    heard_n = serializers.IntegerField(help_text="Signals of which all of it was heard.")
    heard = serializers.FloatField(allow_null=True, help_text="The figure of these alone.")
    few = serializers.CharField(allow_blank=True, help_text="Why nothing can be concluded from it; else empty.")


class RowRecord(serializers.Serializer[Any]):
    key = serializers.CharField(allow_blank=True)
    label: Any = serializers.CharField()  # DRF itself has a `label`
    query = serializers.DictField(help_text="Parameters of all-signals that narrow it to the row's signals.")
    narrow = serializers.DictField(help_text="By column: parameters that narrow it further to the figure's.")
    figures = serializers.DictField(child=FigureRecord(), help_text="By column.")
    best = serializers.DictField(
        required=False,
        child=serializers.FloatField(allow_null=True),
        help_text="Of stops: at best; `value` is at worst.",
    )


class TableRecord(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    of = serializers.CharField(help_text="What its rows are.")
    columns = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()), help_text="Key, title, and kind: r or share."
    )
    rows = RowRecord(many=True)
    says = serializers.CharField(allow_blank=True)


class LegCounts(serializers.Serializer[Any]):
    counted = serializers.IntegerField()
    end_unknown = serializers.IntegerField()
    mfe_unknown = serializers.IntegerField()
    fills_not_trusted = serializers.IntegerField()


class Counted(serializers.Serializer[Any]):
    signals = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    legs = serializers.DictField(child=LegCounts(), help_text="`be` and `stop`: completed ones counted, and left out.")


class Point(serializers.Serializer[Any]):
    x = serializers.IntegerField(help_text="When the trade ended, milliseconds since 1970.")
    y = serializers.FloatField(help_text="Sum of results so far, R.")


class EquityShape(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    deepest_fall = serializers.FloatField(allow_null=True, help_text="R.")
    longest_losing_streak = serializers.IntegerField()


class EquityRecord(EquityShape):
    filled = serializers.FloatField(allow_null=True, help_text="Share of the trades that rest on a filled value.")
    heard = EquityShape(help_text="Of the other trades alone.")
    points = Point(many=True)


class AnalysisAnswer(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField(help_text="When it was counted.")
    query = serializers.CharField(allow_blank=True, help_text="What was asked, in one order.")
    since = serializers.DateTimeField(allow_null=True, help_text="Only signals first heard of after it were looked at.")
    target = serializers.CharField()
    counted = Counted()
    tables = TableRecord(many=True)
    equity = serializers.DictField(child=EquityRecord(), help_text="`be` and `stop`.")


class BeingCounted(serializers.Serializer[Any]):
    detail = serializers.CharField()


class NotCounted(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    wait = 60


RETRY = 5  # seconds


class Analysis(ProtectedView):
    @extend_schema(
        operation_id="analysis",
        summary="Expectancy, win rates, excursions and equity of both legs, with how far to trust each figure",
        parameters=as_parameters(ANALYSIS),
        responses={
            200: AnalysisAnswer,
            202: OpenApiResponse(BeingCounted, "Very many signals: the worker counts them. Ask again in seconds."),
            400: OpenApiResponse(description="A parameter means nothing; the answer says which."),
            503: OpenApiResponse(description="They could not be counted; the answer says why."),
        },
    )
    def get(self, request: Request) -> Response:
        known = {*ANALYSIS, str(api_settings.URL_FORMAT_OVERRIDE)}
        if unknown := sorted(set(request.query_params) - known):
            says = [f"Unknown parameter. Known: {', '.join(sorted(known))}."]
            raise ValidationError(dict.fromkeys(unknown, says))
        found = answer(request.query_params, timezone.now())
        if found.asked.wrong:
            raise ValidationError(found.asked.wrong)
        if found.report is None or found.counted_at is None:
            if found.failed:
                raise NotCounted(f"They could not be counted: {found.failed}")
            detail = "The worker counts these signals. Ask again in a moment."
            return Response({"detail": detail}, status.HTTP_202_ACCEPTED, headers={"Retry-After": str(RETRY)})
        since = iso(found.asked.floor) if found.asked.floor else None
        told = {"as_of": iso(found.counted_at), "query": question(request.query_params), "since": since}
        return Response({**told, **found.report})
