# mypy: disable-error-code="no-untyped-call"
"""All Signals: every triangle, narrowed and sorted as the address says, and to be taken away as CSV or JSON lines."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect
from django_filters import filters
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from dashboard.api.filters import SearchedFilter, StableOrdering
from dashboard.api.serializers import described
from dashboard.asked import REACH, Asked
from dashboard.console.page import Page
from dashboard.telling.addresses import address
from dashboard.telling.status_counts import statuses, summarised
from reconciliation.gaps import CATALOGUE
from signals.exporting import as_csv, jsonl
from signals.models import AutomatedSignal, Source

ROWS = 50
# A worker of gunicorn serves nobody else meanwhile, and is ended after 30 seconds; export_signals has no such end.
EXPORTED = 5_000
NEW_COUNTED = 100
BADGES = 3

TICKED = {"status": "Status", "session": "Session", "gap": "Gap", "finding": "Finding", "data_source": "Values"}
TICKED_MORE = {"weekday": "Weekday", "hour": "Hour", "be_end": "Break-even leg", "stop_end": "Original stop"}
LABELS = {
    "search": "Trade id", "direction": "Direction", "source": "Source", "symbol": "Symbol", "tag": "Tag",
    "note": "Note", "actionable": "Actionable gap", "date_from": "From", "date_to": "To", "health_min": "Health from",
    "health_max": "Health to", "htf_daily": "Daily", "htf_h4": "4 h", "htf_h1": "1 h", "htf_m15": "15 min",
    "htf_m5": "5 min", "htf_m1": "1 min", "origin": "Origin", "be_mfe_min": "MFE BE from (R)",
    "be_mfe_max": "MFE BE below (R)", "no_be_mfe_min": "MFE from (R)", "no_be_mfe_max": "MFE below (R)",
    "mae_min": "MAE from (R)", "mae_max": "MAE to (R)",
}  # fmt: skip
FIRST = ("search", "direction", "source")
MORE = tuple(name for name in LABELS if name not in FIRST)
DATE = {"widget": forms.DateInput(attrs={"type": "date"})}
SCORE = {"widget": forms.NumberInput(attrs={"min": 0, "max": 100})}
WIDGETS: Mapping[str, dict[str, Any]] = {
    "tag": {"widget": forms.TextInput(attrs={"placeholder": "one, or another"})},
    "search": {"widget": forms.TextInput(attrs={"type": "search", "placeholder": "all or part of it"})},
    "actionable": {"widget": forms.Select(choices=[("", "any"), ("true", "yes"), ("false", "none")])},
    **dict.fromkeys(("date_from", "date_to"), DATE),
    **dict.fromkeys(("health_min", "health_max"), SCORE),
}
# Valid in the address, and kept by the form though it does not show them.
CARRIED = ("ordering", "created_from", "created_to")


class Labelled(SearchedFilter):
    """The API's filter as a form: labelled, and with the inputs that people expect."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in {**TICKED, **TICKED_MORE, **LABELS}.items():
            # The API's field, if its schema has been made before: filters keep what they have built.
            vars(self.filters[name]).pop("_field", None)
            self.filters[name].label = label
            self.filters[name].extra |= WIDGETS.get(name, {})
            if name in TICKED or name in TICKED_MORE:
                self.filters[name].extra["widget"] = forms.CheckboxSelectMultiple
            elif isinstance(self.filters[name], (filters.ChoiceFilter, filters.ModelChoiceFilter)):
                self.filters[name].extra["empty_label"] = "any"


@dataclass(frozen=True)
class Listed(Asked):
    """What an address of the list asks for, and in which order."""

    ordering: list[str]

    @classmethod
    def of_list(cls, request: HttpRequest) -> "Listed":
        sorts = "ordering" in request.GET
        asked = Asked.of(request.GET, Labelled, always=sorts)
        wrong = dict(asked.wrong)
        try:
            ordering = ordering_of(request)
        except ValidationError as error:
            wrong["ordering"], ordering = error.args, ordering_of(HttpRequest())
        return cls(asked.filterset, asked.matching, asked.narrowed, asked.floor, wrong, ordering)


def ordering_of(request: HttpRequest) -> list[str]:
    """As the API orders. Raises its ValidationError for a field that it does not order by."""
    return StableOrdering().get_ordering(Request(request), AutomatedSignal.objects.none(), APIView())


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the list; with `ordering` its heading sorts. `wide` ones are left out on phones.

    Unless somebody chose others, those are shown that are `usual`; the first is what a row is known by, and stays.
    """

    name: str
    label: str
    ordering: str = ""
    css: str = ""
    title: str = ""
    usual: bool = True


COLUMNS = (
    Column("signal", "Signal", "signal_time", "key"),
    Column("direction", "Direction", "direction", "wide"),
    Column("session", "Session", "session", "wide"),
    Column("htf", "HTF", css="wide", title="Higher timeframes, longest first"),
    Column("status", "Status", "status"),
    Column("gaps", "Health, gaps", "health_score"),
    Column("bars", "Bars", "bars_to_confirmation", "num wide", "Bars of open market to confirmation or cancellation"),
    Column("prices", "Entry, stop", "entry_price", "num"),
    Column("be_mfe", "MFE BE (R)", "be_mfe", "num", "Of the leg whose stop moves to break-even"),
    Column("no_be_mfe", "MFE (R)", "no_be_mfe", "num", "Of the leg with the original stop"),
    Column("mae", "MAE (R)", "mae", "num"),
    Column("source", "Source", css="wide"),
    Column("symbol", "Symbol", css="wide", usual=False),
    Column("confirmed", "Confirmed", "confirmation_time", "wide", "Open of ENTRY's bar", usual=False),
    Column("ended", "Ended", css="wide", title="Its last exit, or its cancellation", usual=False),
    Column("last_event", "Last event", "last_event_at", "wide", usual=False),
    Column("confidence", "Confidence", "confidence_score", "num wide", "Of its least trusted value", usual=False),
)


def shown_columns(chosen: Sequence[str], *, several_sources: bool) -> list[Column]:
    """Those that somebody chose, else the usual ones; of the source nobody asks where there is one."""
    if any(column.name in chosen for column in COLUMNS):
        return [column for column in COLUMNS if column.name in chosen or column is COLUMNS[0]]
    return [column for column in COLUMNS if column.usual and (several_sources or column.name != "source")]


def headings(query: QueryDict, columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """The columns, each with the address that sorts by it: descending first, then ascending, then as by default."""
    now = query.get("ordering", "")
    for column in columns:
        name = column.ordering
        descending = bool(name) and now == f"-{name}"
        sorted_by = bool(name) and now.removeprefix("-") == name
        yield {
            "column": column,
            "link": linked(query, ordering=name if descending else "" if sorted_by else f"-{name}") if name else "",
            "sort": ("descending" if descending else "ascending") if sorted_by else "",
        }


def linked(query: QueryDict, **changes: Any) -> str:
    """The list's address with these parameters instead; from its first page on unless told otherwise."""
    changed = query.copy()
    for name, value in {"upto": "", "page": "", **changes}.items():
        changed.pop(name, None)
        if value:
            changed[name] = value
    return f"?{changed.urlencode()}"


@dataclass(frozen=True, slots=True)
class Row:
    """A signal of the list. `gaps` are (short name, title, tone), due ones first; `more` are the others' titles."""

    signal: Any
    gaps: list[tuple[str, str, str]]
    more: list[str]

    @classmethod
    def of(cls, signal: Any) -> "Row":
        waiting = set(signal.gaps_waiting)
        due_first = sorted(signal.gaps, key=waiting.__contains__)
        badges = [gap_badge(name, waits=name in waiting) for name in due_first]
        return cls(signal, badges[:BADGES], [title for _, title, _ in badges[BADGES:]])


def gap_badge(name: str, *, waits: bool) -> tuple[str, str, str]:
    title = f"{CATALOGUE[name].title}: {'waiting, not due yet' if waits else 'actionable'}"
    return CATALOGUE[name].short, title, "warn" if waits else "bad"


def number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else default


class Signals(Page):
    name = "signals"
    keeps_views = True
    route = "console/signals/"
    title = "All Signals"
    icon = "candlestick_chart"
    place = 30
    key = "s"
    template_name = "dashboard/signals/page.html"
    fragment = "dashboard/signals/live.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A whole trade id leads to its signal, unless several have it; empty inputs leave the address."""
        search = request.GET.get("search", "").strip()
        if search and not self.alone and "\0" not in search:
            found = AutomatedSignal.objects.filter(trade_id=search).values_list("pk", flat=True)[:2]
            if len(found) == 1:
                return redirect(address("signal", found[0]))
        filled = QueryDict(mutable=True)
        for name, values in request.GET.lists():
            filled.setlist(name, [value for value in values if value])
        if not self.alone and filled.urlencode() != request.GET.urlencode():
            return redirect(f"{request.path}?{filled.urlencode()}")
        return super().get(request, *args, **kwargs)

    def content(self, now: datetime) -> dict[str, Any]:
        query = self.request.GET
        asked = Listed.of_list(self.request)
        newest = AutomatedSignal.objects.aggregate(newest=Max("pk"))["newest"] or 0
        upto = min(number(query.get("upto"), newest), newest)
        counts = statuses(asked.matching, asked.tests)
        page = max(1, min(number(query.get("page"), 1), REACH // ROWS))
        shown = asked.shown.filter(pk__lte=upto) if upto < newest else asked.shown
        start = (page - 1) * ROWS
        ordered = shown.select_related("source").order_by(*asked.ordering)
        found = list(ordered[start : start + ROWS + 1])
        columns = shown_columns(self.preference.columns, several_sources=Source.objects.count() > 1)
        return {
            "rows": [Row.of(signal) for signal in described(found[:ROWS], now)],
            "headings": list(headings(query, columns)),
            "shown": dict.fromkeys((column.name for column in columns), True),
            "summary": summarised(counts),
            "tiles": tiles(query, counts),
            "as_by_default": not query.get("ordering"),
            "asked": asked,
            "upto": upto,
            "new": asked.shown.filter(pk__gt=upto)[:NEW_COUNTED].count() if upto < newest else 0,
            "top": linked(query),
            "number": page,
            "previous": linked(query, page=str(page - 1)) if page > 1 else "",
            "next": linked(query, page=str(page + 1)) if len(found) > ROWS else "",
            "reach": REACH,
        } | ({} if self.alone else self.filters(query, asked))

    def filters(self, query: QueryDict, asked: Listed) -> dict[str, Any]:
        return inputs(query, asked) | {
            "columns": COLUMNS[1:],
            "carried": [(name, query[name]) for name in CARRIED if query.get(name)],
            "exports": [(label, export_link(query, format)) for format, label in FORMATS.items()],
            "exported": EXPORTED,
        }


def inputs(query: QueryDict, asked: Asked) -> dict[str, Any]:
    """The inputs of the filters, as templates/dashboard/signals/filters.html shows them."""
    form = asked.filterset.form
    return {
        "form": form,
        "ticked": [(form[name], chosen(form, name)) for name in TICKED],
        "first": [form[name] for name in FIRST],
        "more": [form[name] for name in MORE],
        "more_ticked": [(form[name], chosen(form, name)) for name in TICKED_MORE],
        "more_used": any(query.get(name) for name in (*MORE, *TICKED_MORE)),
    }


def chosen(form: forms.Form, name: str) -> str:
    """What is ticked of a field, in words."""
    given = set(form[name].value() or ())
    field: Any = form.fields[name]
    return ", ".join(str(label) for value, label in field.choices if value in given)


TILES: Mapping[str, list[str]] = {
    "Pending": ["PENDING"],
    "Confirmed": ["CONFIRMED", "COMPLETED"],
    "of which completed": ["COMPLETED"],
    "Cancelled": ["CANCELLED"],
}


def tiles(query: QueryDict, counts: Counter[str]) -> list[tuple[str, int, str]]:
    """The counts above the list, each with the address of the signals that it counts."""
    listed = [("Signals", counts.total(), "")]
    for label, wanted in TILES.items():
        only = query.copy()
        only.setlist("status", wanted)
        listed.append((label, sum(counts[status] for status in wanted), linked(only)))
    return listed


FORMATS = {"csv": "CSV", "jsonl": "JSON lines"}
WRITERS: Mapping[str, tuple[str, Callable[[QuerySet[AutomatedSignal]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/x-ndjson", jsonl),
}


def export_link(query: QueryDict, format: str) -> str:
    return f"{address('export-signals')}{linked(query, format=format)}"


class Export(Page):
    """The signals that an address of the list asks for, as export_signals writes them, a line at a time."""

    name = "export-signals"
    route = "console/signals/export/"
    title = "Export signals"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        format = request.GET.get("format", "jsonl")
        asked = Listed.of_list(request)
        if asked.wrong or format not in WRITERS:
            # Never more than was asked for: a filter that is left out would do just that.
            wrong = ", ".join(asked.wrong) or "format"
            return HttpResponse(f"Not understood: {wrong}. Go back and choose again.", "text/plain", status=400)
        newest = asked.shown.order_by("-first_event_at", "-pk")[:EXPORTED]
        content_type, write = WRITERS[format]
        lines = write(AutomatedSignal.objects.filter(pk__in=newest.values("pk")))
        response = StreamingHttpResponse(lines, content_type=content_type)
        response["Content-Disposition"] = f'attachment; filename="signals.{format}"'
        return response
