"""The formats in which other alerts are read: kept elsewhere, tried, taught and taken back by programs."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.console.actions import ActionError, log
from dashboard.console.roles import TEACH
from dashboard.teaching import Taught, go_back, problem_of, take_out, teach, tried_on_read
from signals.dialects.spec import SpecError
from signals.models import Format, Source
from signals.teaching.previewing import Preview, SignalPreview, preview, tried
from signals.teaching.saving import in_use

from .answers import GONE, MISSING
from .bodies import StrictBody, said
from .idempotency import idempotent
from .lists import StrictList
from .narrowing import FormatFilter
from .pagination import ByName
from .permissions import ProtectedView, person_of
from .problems import Conflict

FORMATS = Format.objects.select_related("source")


class FormatRecord(serializers.ModelSerializer[Format]):
    source: Any = serializers.CharField(source="source.name", default=None, allow_null=True, help_text="Null: for all.")
    spec = serializers.DictField(help_text="What the console imports; docs/formats.md is its reference.")

    class Meta:
        model = Format
        fields = ("id", "name", "version", "state", "source", "created_at", "creator", "note", "spec")


class TaughtFormat(FormatRecord):
    job = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The job that reads again what waits in the shape, if anything does."
    )

    class Meta(FormatRecord.Meta):
        fields: Any = (*FormatRecord.Meta.fields, "job")


class SpecBody(StrictBody):
    spec = serializers.DictField(help_text="The format, as docs/formats.md says.")
    source: Any = serializers.SlugRelatedField(
        slug_field="name", queryset=Source.objects.all(), allow_null=True, default=None,
        help_text="Name of the source whose alerts it reads; null: of all.",
    )  # fmt: skip
    shape = serializers.RegexField(
        r"^[0-9A-Za-z]*$", max_length=32, default="", allow_blank=True,
        help_text="Of `/api/quarantine`: what waits in it is tried, and read again once the format is taught.",
    )  # fmt: skip


class TriedStep(serializers.Serializer[Any]):
    type = serializers.CharField()
    fire_minute = serializers.DateTimeField()
    values = serializers.DictField(child=serializers.JSONField(allow_null=True))


class TriedSignal(serializers.Serializer[Any]):
    trade_id = serializers.CharField()
    symbol = serializers.CharField()
    direction = serializers.CharField()
    steps = TriedStep(many=True)


class TriedBody(serializers.Serializer[Any]):
    delivery = serializers.UUIDField()
    events = serializers.IntegerField()
    bars = serializers.IntegerField()
    reason = serializers.CharField(help_text="Why it cannot be read so; empty if it can.")


class FormatTried(serializers.Serializer[Any]):
    problem = serializers.CharField(help_text="Why it cannot be taught; empty if it can.")
    read = serializers.IntegerField()
    unread = serializers.IntegerField()
    more = serializers.IntegerField(help_text="What waits in the shape and was not looked at.")
    bodies = TriedBody(many=True)
    signals = TriedSignal(many=True, help_text="What would come of them.")


@extend_schema_view(get=extend_schema(operation_id="formats", summary="Formats, those in use unless asked otherwise"))
class Formats(StrictList[Format]):
    queryset = FORMATS
    serializer_class = FormatRecord
    filterset_class = FormatFilter
    pagination_class = ByName
    acting = TEACH

    def get_queryset(self) -> QuerySet[Format]:
        rows = super().get_queryset()
        return rows if "state" in self.request.query_params else rows.filter(state=Format.State.ACTIVE)

    @idempotent
    @extend_schema(
        operation_id="teach_format",
        summary="Save a format, in use at once, as the next version of its name",
        request=SpecBody,
        responses={200: TaughtFormat, **GONE},
    )
    def post(self, request: Request) -> Response:
        """Refused where it reads nothing of what waits in the `shape`."""
        given, person, now = said(SpecBody, request), person_of(request), timezone.now()
        spec, source, shape = given["spec"], given["source"], given["shape"]
        problem = problem_of(outcome_of(spec, source, shape))
        if problem:
            raise ValidationError({"spec": [problem]})
        try:
            done = teach(person, spec, source=source, shape=shape, now=now)
        except ActionError as error:
            raise Conflict(str(error)) from error
        log(person, [done.change])
        return answer(done)


def outcome_of(spec: Mapping[str, Any], source: Source | None, shape: str) -> Preview:
    """What a format would make of what waits in the shape; without one, of what its versions have read."""
    if shape:
        return preview(spec, shape, source=source)
    before = in_use(str(spec.get("name", "")).replace("\0", ""), source).first()
    return tried_on_read(spec, before, source) if before else tried(spec, [], source)


def answer(done: Taught) -> Response:
    told = FormatRecord(done.format).data
    return Response({**told, "job": done.job.pk if done.job else None})


@extend_schema_view(get=extend_schema(operation_id="format", summary="One version of a format"))
class FormatDetail(ProtectedView, RetrieveAPIView[Format]):
    queryset = FORMATS
    serializer_class = FormatRecord


class TryFormat(ProtectedView):
    acting = TEACH

    @extend_schema(
        operation_id="try_format",
        summary="What a format would make of what is stored; stores nothing",
        request=SpecBody,
        responses={200: FormatTried},
    )
    def post(self, request: Request) -> Response:
        given = said(SpecBody, request)
        outcome = outcome_of(given["spec"], given["source"], given["shape"])
        bodies = [
            {"delivery": row.delivery, "events": len(row.events), "bars": len(row.bars), "reason": row.reason}
            for row in outcome.rows
        ]
        return Response(
            {
                "problem": problem_of(outcome), "read": outcome.read, "unread": outcome.unread, "more": outcome.more,
                "bodies": bodies, "signals": [as_told(signal) for signal in outcome.signals],
            }
        )  # fmt: skip


def as_told(signal: SignalPreview) -> dict[str, Any]:
    steps = [{"type": step.type, "fire_minute": step.fire_minute, "values": dict(step.facts)} for step in signal.steps]
    told = {"trade_id": signal.trade_id, "symbol": signal.symbol, "direction": signal.direction}
    return {**told, "steps": steps}


class OnFormat(ProtectedView):
    """What is done with one version of a format, by the functions that the console calls."""

    acting = TEACH

    def decided(self, request: Request, pk: int) -> Taught:
        raise NotImplementedError

    def done(self, request: Request, pk: int) -> Response:
        try:
            done = self.decided(request, pk)
        except (ActionError, SpecError) as error:
            raise Conflict(str(error)) from error
        log(person_of(request), [done.change])
        return answer(done)


class RetireFormat(OnFormat):
    @idempotent
    @extend_schema(
        operation_id="retire_format",
        summary="Take a version out of use; what it has read stays",
        request=StrictBody,
        responses={200: TaughtFormat, **MISSING, **GONE},
    )
    def post(self, request: Request, pk: int) -> Response:
        return self.done(request, pk)

    def decided(self, request: Request, pk: int) -> Taught:
        return take_out(get_object_or_404(FORMATS, pk=pk), timezone.now())


class RestoreFormat(OnFormat):
    @idempotent
    @extend_schema(
        operation_id="restore_format",
        summary="Go back to a version, as the newest",
        request=StrictBody,
        responses={200: TaughtFormat, **MISSING, **GONE},
    )
    def post(self, request: Request, pk: int) -> Response:
        return self.done(request, pk)

    def decided(self, request: Request, pk: int) -> Taught:
        return go_back(person_of(request), get_object_or_404(FORMATS, pk=pk), timezone.now())
