"""Signals, and what they follow from: events, fills and price bars.

Nothing here is edited, for all of it is derived from what arrived, or written by reconciliation.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter

from signals.exporting import synthetic
from signals.models import AutomatedSignal, Delivery, Fill, PriceBar, RefusedBar, SignalEvent
from signals.tiers import TIERS

from .base import Periods, ReadOnlyAdmin, among, link, list_link, page_link, pretty


@admin.register(AutomatedSignal)
class AutomatedSignalAdmin(ReadOnlyAdmin):
    list_display = (
        "trade_id", "symbol", "life", "signal_time", "direction", "session", "status", "entry_price", "stop_loss",
        "be_mfe", "no_be_mfe", "mae", "bars_to_confirmation", "health_score", "data_source", "confidence_score",
        "source",
    )  # fmt: skip
    list_filter: ClassVar[tuple[Any, ...]] = (
        "status", "session", "direction", "data_source", "source", ("first_event_at", RangeDateTimeFilter),
    )  # fmt: skip
    list_filter_submit = True
    list_select_related = ("source",)
    search_fields = ("trade_id",)
    date_hierarchy = "first_event_at"
    ordering = ("-first_event_at", "-pk")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "trade_id", "source", "symbol", "life", "status", "direction", "see_events", "see_deliveries",
                    "see_fills",
                )
            },
        ),
        (
            "Signal",
            {
                "fields": (
                    "signal_time", "signal_date", "signal_time_str", "session", "session_label", "shown_htf",
                    "clock_zone", "clock_by",
                )
            },
        ),
        (
            "Confirmation or cancellation",
            {
                "fields": (
                    "confirmation_time", "bars_to_confirmation", "cancellation_time", "cancel_reason", "cancelled_by",
                    "bars_pending",
                )
            },
        ),
        ("Prices, in points", {"fields": ("entry_price", "stop_loss", "shown_targets", "current_price")}),
        (
            "Legs: excursions in R, ends",
            {
                "fields": (
                    "be_mfe", "no_be_mfe", "mae", "mfe_as_of", "mae_as_of", "be_triggered_at", "be_price",
                    "be_exit_at", "be_exit_price", "be_exit_reason", "stop_exit_at", "stop_exit_price",
                    "stop_exit_reason", "exit_price", "exit_reason",
                )
            },
        ),
        (
            "Trust",
            {
                "fields": (
                    "data_source", "confidence_score", "synthetic_fields", "health_score", "reconciliation_timestamp",
                    "reconciliation_reason", "shown_provenance",
                )
            },
        ),
        ("Row", {"fields": ("first_event_at", "last_event_at", "event_count", "rebuild_error", "updated_at")}),
    )  # fmt: skip
    readonly_fields = (
        "see_events", "see_deliveries", "see_fills", "shown_htf", "shown_targets", "synthetic_fields",
        "shown_provenance",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[AutomatedSignal]:
        return Periods(AutomatedSignal).order_by(*self.ordering)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """The signals that one delivery speaks of are linked from its page."""
        return lookup == "events__delivery__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="events")
    def see_events(self, signal: AutomatedSignal) -> str:
        return list_link(SignalEvent, f"{signal.event_count} events", signal__id__exact=signal.pk)

    @admin.display(description="deliveries")
    def see_deliveries(self, signal: AutomatedSignal) -> str:
        return list_link(Delivery, "deliveries that speak of it", events__signal__id__exact=signal.pk)

    @admin.display(description="fills")
    def see_fills(self, signal: AutomatedSignal) -> str:
        return list_link(Fill, "values that tiers put in", signal__id__exact=signal.pk)

    @admin.display(description="HTF alignment")
    def shown_htf(self, signal: AutomatedSignal) -> str:
        return pretty(signal.htf_alignment)

    @admin.display(description="targets")
    def shown_targets(self, signal: AutomatedSignal) -> str:
        return pretty({**(signal.targets or {}), **(signal.targets_extended or {})})

    @admin.display(description="not sent by the indicator in real time")
    def synthetic_fields(self, signal: AutomatedSignal) -> str:
        return ", ".join(synthetic(signal)) or "nothing"

    @admin.display(description="provenance")
    def shown_provenance(self, signal: AutomatedSignal) -> str:
        return pretty(signal.provenance)


class OfSignalAdmin(ReadOnlyAdmin):
    """Rows of a signal, found by its trade id."""

    list_select_related = ("signal",)
    search_fields: ClassVar[tuple[str, ...]] = ("signal__trade_id__exact",)
    search_help_text = "A whole trade id."
    list_filter_submit = True
    ordering = ("-pk",)

    @admin.display(description="signal")
    def see_signal(self, row: Any) -> str:
        return link(row.signal)


@admin.register(SignalEvent)
class SignalEventAdmin(OfSignalAdmin):
    """Without a date hierarchy: events are many and not indexed by time alone. Their signals have one."""

    list_display = ("fire_minute", "type", "see_signal", "see_delivery", "position", "sequence_number")
    list_filter = ("type", "source", ("fire_minute", RangeDateTimeFilter))
    list_display_links = ("fire_minute",)
    fields = (
        "type", "fire_minute", "see_signal", "see_delivery", "position", "sequence_number", "payload_checksum",
        "clock_vote", "shown_facts",
    )  # fmt: skip
    readonly_fields = ("see_signal", "see_delivery", "shown_facts")

    @admin.display(description="delivery")
    def see_delivery(self, event: SignalEvent) -> str:
        return page_link(Delivery, event.delivery_id, "delivery")

    @admin.display(description="facts")
    def shown_facts(self, event: SignalEvent) -> str:
        return pretty(event.facts)


@admin.register(Fill)
class FillAdmin(OfSignalAdmin):
    list_display = (
        "created_at", "see_signal", "field", "shown_value", "tier", "method", "data_source", "confidence", "state",
    )  # fmt: skip
    list_filter = ("state", among("tier", sorted(TIERS)), "data_source", ("created_at", RangeDateTimeFilter))
    fields = (
        "see_signal", "field", "gap", "shown_value", "tier", "method", "data_source", "confidence", "state", "as_of",
        "run_id", "created_at", "ended_at", "shown_evidence",
    )  # fmt: skip
    readonly_fields = ("see_signal", "shown_value", "shown_evidence")

    @admin.display(description="value")
    def shown_value(self, fill: Fill) -> str:
        return str(fill.value)

    @admin.display(description="evidence")
    def shown_evidence(self, fill: Fill) -> str:
        return pretty(fill.evidence)


@admin.register(PriceBar)
class PriceBarAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "time", "kind", "origin", "open", "high", "low", "close")
    list_filter = ("kind", "origin", ("time", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("symbol__exact",)
    search_help_text = "A whole symbol."
    ordering = ("-symbol", "-time")  # as the unique index runs


@admin.register(RefusedBar)
class RefusedBarAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "time", "reason", "open", "high", "low", "close")
    list_filter = ("reason", ("time", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("symbol__exact",)
    search_help_text = "A whole symbol."
    ordering = ("-symbol", "-time")  # as the unique index runs
