# mypy: disable-error-code="no-untyped-call"
"""What a list of signals can be narrowed to and ordered by. docs/api.md shows the same parameters."""

from collections.abc import Mapping
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
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request
from rest_framework.views import APIView

from dashboard.analysis.choices import FILL_CHOICES, TARGET_CHOICES, USUAL_FILLS, USUAL_TARGET
from dashboard.analysis.outcomes import ENDS, End
from reconciliation.findings import FINDINGS
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.models import SyncAuditLog
from signals.models import AutomatedSignal, SignalNote, SignalTag, Source
from signals.models.notes import normalised as normalised_tag
from signals.symbols import normalised
from signals.vocabulary import SHOWN_ORIGINS, DataSource, Direction, Origin, Session, Status, Trend

ORDERINGS = (
    "signal_time", "first_event_at", "last_event_at", "confirmation_time", "cancellation_time", "created_at",
    "updated_at", "trade_id", "status", "direction", "session", "health_score", "confidence_score", "entry_price",
    "bars_to_confirmation", "be_mfe", "no_be_mfe", "mae",
)  # fmt: skip

# What a column of R can be compared with.
R: Mapping[str, Any] = {"min_value": -9_999_999, "max_value": 9_999_999}
WEEKDAYS = [
    ("1", "Monday"), ("2", "Tuesday"), ("3", "Wednesday"), ("4", "Thursday"), ("5", "Friday"), ("6", "Saturday"),
    ("7", "Sunday"),
]  # fmt: skip


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
    origin = filters.ChoiceFilter(
        choices=[(origin.value, origin.label) for origin in SHOWN_ORIGINS],
        help_text="Heard in alerts, or found by replay.",
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

    weekday = filters.MultipleChoiceFilter(
        method="on_weekday", choices=WEEKDAYS, help_text="Of its signal date, 1 is Monday. Repeatable."
    )
    hour = filters.MultipleChoiceFilter(
        method="in_hour",
        choices=[(str(hour), f"{hour:02}:00") for hour in range(24)],
        help_text="Of its signal time by the market's clock (New York), 0 to 23. Repeatable.",
    )
    be_end = filters.MultipleChoiceFilter(
        method="ended", choices=End.choices, help_text="How its break-even leg ended, once completed. Repeatable."
    )
    stop_end = filters.MultipleChoiceFilter(
        method="ended", choices=End.choices, help_text="How its leg with the original stop ended. Repeatable."
    )
    be_mfe_min = filters.NumberFilter("be_mfe", "gte", **R, help_text="MFE of the break-even leg, R.")
    be_mfe_max = filters.NumberFilter("be_mfe", "lt", **R, help_text="MFE of the break-even leg, less than this, R.")
    no_be_mfe_min = filters.NumberFilter("no_be_mfe", "gte", **R, help_text="MFE of the leg with the original stop, R.")
    no_be_mfe_max = filters.NumberFilter("no_be_mfe", "lt", **R, help_text="The same, less than this, R.")
    mae_min = filters.NumberFilter("mae", "gte", **R, help_text="MAE, R; 0 or less.")
    mae_max = filters.NumberFilter("mae", "lte", **R, help_text="MAE, R; 0 or less.")

    tag = filters.CharFilter(method="tagged", help_text="With this tag; of several with commas between, any of them.")
    note = filters.CharFilter(method="noted", help_text="With a note that holds this text.")

    # Parameters that narrow nothing by themselves.
    no_filters: frozenset[str] = frozenset()

    class Meta:
        model = AutomatedSignal
        fields: list[str] = []

    def on_weekday(self, signals: QuerySet[AutomatedSignal], _: str, days: list[str]) -> QuerySet[AutomatedSignal]:
        return signals.filter(signal_date__iso_week_day__in=list(map(int, days))) if days else signals

    def in_hour(self, signals: QuerySet[AutomatedSignal], _: str, hours: list[str]) -> QuerySet[AutomatedSignal]:
        conditions = [Q(signal_time_str__startswith=f"{int(hour):02}:") for hour in hours]
        return signals.filter(reduce(or_, conditions)) if conditions else signals

    def ended(self, signals: QuerySet[AutomatedSignal], leg: str, kinds: list[str]) -> QuerySet[AutomatedSignal]:
        return signals.alias(**{leg: ENDS[leg]}).filter(**{f"{leg}__in": kinds}) if kinds else signals

    def tagged(self, signals: QuerySet[AutomatedSignal], _: str, text: str) -> QuerySet[AutomatedSignal]:
        names = {normalised_tag(name) for name in text.split(",")} - {""}
        return signals.filter(pk__in=SignalTag.objects.filter(name__in=names).values("signal"))

    def noted(self, signals: QuerySet[AutomatedSignal], _: str, text: str) -> QuerySet[AutomatedSignal]:
        return signals.filter(pk__in=SignalNote.objects.filter(text__icontains=text).values("signal"))

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


class ListedFilter(SignalFilter):
    """With what leads a list of the API on, beyond what it looks at at once."""

    before = MomentFilter("first_event_at", "lt", help_text="First heard of before, ISO 8601. `next` says it.")

    no_filters = frozenset({"before"})


class SearchedFilter(SignalFilter):
    """With what addresses of pages say besides: a part of the trade id."""

    search = filters.CharFilter("trade_id", "icontains", help_text="All or part of the trade id.")


class AnalysisFilter(SearchedFilter):
    """The same for figures, with what their reader chooses besides."""

    target = filters.ChoiceFilter(
        method="unchanged",
        choices=list(TARGET_CHOICES.items()),
        help_text=f"Where an order takes the profit, in R; `end`: nowhere. {USUAL_TARGET} unless told otherwise.",
    )
    fills = filters.ChoiceFilter(
        method="unchanged",
        choices=list(FILL_CHOICES.items()),
        help_text=f"Least confidence of filled values that count; `none`: heard ones only. {USUAL_FILLS} as a rule.",
    )
    found = filters.BooleanFilter(method="unchanged", help_text="With signals that replay found, which are left out.")

    no_filters = frozenset({"target", "fills", "found"})

    def unchanged(self, signals: QuerySet[AutomatedSignal], _name: str, _value: Any) -> QuerySet[AutomatedSignal]:
        return signals

    def filter_queryset(self, queryset: QuerySet[AutomatedSignal]) -> QuerySet[AutomatedSignal]:
        signals: QuerySet[AutomatedSignal] = super().filter_queryset(queryset)
        asked = self.form.cleaned_data
        return signals if asked.get("found") or asked.get("origin") else signals.filter(origin=Origin.ALERTS)


def as_parameters(known: Mapping[str, Any]) -> list[OpenApiParameter]:
    """Filters as the schema tells them, of an endpoint that is no list."""
    found = []
    for name, each in known.items():
        choices = each.extra.get("choices") or ()
        values = [value for value, _ in choices] or None
        several = isinstance(each, filters.MultipleChoiceFilter)
        about = str(each.extra.get("help_text") or "")
        found.append(OpenApiParameter(name, str, many=several, enum=values, description=about))
    return found


# What an address of a list may say, and what one of figures.
LISTED: Mapping[str, Any] = SignalFilter.base_filters  # type: ignore[attr-defined]
ANALYSIS: Mapping[str, Any] = AnalysisFilter.base_filters  # type: ignore[attr-defined]


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
    """By a part of the trade id; a whole one, which WithinReach has found, is looked up at once."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        if view.named:
            return queryset.filter(trade_id=view.named)
        return super().filter_queryset(request, queryset, view)
