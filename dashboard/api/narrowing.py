# mypy: disable-error-code="no-untyped-call"
"""What the lists of rows can be narrowed to (filters.py has the same of signals)."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django_filters import filters
from django_filters.rest_framework.filterset import FilterSet

from dashboard.models import Job
from reconciliation.gaps import CATALOGUE
from reconciliation.models import GapRecord, SyncRequest
from signals.models import (
    AutomatedSignal,
    Delivery,
    Fill,
    Format,
    PriceBar,
    Quarantine,
    SignalEvent,
    SignalNote,
    SignalTag,
    first_id,
)
from signals.models.notes import normalised as tag_of
from signals.symbols import normalised
from signals.tiers import TIERS
from signals.vocabulary import Channel, DeliveryStatus, EventType

from .filters import MomentFilter, sources

MOST = 2**62  # what a key's column holds, on any database
UNKNOWN = {"invalid_choice": "No source has this name."}


def named_source(field: str = "source") -> filters.ModelChoiceFilter:
    return filters.ModelChoiceFilter(
        field, queryset=sources, to_field_name="name", help_text="Name of the source.", error_messages=UNKNOWN
    )


def from_on(field: str) -> MomentFilter:
    return MomentFilter(field, "gte", help_text="At or after, ISO 8601.")


def until(field: str) -> MomentFilter:
    return MomentFilter(field, "lt", help_text="Before, ISO 8601.")


def of_gap() -> filters.ChoiceFilter:
    return filters.ChoiceFilter("gap", choices=[(gap.name, gap.title) for gap in CATALOGUE.values()])


class OfSignalFilter(FilterSet):
    trade_id = filters.CharFilter(method="of_trade", max_length=64, help_text="Of all signals with this id.")
    source = named_source("signal__source")

    def of_trade(self, rows: QuerySet[Any], _: str, trade_id: str) -> QuerySet[Any]:
        """By the keys themselves, so that the index on them serves."""
        named = AutomatedSignal.objects.filter(trade_id=trade_id)
        return rows.filter(signal__in=list(named.values_list("pk", flat=True)))


class DeliveryFilter(FilterSet):
    source = named_source()
    status = filters.ChoiceFilter(choices=DeliveryStatus.choices)
    channel = filters.ChoiceFilter(choices=Channel.choices)
    dialect = filters.CharFilter(max_length=16, help_text="Dialect or format that read it.")
    since = MomentFilter(method="stored_since", help_text="Stored at or after, ISO 8601.")
    before = MomentFilter(method="stored_before", help_text="Stored before, ISO 8601.")

    class Meta:
        model = Delivery
        fields: list[str] = []

    def stored_since(self, rows: QuerySet[Delivery], _: str, moment: datetime) -> QuerySet[Delivery]:
        return rows.filter(id__gte=first_id(moment))

    def stored_before(self, rows: QuerySet[Delivery], _: str, moment: datetime) -> QuerySet[Delivery]:
        return rows.filter(id__lt=first_id(moment))


class EventFilter(OfSignalFilter):
    source = named_source()
    type = filters.ChoiceFilter(choices=EventType.choices)
    since, before = from_on("fire_minute"), until("fire_minute")

    class Meta:
        model = SignalEvent
        fields: list[str] = []


class QuarantineFilter(FilterSet):
    state = filters.ChoiceFilter(choices=Quarantine.State.choices)
    source = named_source("delivery__source")
    shape = filters.CharFilter(max_length=32, help_text="Key of what it looks like.")
    foreign = filters.BooleanFilter(help_text="Another alert's message, or a damaged one.")

    class Meta:
        model = Quarantine
        fields: list[str] = []


class FillFilter(OfSignalFilter):
    state = filters.ChoiceFilter(choices=Fill.State.choices)
    tier = filters.ChoiceFilter(choices=[(tier, tier) for tier in sorted(TIERS)])
    field = filters.CharFilter("field", max_length=32)
    gap = of_gap()
    run = filters.NumberFilter("run_id", min_value=0, max_value=MOST, help_text="Of this run.")
    since, before = from_on("created_at"), until("created_at")

    class Meta:
        model = Fill
        fields: list[str] = []


class GapRecordFilter(OfSignalFilter):
    state = filters.ChoiceFilter(choices=GapRecord.State.choices)
    gap = of_gap()
    since, before = from_on("opened_at"), until("opened_at")

    class Meta:
        model = GapRecord
        fields: list[str] = []


class NoteFilter(OfSignalFilter):
    author = filters.CharFilter(max_length=150, help_text="User name.")
    since, before = from_on("written_at"), until("written_at")

    class Meta:
        model = SignalNote
        fields: list[str] = []


class TagFilter(OfSignalFilter):
    name = filters.CharFilter(method="of_name", max_length=32, help_text="In any spelling.")
    author = filters.CharFilter(max_length=150, help_text="User name.")
    since, before = from_on("added_at"), until("added_at")

    class Meta:
        model = SignalTag
        fields: list[str] = []

    def of_name(self, tags: QuerySet[SignalTag], _: str, name: str) -> QuerySet[SignalTag]:
        return tags.filter(name=tag_of(name))


class FormatFilter(FilterSet):
    name = filters.CharFilter(max_length=16)
    source = named_source()
    state = filters.ChoiceFilter(choices=Format.State.choices, help_text="Without it, those in use.")

    class Meta:
        model = Format
        fields: list[str] = []


class RequestFilter(FilterSet):
    source = named_source()
    state = filters.ChoiceFilter(choices=SyncRequest.State.choices)

    class Meta:
        model = SyncRequest
        fields: list[str] = []


class JobFilter(FilterSet):
    state = filters.ChoiceFilter(choices=Job.State.choices)
    kind = filters.CharFilter(max_length=16)

    class Meta:
        model = Job
        fields: list[str] = []


class BarFilter(FilterSet):
    symbol = filters.CharFilter(method="of_symbol", required=True, max_length=32, help_text="In any spelling.")
    since, before = from_on("time"), until("time")

    class Meta:
        model = PriceBar
        fields: list[str] = []

    def of_symbol(self, bars: QuerySet[PriceBar], _: str, symbol: str) -> QuerySet[PriceBar]:
        return bars.filter(symbol=normalised(symbol))
