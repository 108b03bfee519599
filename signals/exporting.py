"""The one serialisation of a signal: what the export writes, the API answers and the console offers to download.

Prices are in points, MFE and MAE in R; both are JSON numbers, exact to the 15 digits that a double carries and that
are kept of a number. Moments are UTC ISO 8601 to the second with Z.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from django.db import models
from django.db.models import QuerySet
from rest_framework import serializers

from signals.formats import iso

from .models import AutomatedSignal, Source
from .vocabulary import DataSource

M = TypeVar("M", bound=models.Model)
SIGNALS_AT_ONCE = 500
# Housekeeping of the sync, not part of what a signal is.
INTERNAL = frozenset({"needs_sync", "check_at", "rebuild_error"})
MODEL_FIELDS = [f.name for f in AutomatedSignal._meta.concrete_fields if f.name not in INTERNAL]
# A spreadsheet takes a cell that begins with one of these for a formula; senders choose some of the texts.
# Some readers take a full-width sign for the sign, cut a cell at a semicolon or a bar, or pass over what is blank.
FORMULA_STARTS = tuple("=+-@＝＋－＠|;\t\r\n")  # noqa: RUF001
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


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


class Record(serializers.ModelSerializer[M]):
    """A row as it is told outside: numbers as numbers, moments in UTC."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DecimalField: NumberField,
        models.DateTimeField: MomentField,
    }


class SignalRecord(Record[AutomatedSignal]):
    """All fields of a signal, its provenance, and which of its values the indicator itself did not send."""

    source: Any = serializers.SlugRelatedField(slug_field="name", read_only=True)  # DRF itself has a `source`
    symbol = serializers.SerializerMethodField(help_text="As its alerts state it, else its source's; empty: unknown.")
    targets = PricesField(read_only=True, allow_null=True)
    targets_extended = PricesField(read_only=True, allow_null=True)
    synthetic = serializers.SerializerMethodField(
        help_text="Fields whose value was not sent by the indicator in real time, sorted."
    )

    class Meta:
        model = AutomatedSignal
        fields = [*MODEL_FIELDS, "synthetic"]
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
            signals.filter(source=source).order_by("trade_id", "symbol", "life").iterator(chunk_size=SIGNALS_AT_ONCE)
        ):
            signal.source = source
            yield signal


def jsonl(signals: QuerySet[AutomatedSignal]) -> Iterator[str]:
    """One JSON object a line, without line ends."""
    serializer = SignalRecord()
    for signal in ordered(signals):
        yield json.dumps(serializer.to_representation(signal), ensure_ascii=False, separators=(",", ":"))


class _Line:
    """What csv.writer takes for a file: it hands back the line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(signals: QuerySet[AutomatedSignal]) -> Iterator[str]:
    """CSV with a header, without line ends: nothing for unknown values, compact JSON for nested ones."""
    writer = csv.writer(_Line(), lineterminator="")
    serializer = SignalRecord()
    yield writer.writerow(SignalRecord.Meta.fields)
    for signal in ordered(signals):
        row = serializer.to_representation(signal)
        yield writer.writerow([cell(value) for value in row.values()])


def cell(value: Any) -> Any:
    """A value as a CSV cell. Text, no number, that a spreadsheet would run as a formula gets an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, str) and value.lstrip(" \xa0").startswith(FORMULA_STARTS) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value
