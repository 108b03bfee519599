"""What templates write values with. Each function stands in `dashboard/telling/`, which Python calls, too."""

from collections.abc import Callable
from typing import Any

from django import template

from dashboard.telling import fields, figures, formats, provenance, reader

register = template.Library()

FILTERS: tuple[Callable[..., Any], ...] = (
    formats.price, formats.r, formats.count, formats.percent, formats.duration, formats.wall, formats.new_york,
    formats.alert_time, formats.tier_name, formats.pretty, formats.text, formats.hides, formats.gist, formats.words,
    fields.named, fields.method_name, fields.evident, fields.gap_title,
    provenance.source_label,
)  # fmt: skip
TAGS: tuple[Callable[..., Any], ...] = (
    formats.ago, formats.clock, formats.delivery_name, formats.badge, formats.htf, formats.latency,
    fields.said, figures.figure, reader.zone_name,
    provenance.origin, provenance.mark, provenance.stamp,
)  # fmt: skip

for each in FILTERS:
    register.filter(each)
for each in TAGS:
    register.simple_tag(each)
