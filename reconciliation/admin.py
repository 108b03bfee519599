"""The admin of the cycle: what it did and why. Written by the cycle alone, so shown and not edited.

It also gives the signals' list its filter by gap, which only reconciliation can define.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateTimeFilter

from signals.admin.base import Periods, ReadOnlyAdmin, among, link, list_link, pretty
from signals.admin.signals import AutomatedSignalAdmin, OfSignalAdmin
from signals.models import AutomatedSignal, Fill
from signals.tiers import TIERS

from .asking import admin as asking_admin  # noqa: F401 - registers companions and requests
from .gaps import CATALOGUE, GapView
from .models import (
    Cluster,
    FindingTotal,
    GapRecord,
    GapTotal,
    HealthTotal,
    MeasuredConfidence,
    SetAside,
    Shard,
    SignalHealthMetric,
    SyncAuditLog,
    SyncLease,
    SyncRun,
)


class GapFilter(admin.SimpleListFilter):
    """Signals with a gap, by the catalogue's own condition."""

    title = "gap"
    parameter_name = "gap"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("any", "Any actionable gap"), *((gap.name, gap.title) for gap in CATALOGUE.values())]

    def queryset(self, request: HttpRequest, signals: QuerySet[Any]) -> QuerySet[Any]:
        asked = self.value() or ""
        if asked == "any":
            return signals.filter(GapView.at(timezone.now()).q_any_actionable())
        return signals.filter(GapView.at(timezone.now()).q(asked)) if asked in CATALOGUE else signals


admin.site.unregister(AutomatedSignal)


@admin.register(AutomatedSignal)
class SignalWithGapsAdmin(AutomatedSignalAdmin):
    list_filter = (GapFilter, *AutomatedSignalAdmin.list_filter)


class ByTimeAdmin(ReadOnlyAdmin):
    """Rows in order of time, whose date hierarchy does not read the whole table."""

    ordering = ("-pk",)
    model: type[Model]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Periods(self.model).order_by(*self.ordering)


@admin.register(SyncRun)
class SyncRunAdmin(ByTimeAdmin):
    list_display = (
        "id", "state", "trigger", "started_by", "started_at", "finished_at", "signals_examined", "fills", "withdrawn",
        "cancelled", "conflicts", "errors", "health_before", "health_after",
    )  # fmt: skip
    list_filter = ("state", "trigger", ("started_at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("id__exact", "started_by")
    date_hierarchy = "started_at"
    readonly_fields = ("see_audit", "see_fills")

    @admin.display(description="audit")
    def see_audit(self, run: SyncRun) -> str:
        return list_link(SyncAuditLog, "what it did to signals", run__id__exact=run.pk)

    @admin.display(description="values filled")
    def see_fills(self, run: SyncRun) -> str:
        return list_link(Fill, "values that it put in", run_id__exact=run.pk)


@admin.register(SyncAuditLog)
class SyncAuditLogAdmin(OfSignalAdmin):
    list_display = ("at", "action", "see_signal", "field", "gap", "tier", "old", "new", "confidence", "actor", "run_id")
    list_display_links = ("at",)
    list_filter = ("action", among("tier", sorted(TIERS)), among("gap", CATALOGUE), ("at", RangeDateTimeFilter))
    search_fields = ("signal__trade_id__exact", "actor__exact")
    search_help_text = "A whole trade id, or a user's name."
    fields = (
        "at", "action", "see_signal", "see_run", "operation", "actor", "gap", "field", "tier", "method", "old", "new",
        "confidence", "shown_evidence", "note",
    )  # fmt: skip
    readonly_fields = ("see_signal", "see_run", "shown_evidence")

    @admin.display(description="run")
    def see_run(self, entry: SyncAuditLog) -> str:
        return link(entry.run)

    @admin.display(description="evidence")
    def shown_evidence(self, entry: SyncAuditLog) -> str:
        return pretty(entry.evidence)


@admin.register(SignalHealthMetric)
class SignalHealthMetricAdmin(ByTimeAdmin):
    list_display = (
        "at",
        "health",
        "window_signals",
        "window_without_gap",
        "actionable_gaps",
        "waiting_gaps",
        "see_run",
    )
    list_display_links = ("at",)
    list_filter = (("at", RangeDateTimeFilter),)
    list_filter_submit = True
    list_select_related = ("run",)
    date_hierarchy = "at"

    @admin.display(description="run")
    def see_run(self, metric: SignalHealthMetric) -> str:
        return link(metric.run)


@admin.register(GapRecord)
class GapRecordAdmin(OfSignalAdmin):
    list_display = ("opened_at", "see_signal", "gap", "state", "closed_at", "tier", "actor", "reason")
    list_display_links = ("opened_at",)
    list_filter = ("state", among("gap", CATALOGUE), among("tier", sorted(TIERS)), ("opened_at", RangeDateTimeFilter))


@admin.register(GapTotal)
class GapTotalAdmin(ReadOnlyAdmin):
    list_display = ("gap", "open")


@admin.register(FindingTotal)
class FindingTotalAdmin(ReadOnlyAdmin):
    list_display = ("source", "at", "signals", "seconds")


@admin.register(HealthTotal)
class HealthTotalAdmin(ReadOnlyAdmin):
    list_display = ("name", "at", "signals", "without_gap", "seconds")


@admin.register(SetAside)
class SetAsideAdmin(OfSignalAdmin):
    list_display = ("retry_at", "see_signal", "attempts", "first_at", "error")
    list_display_links = ("retry_at",)
    ordering = ("retry_at",)


@admin.register(SyncLease)
class SyncLeaseAdmin(ReadOnlyAdmin):
    list_display = ("name", "holder", "expires_at", "token")


@admin.register(Shard)
class ShardAdmin(ReadOnlyAdmin):
    list_display = ("run", "source", "first", "last", "state", "done", "signals", "worker", "token", "finished_at")
    list_filter = ("state",)
    list_select_related = ("run", "source")
    exclude = ("keys",)
    ordering = ("-pk",)


@admin.register(Cluster)
class ClusterAdmin(ReadOnlyAdmin):
    list_display = ("name", "workers", "started_at", "seen_at")


@admin.register(MeasuredConfidence)
class MeasuredConfidenceAdmin(ReadOnlyAdmin):
    list_display = ("source", "tier", "field", "confidence", "sample", "measured_at")
    list_filter = ("source", "tier", "field")
    list_select_related = ("source",)
