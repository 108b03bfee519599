"""Audit: what was done to signals, and what people changed besides; filtered, and exported as it is filtered."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from dashboard.console.forms import NewYorkTimeField
from dashboard.console.page import Page
from dashboard.telling.serializers import AuditRecord
from reconciliation.gaps import CATALOGUE
from reconciliation.models import SyncAuditLog
from signals.lines import csv_lines
from signals.models import AutomatedSignal
from signals.storage.paging import BoundedPaginator
from signals.tiers import TIERS

SEE_AUDIT = "reconciliation.view_syncauditlog"
ROWS = 50
ENTRIES_AT_ONCE = 1000
# Entries that are looked at for what no index knows; so whatever is asked costs a bounded stretch of one.
REACH = 100_000
PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
FORMATS = ("csv", "json")


class TimeFilter(forms.Form):
    """By whom and when. Naming neither shows the last week."""

    person = forms.CharField(required=False, max_length=150, widget=forms.TextInput(attrs={"list": "people"}))
    period = forms.ChoiceField(
        required=False,
        label="In the last",
        choices=[("", "7 days"), ("day", "24 hours"), ("month", "30 days"), ("all", "ever")],
    )
    since = NewYorkTimeField(required=False, label="From (New York)")
    before = NewYorkTimeField(required=False, label="Until (New York)")

    def times(self, column: str, now: datetime, *, named: bool = False) -> dict[str, Any]:
        """Lookups of the period. Of something `named` everything is wanted, unless a period is given, too."""
        wanted = self.cleaned_data
        since, before, period = wanted.get("since"), wanted.get("before"), wanted.get("period")
        if not since and not before and not (named and not period):
            length = PERIODS.get(period or "week")
            since = now - length if length else None
        found = {f"{column}__gte": since, f"{column}__lt": before}
        return {lookup: moment for lookup, moment in found.items() if moment}


class AuditFilter(TimeFilter):
    signal = forms.CharField(required=False, max_length=64, label="Signal (trade id)")
    action = forms.ChoiceField(required=False, choices=[("", "any"), *SyncAuditLog.Action.choices])
    tier = forms.ChoiceField(required=False, choices=[("", "any"), *((tier, tier) for tier in sorted(TIERS))])
    gap = forms.ChoiceField(
        required=False, choices=[("", "any"), *((gap.name, gap.title) for gap in CATALOGUE.values())]
    )
    run = forms.IntegerField(required=False, min_value=1, max_value=2**62, widget=forms.TextInput(attrs={"size": 6}))
    people = forms.BooleanField(required=False, label="Only what people did")

    field_order = ("signal", "action", "tier", "gap", "run", "person", "period", "since", "before", "people")

    def matching(self, now: datetime, reach: int | None = None) -> tuple[QuerySet[SyncAuditLog], datetime | None]:
        """The entries, newest first; and since when they were looked for, where that leaves some of the period out.

        An index knows those of the period, of a signal, a run, an action, and those of people. Among these, the newest
        `reach` are looked at for the rest. A filter that is not understood is left out, and the form says so.
        """
        self.full_clean()
        wanted = self.cleaned_data
        known: dict[str, Any] = {name: wanted[name] for name in ("run", "action") if wanted.get(name)}
        if wanted.get("signal"):
            # The keys themselves, so that the index on them serves.
            named = AutomatedSignal.objects.filter(trade_id=wanted["signal"])
            known["signal__in"] = list(named.values_list("pk", flat=True))
        known |= self.times("at", now, named=bool(wanted.get("signal") or wanted.get("run")))
        entries = SyncAuditLog.objects.filter(**known).order_by("-at", "-pk")
        if wanted.get("people") or wanted.get("person"):
            entries = entries.exclude(actor="")
        rest = {name: wanted[name] for name in ("tier", "gap") if wanted.get(name)}
        if wanted.get("person"):
            rest["actor"] = wanted["person"]
        floors = entries.values_list("at", flat=True)[reach : reach + 1] if rest and reach else ()
        floor = next(iter(floors), None)
        return (entries if floor is None else entries.filter(at__gt=floor)).filter(**rest), floor


def people() -> list[str]:
    return list(User.objects.order_by("username").values_list("username", flat=True)[:200])


class Audit(Page):
    name = "audit"
    keeps_views = True
    route = "console/audit/"
    title = "Audit"
    icon = "history_edu"
    place = 58
    key = "u"
    permission = SEE_AUDIT
    template_name = "dashboard/audit/page.html"
    fragment = "dashboard/audit/live.html"
    every = 10

    def content(self, now: datetime) -> dict[str, Any]:
        form = AuditFilter(self.request.GET)
        entries, floor = form.matching(now, REACH)
        rows = BoundedPaginator(entries.select_related("signal__source"), ROWS)
        return {
            "form": form,
            "floor": floor,
            "reach": REACH,
            "people": [] if self.alone else people(),
            "filtered": any(form.data.get(name) for name in form.fields),
            "rows": rows.get_page(self.request.GET.get("page")),
            "formats": [(name, self.export_query(name)) for name in FORMATS],
        }

    def export_query(self, name: str) -> str:
        query = self.request.GET.copy()
        query.pop("page", None)
        query["format"] = name
        return query.urlencode()


class Changes(Page):
    """What people changed besides signals: quarantine, sources, tokens, accounts. The admin keeps that log."""

    name = "audit-changes"
    route = "console/audit/changes/"
    title = "Other changes"
    permission = SEE_AUDIT
    template_name = "dashboard/audit/changes_page.html"
    fragment = "dashboard/audit/changes.html"
    every = 10

    def content(self, now: datetime) -> dict[str, Any]:
        form = TimeFilter(self.request.GET)
        form.full_clean()
        entries = LogEntry.objects.filter(**form.times("action_time", now)).select_related("user", "content_type")
        if name := form.cleaned_data.get("person"):
            entries = entries.filter(user__username=name)
        return {
            "form": form,
            "people": [] if self.alone else people(),
            "filtered": any(form.data.get(name) for name in form.fields),
            "rows": BoundedPaginator(entries.order_by("-pk"), ROWS).get_page(self.request.GET.get("page")),
        }


class AuditExport(Page):
    """What the page shows, all of it, as a file: streamed, a chunk at a time."""

    name = "export-audit"
    route = "console/audit/export/"
    title = "Export of the audit log"
    permission = SEE_AUDIT

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        now, form = timezone.now(), AuditFilter(request.GET)
        entries, _ = form.matching(now)
        format = request.GET.get("format", FORMATS[0])
        if form.errors or format not in FORMATS:
            wrong = ", ".join(form.errors) or "format"
            return HttpResponse(
                f"Not understood: {wrong}. Choose again on the page.", status=400, content_type="text/plain"
            )
        as_json = format == "json"
        lines, kind = (as_list, "application/json") if as_json else (as_csv, "text/csv; charset=utf-8")
        name = f"audit-{now:%Y%m%d-%H%M%S}Z.{'json' if as_json else 'csv'}"
        return StreamingHttpResponse(
            lines(entries), content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )


def records(entries: QuerySet[SyncAuditLog]) -> Iterator[dict[str, Any]]:
    """The entries as the API tells them, read a chunk after the other: flat memory, and no cursor held open."""
    serializer, rest = AuditRecord(), entries
    while chunk := list(rest.select_related("signal__source")[:ENTRIES_AT_ONCE]):
        yield from map(serializer.to_representation, chunk)
        last = chunk[-1]
        rest = entries.filter(at__lte=last.at).exclude(at=last.at, pk__gte=last.pk)


def as_csv(entries: QuerySet[SyncAuditLog]) -> Iterator[str]:
    return csv_lines(AuditRecord.Meta.fields, (record.values() for record in records(entries)))


def as_list(entries: QuerySet[SyncAuditLog]) -> Iterator[str]:
    """One JSON list, an entry a line."""
    yield "["
    for number, record in enumerate(records(entries)):
        yield (",\n" if number else "\n") + json.dumps(record, ensure_ascii=False, default=str)
    yield "\n]\n"
