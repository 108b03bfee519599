"""Deliveries exactly as received, and what operators decided about those that could not be read."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter

from signals.dialects import DIALECTS
from signals.formats import EMPTY
from signals.models import AutomatedSignal, Delivery, Quarantine, SignalEvent
from signals.receiving.masking import hide_secrets

from .base import Periods, ReadOnlyAdmin, among, link, list_link, preformatted, pretty

DIALECT = among("dialect", (dialect.name for dialect in DIALECTS))


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        "received_at", "fire_minute", "source", "channel", "status", "dialect", "event_count", "size", "repair",
        "reason",
    )  # fmt: skip
    list_filter = (
        "status", "channel", DIALECT, "source", ("received_at", RangeDateTimeFilter),
    )  # fmt: skip
    list_filter_submit = True
    list_select_related = ("source",)
    search_fields = ("id__exact", "checksum__exact", "events__signal__trade_id__exact")
    search_help_text = "A whole trade id, checksum or delivery id."
    date_hierarchy = "received_at"
    # Keys are made in order of time, and unlike the receipt they are indexed across sources.
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("id", "source", "channel", "status", "reason", "see_events", "see_signals")}),
        ("Time", {"fields": ("received_at", "fire_minute", "fired_at")}),
        ("What was read", {"fields": ("dialect", "event_count", "repair", "read_instead", "shown_faults")}),
        ("As received", {"fields": ("as_received", "indented", "size", "checksum", "content_type", "remote_addr")}),
        ("Related", {"fields": ("same_as", "replays", "see_duplicates", "alert_id", "log_status", "symbol")}),
    )
    readonly_fields = (
        "see_events", "see_signals", "read_instead", "shown_faults", "as_received", "indented", "same_as", "replays",
        "see_duplicates",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return Periods(Delivery).order_by(*self.ordering)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """The deliveries of one signal are linked from its page."""
        return lookup == "events__signal__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Delivery | None:
        """One query for the row, its bytes and what it points to; an id that is none finds nothing."""
        row = super().get_object(request, object_id, from_field)
        full = Delivery.objects.select_related("source", "duplicate_of", "replay_of", "body")
        return full.get(pk=row.pk) if row else None

    @admin.display(description="as received")
    def as_received(self, delivery: Delivery) -> str:
        if delivery.duplicate_of_id:
            return "A duplicate keeps no bytes of its own; they equal those of the delivery below."
        if delivery.let_go:
            return f"Its body was {delivery.let_go}."
        return preformatted(hide_secrets(delivery.raw.decode(errors="replace")))

    @admin.display(description="indented")
    def indented(self, delivery: Delivery) -> str:
        text = delivery.repaired_text or delivery.raw.decode(errors="replace")
        try:
            return pretty(json.loads(hide_secrets(text)))
        except (ValueError, RecursionError):
            return EMPTY

    @admin.display(description="read instead")
    def read_instead(self, delivery: Delivery) -> str:
        return preformatted(hide_secrets(delivery.repaired_text)) if delivery.repaired_text else EMPTY

    @admin.display(description="entries that could not be read")
    def shown_faults(self, delivery: Delivery) -> str:
        return pretty(delivery.faults) if delivery.faults else EMPTY

    @admin.display(description="events")
    def see_events(self, delivery: Delivery) -> str:
        return list_link(SignalEvent, f"{delivery.event_count} events", delivery__id__exact=delivery.pk)

    @admin.display(description="signals")
    def see_signals(self, delivery: Delivery) -> str:
        return list_link(AutomatedSignal, "signals it speaks of", events__delivery__id__exact=delivery.pk)

    @admin.display(description="duplicate of")
    def same_as(self, delivery: Delivery) -> str:
        return link(delivery.duplicate_of)

    @admin.display(description="replay of")
    def replays(self, delivery: Delivery) -> str:
        return link(delivery.replay_of)

    @admin.display(description="duplicates")
    def see_duplicates(self, delivery: Delivery) -> str:
        return list_link(Delivery, "its duplicates", duplicate_of__id__exact=delivery.pk)


@admin.register(Quarantine)
class QuarantineAdmin(ReadOnlyAdmin):
    list_display = ("received", "source", "state", "reason", "decider", "decided_at")
    list_filter = ("state", "delivery__source")
    list_select_related = ("delivery__source",)
    search_fields = ("delivery__reason", "note", "delivery__checksum__exact")
    ordering = ("-pk",)
    fields = (
        "state", "see_delivery", "reason", "shown_proposal", "see_replay", "note", "decider", "decided_at",
    )  # fmt: skip
    readonly_fields = ("see_delivery", "reason", "shown_proposal", "see_replay")

    @admin.display(description="received", ordering="delivery__received_at")
    def received(self, row: Quarantine) -> Any:
        return row.delivery.received_at

    @admin.display(description="source", ordering="delivery__source")
    def source(self, row: Quarantine) -> str:
        return str(row.delivery.source)

    @admin.display(description="reason")
    def reason(self, row: Quarantine) -> str:
        return row.delivery.reason

    @admin.display(description="delivery")
    def see_delivery(self, row: Quarantine) -> str:
        return link(row.delivery)

    @admin.display(description="proposed text")
    def shown_proposal(self, row: Quarantine) -> str:
        return preformatted(hide_secrets(row.proposal)) if row.proposal else EMPTY

    @admin.display(description="replayed as")
    def see_replay(self, row: Quarantine) -> str:
        return link(row.replay)
