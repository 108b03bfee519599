"""How the console writes things: prices to the tick, R to two places, times as distances, states as badges."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from signals import tiers
from signals.clock import NEW_YORK, local
from signals.formats import EMPTY, iso
from signals.models import Delivery
from signals.models.deliveries import NO_TIME
from signals.receiving.masking import hide_secrets
from signals.vocabulary import TIMEFRAMES, Channel

from . import reader

TICK = Decimal("0.25")
MINUTES, SECONDS = "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"  # how the console writes times
UTC_TIME = re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z")
GIST = re.compile(rb'"(?:event_type|type|trade_id|signal_id)"\s*:\s*"([\w.-]{1,64})"')
TRADE = re.compile(rb'"(?:trade_id|signal_id)"\s*:\s*"([\w.-]{1,64})"')

# What each state means to an operator: fine, under way, needs a look, wrong. Anything else is neutral.
TONES = {
    **dict.fromkeys(
        ("COMPLETED", "accepted", "finished", "replayed", "filled", "closed", "stored", "ok", "matched"), "good"
    ),
    **dict.fromkeys(("CONFIRMED", "running", "approved", "reopened", "by mail alone", "alone"), "info"),
    **dict.fromkeys(
        ("PENDING", "quarantined", "waiting", "warning", "marked failed yet stored", "abandoned", "proposed"), "warn"
    ),
    **dict.fromkeys(
        ("failed", "actionable", "lost", "marked delivered yet absent", "conflict", "open", "refused"), "bad"
    ),
    **{tone: tone for tone in ("good", "info", "warn", "bad")},
}
ARROWS = {"Bullish": ("↑", "up"), "Bearish": ("↓", "down"), "Neutral": ("→", "flat")}
FRAMES = dict(zip(TIMEFRAMES, ("D", "4H", "1H", "15", "5", "1"), strict=True))


def price(value: Any, tick: Any = TICK) -> str:
    """A price in points, rounded to the instrument's tick: 25,513.75."""
    if value in {None, ""}:
        return EMPTY
    tick = Decimal(tick).normalize()
    steps = (Decimal(value) / tick).quantize(Decimal(1), ROUND_HALF_UP)
    places = max(0, -int(tick.as_tuple().exponent))
    return f"{steps * tick:,.{places}f}"


def r(value: Any) -> str:
    """A multiple of the risk, to two places: 1.25, -0.20."""
    return EMPTY if value in {None, ""} else f"{Decimal(value).quantize(Decimal('0.01'), ROUND_HALF_UP) + 0:.2f}"


def count(value: int | None) -> str:
    return EMPTY if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    return EMPTY if value is None else f"{value:.1f} %"


def duration(seconds: float | None) -> str:
    """A length of time in its largest unit: 340 ms, 12 s, 3 min, 5 h, 2 d."""
    if seconds is None:
        return EMPTY
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size or (size == 60 and abs(seconds) >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if abs(seconds) >= 10 else f"{seconds:.1f} s"


def exact(moment: datetime, zone: str = "") -> str:
    """By the reader's clock, by the market's where that is another one, and in UTC."""
    zones = dict.fromkeys((zone or reader.zone(), NEW_YORK))
    return " · ".join([*(f"{local(moment, each):%a %d %b %Y, %H:%M:%S %Z}" for each in zones), iso(moment)])


def ago(moment: datetime | None, now: datetime, zone: str = "") -> SafeString | str:
    """How long before (or after) now; the exact times on hover."""
    if moment is None:
        return EMPTY
    seconds = (now - moment).total_seconds()
    said = "now" if abs(seconds) < 1 else f"in {duration(-seconds)}" if seconds < 0 else f"{duration(seconds)} ago"
    return format_html('<time datetime="{}" title="{}">{}</time>', iso(moment), exact(moment, zone), said)


def clock(moment: datetime | None, zone: str = "", form: str = MINUTES, unknown: str = EMPTY) -> SafeString | str:
    """A wall clock of the reader's zone; the exact times on hover."""
    if moment is None:
        return unknown
    shown = local(moment, zone or reader.zone()).strftime(form)
    return format_html('<time datetime="{}" title="{}">{}</time>', iso(moment), exact(moment, zone), shown)


def wall(moment: datetime, form: str = MINUTES) -> str:
    """A wall clock of the reader's zone, New York's by default, as plain text: for sentences and attributes."""
    return local(moment, reader.zone()).strftime(form)


def new_york(stored: Any) -> str:
    """A stored text, with the UTC times in it as wall clocks of New York or of the zone that the reader has chosen."""

    def there(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[0])
        exactly = found[1] not in {None, ":00"}
        return "unknown time" if moment == NO_TIME else wall(moment, SECONDS if exactly else MINUTES)

    return UTC_TIME.sub(there, str(stored))


def alert_time(delivery: Delivery) -> datetime | None:
    """When its alert fired, exactly or to the minute; None for a row of a log whose time cannot be read."""
    return delivery.fired_at or (None if delivery.fire_minute == NO_TIME else delivery.fire_minute)


def delivery_name(delivery: Delivery) -> SafeString:
    when = clock(alert_time(delivery), unknown="unknown time")
    return format_html("{} of {}", delivery.dialect or "delivery", when)


def badge(state: Any, text: str = "", title: str = "") -> SafeString | str:
    """A state as a coloured word. The colour repeats what the word says, and never says more."""
    if state in {None, ""}:
        return EMPTY
    value = str(getattr(state, "value", state))
    said = text or str(getattr(state, "label", value))
    return format_html(
        '<span class="badge {}" title="{}">{}</span>', TONES.get(value, "neutral"), title or said, said.capitalize()
    )


def htf(alignment: Mapping[str, str] | None) -> SafeString | str:
    """The higher timeframes as arrows, longest first."""
    if not alignment:
        return EMPTY
    parts = [(name, alignment.get(frame)) for frame, name in FRAMES.items()]
    said = ", ".join(f"{name} {trend or 'unknown'}" for name, trend in parts)
    arrows = format_html_join(
        "",
        '<i class="{}"><b>{}</b>{}</i>',
        (
            (ARROWS.get(str(trend), ("·", "unknown"))[1], name, ARROWS.get(str(trend), ("·", ""))[0])
            for name, trend in parts
        ),
    )
    return format_html('<span class="htf" role="img" aria-label="{}" title="{}">{}</span>', said, said, arrows)


def tier_name(tier: Any) -> str:
    """As it stands in a sentence: tier 2, or inference."""
    return tiers.named(tier)


def pretty(text: Any) -> str:
    """JSON indented, whether it comes as text or as values; other text as it is."""
    try:
        value = json.loads(hide_secrets(text)) if isinstance(text, str) else text
    except ValueError:
        return hide_secrets(str(text))
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def text(raw: bytes) -> str:
    """Bytes as received, as text that hides what is secret."""
    return hide_secrets(raw.decode(errors="replace"))


def hides(raw: bytes) -> bool:
    """Whether `text` hides anything of these bytes."""
    return text(raw) != raw.decode(errors="replace")


def latency(delivery: Delivery) -> SafeString | str:
    """From firing to receipt: exact where an alert log told when it fired, else from the minute's beginning at most."""
    if delivery.channel != Channel.WEBHOOK:
        return EMPTY
    took = duration((delivery.received_at - (delivery.fired_at or delivery.fire_minute)).total_seconds())
    if delivery.fired_at:
        return took
    return format_html(
        '<span title="Counted from the minute: when it fired exactly, only the log says">≤ {}</span>', took
    )


def gist(body: bytes) -> str:
    """What a body is about, by its first words that name an event or a trade; never more than a line."""
    if (signals := len(set(TRADE.findall(body)))) > 1:
        return f"batch of {signals} signals"
    return " ".join(found.decode(errors="replace") for found in GIST.findall(body[:2000])[:2]) or text(body)[:60]


def words(name: str) -> str:
    """An identifier as words: gap_opened is gap opened."""
    return name.replace("_", " ")


def some(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def were(number: int) -> str:
    return "was" if number == 1 else "were"
