"""What to write into an alert in TradingView for each format, and how that arrives: for whoever sets one up."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from signals.clock import NEW_YORK, floor_minute, local
from signals.dialects.builtin import BUILTIN
from signals.formats import iso
from signals.models import Delivery, Format

from .formats import text

INDICATOR = "indicator"
"""Not a format: the indicator's own messages, which it writes itself."""
PLACEHOLDER = re.compile(r"\{\{([\w.]+)(?::\w+)?\}\}")
# As TradingView would fill them in on a one-minute chart.
FILLED = {
    "ticker": "MNQ1!", "symbol": "MNQ1!", "exchange": "CME_MINI", "interval": "1", "open": "20010.25", "high": "20015",
    "low": "20008.5", "close": "20012", "price": "20012", "volume": "812", "strategy.order.action": "buy",
    "action": "buy", "strategy.order.contracts": "1", "contracts": "1", "strategy.order.price": "20012",
    "strategy.order.id": "Long", "strategy.position_size": "1", "position": "1", "strategy.market_position": "long",
    "strategy.market_position_size": "1", "strategy.prev_market_position": "flat",
    "strategy.prev_market_position_size": "0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """`written` goes into the alert's Message field ("": the alert writes it itself), `arrives` is what comes of it."""

    title: str
    written: str
    arrives: str


def choices() -> Iterator[tuple[str, str]]:
    """What alerts can be written in: the indicator's own messages, formats that come along, and those taught."""
    yield INDICATOR, "The indicator: it writes its own messages"
    yield from ((name, str(each.spec["title"])) for name, each in BUILTIN.items() if each.message)
    taught = Format.objects.filter(state=Format.State.ACTIVE).exclude(name__in=BUILTIN).order_by("name")
    titles = {row.name: str(row.spec.get("title") or row.name) for row in taught}
    yield from titles.items()


def message_of(format: str, now: datetime) -> Message:
    """What to write for a format; of one that nobody knows, the indicator's."""
    if format in BUILTIN and (built_in := BUILTIN[format]).message:
        return Message(str(built_in.spec["title"]), built_in.message, filled_in(built_in.message, now))
    row = Format.objects.filter(name=format, state=Format.State.ACTIVE).first()
    if row is None:
        return Message("The indicator", "", json.dumps(signal_of(now)))
    templates: Sequence[str] = (row.spec.get("text") or {}).get("templates", [])
    title = str(row.spec.get("title") or row.name)
    if templates:
        return Message(title, templates[0], filled_in(templates[0], now))
    latest = Delivery.objects.filter(format__name=format).exclude(body=None).order_by("-pk").first()
    return Message(title, "", text(latest.raw) if latest else "")


def signal_of(now: datetime) -> Mapping[str, Any]:
    """What the indicator says of a triangle in the bar that has just closed."""
    bar = local(floor_minute(now) - timedelta(minutes=1), NEW_YORK)
    return {
        "event_type": "SIGNAL_CREATED",
        "trade_id": f"{bar:%Y%m%d_%H%M}00{now.microsecond // 1000:03}_BULLISH",
        "direction": "Bullish",
        "signal_date": f"{bar:%Y-%m-%d}",
        "signal_time": f"{bar:%H:%M}:00",
        "htf_alignment": dict.fromkeys(("daily", "h4", "h1", "m15", "m5", "m1"), "Neutral"),
    }


def filled_in(written: str, now: datetime) -> str:
    """The message as TradingView sends it, of a bar that has just closed."""
    values = FILLED | {"timenow": iso(now), "time": iso(floor_minute(now) - timedelta(minutes=1))}
    return PLACEHOLDER.sub(lambda found: values.get(found[1], "1"), written)
