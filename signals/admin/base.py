"""What every page of the admin over large tables shares: bounded counts, bounded dates, no editing, and links."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Max, Min, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from signals.formats import EMPTY
from signals.storage.paging import BoundedPaginator


class Periods(QuerySet[Any]):
    """Names every period between the first and the last row.

    Django's date_hierarchy asks for the distinct periods instead, which reads the whole table.
    """

    def datetimes(self, field_name: str, kind: str, *args: Any, **kwargs: Any) -> list[datetime]:  # type: ignore[override]
        ends = self.aggregate(first=Min(field_name), last=Max(field_name))
        return list(periods(ends["first"], ends["last"], kind)) if ends["first"] else []


def periods(first: datetime, last: datetime, kind: str) -> Iterator[datetime]:
    """The beginnings of the years, months or days from `first` to `last`, both included."""
    start = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind in ("year", "month"):
        start = start.replace(day=1)
    if kind == "year":
        start = start.replace(month=1)
    while start <= last:
        yield start
        start += timedelta(days=1)
        if kind in ("year", "month"):
            start = (start + timedelta(days=370 if kind == "year" else 31)).replace(day=1)
        if kind == "year":
            start = start.replace(month=1)


class ReadOnlyAdmin(ModelAdmin):
    """Shown to whoever may view, changed by nobody, superusers included: these rows are evidence."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def among(field: str, values: Iterable[str]) -> type[admin.SimpleListFilter]:
    """A filter by the known values of a column that declares no choices.

    Django's own would ask the table for the distinct ones, which reads all of it.
    """
    offered = [(value, value) for value in values]

    class Among(admin.SimpleListFilter):
        title = field
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return offered

        def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
            return rows if self.value() is None else rows.filter(**{field: self.value()})

    return Among


def link(row: Model | None) -> SafeString | str:
    """A link to the row's page in the admin."""
    return EMPTY if row is None else page_link(type(row), row.pk, str(row))


def page_link(model: type[Model], key: Any, text: str) -> SafeString:
    """A link to the page of the row with this key, which need not be loaded."""
    meta = model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[key])
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text)


def list_link(model: type[Model], text: str, **lookups: Any) -> SafeString:
    """A link to the list of a model's rows that match."""
    meta = model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}?{}">{}</a>', address, urlencode(lookups), text
    )


def preformatted(text: str) -> SafeString:
    """Text that somebody else wrote, escaped, with its line breaks; what UTF-8 cannot hold is spelt out."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return format_html('<pre class="whitespace-pre-wrap break-all text-xs">{}</pre>', text)


def pretty(value: Any) -> SafeString:
    return preformatted(json.dumps(value, indent=2, ensure_ascii=False, default=str))
