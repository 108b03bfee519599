"""How a figure of Analysis is written: its value, and below it how far to trust it."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from signals.formats import EMPTY

from .formats import percent


def valued(value: float | None, kind: str) -> str:
    """0.23 (R) or 45.2 %, with a sign where R gained or lost."""
    if value is None:
        return EMPTY
    if kind == "share":
        return percent(100 * value)
    return f"{value:+,.2f}".replace("-", "−") if round(value, 2) else "0.00"  # noqa: RUF001 - a minus


def figure(told: Mapping[str, Any] | None, kind: str, link: str = "") -> SafeString | str:
    """A figure in a cell: value, interval, how many signals, how much filled, and the value of what was heard alone."""
    if not told or not told["n"]:
        return EMPTY
    value = valued(told["value"], kind)
    shown = format_html('<a href="{}">{}</a>', link, value) if link else value
    return format_html(
        '<b class="{}">{}</b> <small>{}</small><small class="trust">{}</small>',
        "unsure" if told["few"] else "",
        shown,
        interval(told, kind),
        trust(told, kind),
    )


def interval(told: Mapping[str, Any], kind: str) -> str:
    if told["low"] is None:
        return f"too few: {told['few']}" if told["few"] else ""
    between = f"{valued(told['low'], kind)} to {valued(told['high'], kind)}"
    return f"{between}, too few" if told["few"] else between


def trust(told: Mapping[str, Any], kind: str) -> str:
    """Of how many signals; and where any of it is filled, how much, and what the heard values alone say."""
    if not told["filled"]:
        return f"n {told['n']:,}, all heard"
    heard = f"heard {valued(told['heard'], kind)} (n {told['heard_n']:,})" if told["heard_n"] else "none heard"
    return f"n {told['n']:,}, {percent(100 * told['filled'])} filled, {heard}"
