# mypy: disable-error-code="no-untyped-call"
"""The stream of events for whoever would rather pull it, and how posting it goes."""

from typing import Any

from django_filters import filters
from django_filters.rest_framework.backends import DjangoFilterBackend
from django_filters.rest_framework.filterset import FilterSet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.pagination import CursorPagination

from dashboard.models import Attempt, Endpoint, StreamEvent
from dashboard.outbound.building import ENDED, HOW, SignalSummary, body_of
from dashboard.outbound.kinds import MEANINGS, Kind
from signals.exporting import Record

from .filters import MomentFilter
from .lists import StrictList
from .pagination import PageSize


class InOrder(PageSize, CursorPagination):
    """As it was told. Whoever follows it asks for what came after the last sequence."""

    ordering = "pk"


class NewestFirst(PageSize, CursorPagination):
    ordering = "-pk"


class EventProvenance(serializers.Serializer[Any]):
    heard = serializers.BooleanField(help_text="From the indicator itself; else a tier filled it.")
    source: Any = serializers.CharField(help_text="As `data_source` of a signal.")  # DRF itself has a `source`
    tier = serializers.CharField(allow_null=True)
    method = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField(help_text="0 to 1.")
    evidence = serializers.DictField()


class EventData(serializers.Serializer[Any]):
    """Those that are not required are of some kinds only: docs/outbound.md says of which."""

    proof = serializers.CharField(required=False, help_text="The signal's field that proves the step.")
    field = serializers.CharField(required=False)
    value = serializers.JSONField(required=False, allow_null=True, help_text="As the audit log has it.")
    was = serializers.JSONField(required=False, allow_null=True)
    fill = serializers.CharField(required=False, help_text="The same for a value and for its withdrawal.")
    approved = serializers.BooleanField(required=False, help_text="A person let it stand.")
    because = serializers.ChoiceField(required=False, choices=[(each, each) for each in ENDED.values()])
    note = serializers.CharField(required=False)
    gap = serializers.CharField(required=False, allow_null=True)
    title = serializers.CharField(required=False, help_text="The gap in words.")
    how = serializers.ChoiceField(required=False, choices=[(each, each) for each in HOW.values()])
    opened_at = serializers.DateTimeField(required=False)
    sequence = serializers.IntegerField(help_text="Greater for what was told later.")
    told_at = serializers.DateTimeField()
    provenance = EventProvenance(allow_null=True)
    simulated = serializers.BooleanField(required=False, help_text="It is of an invented market.")
    signal = SignalSummary(allow_null=True)


class EventMessage(serializers.Serializer[StreamEvent]):
    """What is posted, and `id`, which is posted as `webhook-id`."""

    id = serializers.CharField()
    type = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    timestamp = serializers.DateTimeField(help_text="When it happened.")
    data: Any = EventData()

    def to_representation(self, instance: StreamEvent) -> dict[str, Any]:
        return {"id": instance.key, **body_of(instance)}


class EventFilter(FilterSet):
    type = filters.MultipleChoiceFilter(
        choices=[(kind.value, kind.value) for kind in MEANINGS], help_text="Repeatable."
    )
    after = filters.NumberFilter("pk", "gt", help_text="Told after this sequence.", min_value=0, max_value=2**62)
    since = MomentFilter("told_at", "gte", help_text="Told at or after, ISO 8601.")
    before = MomentFilter("told_at", "lt", help_text="Told before, ISO 8601.")

    class Meta:
        model = StreamEvent
        fields = ("source", "symbol", "direction", "trade_id")


@extend_schema_view(get=extend_schema(operation_id="outbound_events", summary="Events, in the order they were told"))
class Events(StrictList[StreamEvent]):
    """What endpoints are posted, in the order in which it was told. It goes on where there are none."""

    queryset = StreamEvent.objects.exclude(type=Kind.TEST.value)
    serializer_class = EventMessage
    pagination_class = InOrder
    filter_backends = (DjangoFilterBackend,)
    filterset_class = EventFilter


class EndpointRecord(Record[Endpoint]):
    """Neither its secret nor its address, whose path may be one."""

    host = serializers.CharField(read_only=True)

    class Meta:
        model = Endpoint
        fields = (
            "name", "host", "enabled", "off_because", "types", "sources", "symbols", "direction", "least_tier",
            "least_confidence", "most_minutes", "created_at", "last_success_at", "last_error_at", "last_error",
            "failing_since",
        )  # fmt: skip
        read_only_fields = fields


@extend_schema_view(get=extend_schema(operation_id="outbound_endpoints", summary="Who is told, and how that goes"))
class Endpoints(StrictList[Endpoint]):
    """They are made and changed in the console only."""

    queryset = Endpoint.objects.order_by("pk")
    serializer_class = EndpointRecord
    pagination_class = InOrder
    filter_backends = ()


class AttemptRecord(Record[Attempt]):
    endpoint = serializers.CharField(source="endpoint.name", read_only=True)
    id = serializers.CharField(source="key", read_only=True, help_text="The event's.")

    class Meta:
        model = Attempt
        fields = ("endpoint", "id", "type", "at", "number", "again", "status", "error", "body", "seconds")
        read_only_fields = fields


class AttemptFilter(FilterSet):
    endpoint = filters.CharFilter("endpoint__name")
    id = filters.CharFilter("key", help_text="Of one event.")
    status = filters.NumberFilter(min_value=100, max_value=999)
    since = MomentFilter("at", "gte", help_text="At or after, ISO 8601.")

    class Meta:
        model = Attempt
        fields = ("type",)


@extend_schema_view(get=extend_schema(operation_id="outbound_attempts", summary="Every attempt to post an event"))
class Attempts(StrictList[Attempt]):
    """Newest first, each with what came back."""

    queryset = Attempt.objects.select_related("endpoint")
    serializer_class = AttemptRecord
    pagination_class = NewestFirst
    filter_backends = (DjangoFilterBackend,)
    filterset_class = AttemptFilter


def webhooks_in_schema(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """Tell in the schema what is posted. OpenAPI has a place of its own for that from 3.1 on only."""
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/EventMessage"}}}}
    answers = {"2XX": {"description": "Taken. Anything else but 410, which ends it, is tried again."}}
    result["x-webhooks"] = {
        kind.value: {"post": {"summary": meaning, "requestBody": body, "responses": answers}}
        for kind, meaning in MEANINGS.items()
    }
    return result
