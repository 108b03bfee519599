"""The formats in which other alerts are read, for keeping them beside the rest of one's configuration."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from signals.models import Format

from .permissions import ProtectedView


class FormatRecord(serializers.ModelSerializer[Format]):
    source: Any = serializers.CharField(source="source.name", default=None, allow_null=True, help_text="Null: for all.")
    spec = serializers.DictField(help_text="What the console imports; docs/formats.md is its reference.")

    class Meta:
        model = Format
        fields = ("name", "version", "source", "created_at", "creator", "note", "spec")


class FormatsAnswer(serializers.Serializer[Any]):
    results = FormatRecord(many=True)


class Formats(ProtectedView):
    """The version in use of every format that was taught or switched on. Teaching takes the console."""

    @extend_schema(operation_id="formats", summary="Formats in use", responses={200: FormatsAnswer})
    def get(self, request: Request) -> Response:
        used = Format.objects.filter(state=Format.State.ACTIVE).select_related("source")
        return Response({"results": FormatRecord(used.order_by("name", "source__name"), many=True).data})
