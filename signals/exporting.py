"""The one serialisation of a signal: what the export writes, the API answers and the console offers to download.

Prices are in points, MFE and MAE in R; both are JSON numbers, exact to the 15 digits that a double carries and that
are kept of a number. Moments are UTC ISO 8601 to the second with Z.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from django.db import models
from django.db.models import QuerySet
from rest_framework import serializers

from signals.formats import iso

from .lines import csv_lines, json_lines
from .models import AutomatedSignal, SignalNote, Source
from .vocabulary import DataSource

M = TypeVar("M", bound=models.Model)
SIGNALS_AT_ONCE = 500
# Housekeeping of the sync, not part of what a signal is.
INTERNAL = frozenset({"needs_sync", "check_at", "rebuild_error", "flips"})
MODEL_FIELDS = [f.name for f in AutomatedSignal._meta.concrete_fields if f.name not in INTERNAL]


def number(value: Decimal) -> int | float:
    """A Decimal as the plainest JSON number: 25513.75, 24847, 0."""
    return int(value) if value == value.to_integral_value() else float(value)


def numbers(values: Mapping[str, Any] | None) -> dict[str, int | float] | None:
    """Named prices, stored as decimal strings, as JSON numbers."""
    return None if values is None else {name: number(Decimal(str(value))) for name, value in values.items()}


class NumberField(serializers.DecimalField):
    def to_representation(self, value: Any) -> Any:
        return number(Decimal(value))


class MomentField(serializers.DateTimeField):
    """UTC whatever time zone the thread has active (a page may have activated the reader's)."""

    def to_representation(self, value: Any) -> str:
        return iso(value)


class PricesField(serializers.DictField):
    child = serializers.FloatField()

    def to_representation(self, value: Any) -> dict[Any, Any]:
        return numbers(value) or {}


class TagsField(serializers.ListField):
    """Their names, in order."""

    child = serializers.CharField()

    def to_representation(self, value: Any) -> list[str]:
        return sorted(tag.name for tag in value.all())


class NoteRecord(serializers.ModelSerializer[SignalNote]):
    written_at = MomentField(read_only=True)

    class Meta:
        model = SignalNote
        fields = ("written_at", "author", "text")


class Record(serializers.ModelSerializer[M]):
    """A row as it is told outside: numbers as numbers, moments in UTC."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DecimalField: NumberField,
        models.DateTimeField: MomentField,
    }

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        """Nothing chosen is one of the choices, where a column may hold it: the schema says so, too."""
        kind, options = super().build_standard_field(field_name, model_field)
        if "choices" in options and model_field.blank and not model_field.null:
            options["choices"] = [("", "None"), *options["choices"]]
        return kind, options


class SignalRecord(Record[AutomatedSignal]):
    """All fields of a signal, its provenance, and which of its values the indicator itself did not send."""

    source: Any = serializers.SlugRelatedField(slug_field="name", read_only=True)  # DRF itself has a `source`
    symbol = serializers.SerializerMethodField(help_text="As its alerts state it, else its source's; empty: unknown.")
    targets = PricesField(read_only=True, allow_null=True)
    targets_extended = PricesField(read_only=True, allow_null=True)
    tags = TagsField(read_only=True, help_text="What people tagged it with.")
    notes = NoteRecord(read_only=True, many=True, help_text="What people noted about it, oldest first.")
    synthetic = serializers.SerializerMethodField(
        help_text="Fields whose value was not sent by the indicator in real time, sorted."
    )

    class Meta:
        model = AutomatedSignal
        fields = [*MODEL_FIELDS, "synthetic", "tags", "notes"]
        read_only_fields = fields

    def get_symbol(self, signal: AutomatedSignal) -> str:
        return signal.symbol or str(signal.source.symbol)

    def get_synthetic(self, signal: AutomatedSignal) -> list[str]:
        return synthetic(signal)


def synthetic(signal: AutomatedSignal) -> list[str]:
    return sorted(name for name, entry in signal.provenance.items() if entry["source"] != DataSource.REALTIME)


def record(signal: AutomatedSignal) -> dict[str, Any]:
    """The signal as JSON-able values, in the order of its columns."""
    return dict(SignalRecord(signal).data)


def ordered(signals: QuerySet[AutomatedSignal]) -> Iterator[AutomatedSignal]:
    """The signals by source name, trade id, symbol and life, so that two exports compare; a chunk at a time in memory.

    One query a source: the unique index gives that order without a sort, and a server-side cursor streams it.
    """
    for source in Source.objects.order_by("name"):
        for signal in (
            signals.filter(source=source)
            .order_by("trade_id", "symbol", "life")
            .prefetch_related("tags", "notes")
            .iterator(chunk_size=SIGNALS_AT_ONCE)
        ):
            signal.source = source
            yield signal


def jsonl(signals: QuerySet[AutomatedSignal]) -> Iterator[str]:
    """One JSON object a line, line ends included."""
    return json_lines(map(SignalRecord().to_representation, ordered(signals)))


def as_csv(signals: QuerySet[AutomatedSignal]) -> Iterator[str]:
    """CSV with a header, line ends included."""
    records = map(SignalRecord().to_representation, ordered(signals))
    return csv_lines(SignalRecord.Meta.fields, (row.values() for row in records))
