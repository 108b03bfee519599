"""Where values came from, in the lists and on the page of signals."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.templatetags.console import origin_badge, tier_name
from signals.models import AutomatedSignal
from signals.vocabulary import DataSource

register = template.Library()
LETTERS = {
    DataSource.RECONCILED: "R",
    DataSource.POLLING: "P",
    DataSource.CALCULATED: "C",
    DataSource.INFERRED: "I",
}


@register.simple_tag
def mark(signal: AutomatedSignal, field: str) -> SafeString | str:
    """A letter beside a value that the indicator did not send in real time, with its confidence if that is below 1."""
    entry = signal.provenance.get(field)
    if not entry or entry["source"] == DataSource.REALTIME:
        return ""
    source, sure = DataSource(entry["source"]), Decimal(str(entry["confidence"]))
    tier = "" if entry.get("tier") is None else f", {tier_name(entry['tier'])}"
    title = f"{source.label}{tier}, confidence {sure:.2f}"
    said = LETTERS[source] if sure == 1 else f"{LETTERS[source]} {sure:.2f}"
    return format_html('<span class="origin" title="{}">{}</span>', title, said)


@register.simple_tag
def stamp(entry: Mapping[str, Any] | None, live: str = "") -> SafeString | str:
    """The badge of a provenance entry; `live` for a value that the indicator sent in real time."""
    return origin_badge(entry) if entry and entry["source"] != DataSource.REALTIME else live


@register.filter
def source_label(entry: Mapping[str, Any]) -> str:
    """Where a provenance entry's value came from, in words."""
    tier = entry.get("tier")
    return DataSource(entry["source"]).label + ("" if tier is None else f" ({tier_name(tier)})")
