"""Fields and their stored values in lists, where each has one line."""

from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.telling.fields import evident, method_name, named, written
from dashboard.templatetags.console import TICK
from reconciliation.gaps import CATALOGUE

register = template.Library()
register.filter("named", named)
register.filter("method_name", method_name)
register.filter("evident", evident)
LONGEST = 28


@register.simple_tag
def said(field: str, value: Any, tick: Decimal = TICK) -> SafeString | str:
    """A value as its field is written. A long one is cut in the middle, and whole on hover."""
    told = written(field, value, tick)
    if isinstance(told, SafeString) or len(told) <= LONGEST:
        return told
    return format_html('<span title="{}">{} … {}</span>', told, told[: LONGEST // 2], told[-LONGEST // 2 :])


@register.filter
def gap_title(name: str) -> str:
    return CATALOGUE[name].title if name in CATALOGUE else name


@register.filter
def words(name: str) -> str:
    """An identifier as words: gap_opened is gap opened."""
    return name.replace("_", " ")
