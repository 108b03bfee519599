# mypy: disable-error-code="no-untyped-call"
"""What a list of signals can be narrowed to and ordered by. docs/api.md shows the same parameters."""

from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import filters
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework.filterset import FilterSet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request
from rest_framework.views import APIView

from reconciliation.findings import FINDINGS
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.models import SyncAuditLog
from signals.models import AutomatedSignal, Source
from signals.symbols import normalised
from signals.vocabulary import DataSource, Direction, Session, Status, Trend

ORDERINGS = (
    "signal_time", "first_event_at", "last_event_at", "confirmation_time", "cancellation_time", "created_at",
    "updated_at", "trade_id", "status", "direction", "session", "health_score", "confidence_score", "entry_price",
    "bars_to_confirmation", "be_mfe", "no_be_mfe", "mae",
)  # fmt: skip


def sources(_: Request | None) -> QuerySet[Source]:
    return Source.objects.all()


def htf(timeframe: str) -> filters.ChoiceFilter:
    return filters.ChoiceFilter(f"htf_alignment__{timeframe}", choices=Trend.choices, help_text="Trend of a timeframe.")


class MomentField(IsoDateTimeField):
    """A moment in UTC: PostgreSQL does not read every offset that Python does."""

    def to_python(self, value: Any) -> datetime | None:
        moment: datetime | None = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class MomentFilter(filters.IsoDateTimeFilter):
    field_class = MomentField


class SignalFilter(FilterSet):
    """Every parameter may be combined with every other; one given several times means any of its values."""

    status = filters.MultipleChoiceFilter(choices=Status.choices, help_text="Repeatable.")
    session = filters.MultipleChoiceFilter(choices=Session.choices, help_text="Repeatable.")
    direction = filters.ChoiceFilter(choices=Direction.choices)
    source = filters.ModelChoiceFilter(
        queryset=sources,
        to_field_name="name",
        help_text="Name of the source that sent it.",
        error_messages={"invalid_choice": "No source has this name."},
    )
    symbol = filters.CharFilter(method="of_symbol", help_text="Its symbol, in any spelling; else its source's.")
    data_source = filters.MultipleChoiceFilter(
        choices=DataSource.choices, help_text="Where its least trusted value came from. Repeatable."
    )
    date_from = filters.DateFilter("signal_date", "gte", help_text="First signal date (New York), YYYY-MM-DD.")
    date_to = filters.DateFilter("signal_date", "lte", help_text="Last signal date (New York), YYYY-MM-DD.")
    created_from = MomentFilter("created_at", "gte", help_text="Stored at or after, ISO 8601.")
    created_to = MomentFilter("created_at", "lt", help_text="Stored before, ISO 8601.")
    health_min = filters.NumberFilter("health_score", "gte", help_text="Health score, 0 to 100.")
    health_max = filters.NumberFilter("health_score", "lte", help_text="Health score, 0 to 100.")
    htf_daily = htf("daily")
    htf_h4 = htf("h4")
    htf_h1 = htf("h1")
    htf_m15 = htf("m15")
    htf_m5 = htf("m5")
    htf_m1 = htf("m1")
    gap = filters.MultipleChoiceFilter(
        method="with_gap",
        choices=[(gap.name, gap.title) for gap in CATALOGUE.values()],
        help_text="Having this gap, waiting or actionable. Repeatable.",
    )
    actionable = filters.BooleanFilter(method="with_actionable", help_text="Having an actionable gap, or none.")
    finding = filters.MultipleChoiceFilter(
        method="with_finding",
        choices=[(finding.name, finding.title) for finding in FINDINGS],
        help_text="With a value that is there but cannot be right. Repeatable.",
    )

    class Meta:
        model = AutomatedSignal
        fields: list[str] = []

    def of_symbol(self, signals: QuerySet[AutomatedSignal], _: str, named: str) -> QuerySet[AutomatedSignal]:
        symbol = normalised(named)
        return signals.filter(Q(symbol=symbol) | Q(symbol="", source__symbol=symbol))

    def with_gap(self, signals: QuerySet[AutomatedSignal], _: str, names: list[str]) -> QuerySet[AutomatedSignal]:
        if not names:
            return signals
        gaps = GapView.at(timezone.now())
        return signals.filter(reduce(or_, (gaps.q(name) for name in names)))

    def with_finding(self, signals: QuerySet[AutomatedSignal], _: str, names: list[str]) -> QuerySet[AutomatedSignal]:
        conditions = [finding.q for finding in FINDINGS if finding.name in names]
        return signals.filter(reduce(or_, conditions)) if conditions else signals

    def with_actionable(self, signals: QuerySet[AutomatedSignal], _: str, wanted: bool) -> QuerySet[AutomatedSignal]:
        having = signals.filter(GapView.at(timezone.now()).q_any_actionable())
        # Not by negating the condition: where a column is null, it is neither true nor false.
        return having if wanted else signals.exclude(pk__in=having.order_by().values("pk"))


class AuditFilter(FilterSet):
    trade_id = filters.CharFilter("signal__trade_id")
    source = filters.CharFilter("signal__source__name")
    since = MomentFilter("at", "gte", help_text="At or after, ISO 8601.")
    before = MomentFilter("at", "lt", help_text="Before, ISO 8601.")

    class Meta:
        model = SyncAuditLog
        fields = ("action", "gap", "field", "tier", "actor", "run")


class StableOrdering(OrderingFilter):
    """Ordering by known fields only, made total by the key, so that no row is on two pages or on none."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> list[str]:
        asked = [name for name in request.query_params.get(self.ordering_param, "").split(",") if name]
        unknown = sorted({name for name in asked if name.removeprefix("-") not in ORDERINGS})
        if unknown:
            raise ValidationError({"ordering": f"Unknown: {', '.join(unknown)}. Known: {', '.join(ORDERINGS)}."})
        if not asked:
            return ["-first_event_at", "-pk"]
        return [*asked, "-pk" if asked[0].startswith("-") else "pk"]

    def get_valid_fields(self, *_: Any, **__: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in ORDERINGS]


class TradeIdSearch(SearchFilter):
    """By a part of the trade id; a whole one, which an index knows, is looked up at once."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        terms = self.get_search_terms(request)
        named = queryset.filter(trade_id=terms[0]) if len(terms) == 1 else queryset.none()
        return named if named.exists() else super().filter_queryset(request, queryset, view)
