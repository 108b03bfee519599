"""Where a value came from, as a badge or a letter beside it. What the indicator sent in real time has none."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from signals.models import AutomatedSignal
from signals.vocabulary import DataSource

from .formats import tier_name

SHORT_SOURCES = {
    DataSource.RECONCILED: "reconciled",
    DataSource.POLLING: "polled",
    DataSource.CALCULATED: "calculated",
    DataSource.INFERRED: "inferred",
}
LETTERS = {
    DataSource.RECONCILED: "R",
    DataSource.POLLING: "P",
    DataSource.CALCULATED: "C",
    DataSource.INFERRED: "I",
}


def origin(signal: AutomatedSignal, field: str) -> SafeString | str:
    """A badge where the indicator itself did not send this value in real time; nothing where it did."""
    entry = signal.provenance.get(field)
    return "" if not entry or entry["source"] == DataSource.REALTIME else origin_badge(entry)


def origin_badge(entry: Mapping[str, Any]) -> SafeString:
    """What a provenance entry says, short; all of it on hover."""
    source = DataSource(entry["source"])
    tier = "" if entry.get("tier") is None else f", {tier_name(entry['tier'])}"
    sure = f"{Decimal(str(entry['confidence'])):.2f}"
    title = f"{source.label}{tier}, confidence {sure}"
    return format_html(
        '<span class="origin" title="{}">{} {}</span>', title, SHORT_SOURCES.get(source, source.value), sure
    )


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


def stamp(entry: Mapping[str, Any] | None, live: str = "") -> SafeString | str:
    """The badge of a provenance entry; `live` for a value that the indicator sent in real time."""
    return origin_badge(entry) if entry and entry["source"] != DataSource.REALTIME else live


def source_label(entry: Mapping[str, Any]) -> str:
    """Where a provenance entry's value came from, in words."""
    tier = entry.get("tier")
    return DataSource(entry["source"]).label + ("" if tier is None else f" ({tier_name(tier)})")
