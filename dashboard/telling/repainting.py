"""Repainting in words: what fired, and what was said of it afterwards."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from reconciliation.repainting.fired import BARS, EXPORT, Contradiction
from signals.models import AutomatedSignal

from .fields import kind_of, named, written
from .formats import wall


def told(signal: AutomatedSignal, tick: Decimal) -> Iterator[tuple[str, str]]:
    """(of what, what is said of it), for each contradiction."""
    for each in signal.repainted or ():
        yield named(each["field"]) if each["field"] else "The signal itself", says(each, tick)


def says(each: Contradiction, tick: Decimal) -> str:
    at = wall(datetime.fromisoformat(each["at"]))
    if each["by"] == EXPORT:
        return f"left out by the export of {at} ({each['evidence']} signals), which covers its time and came whole"
    who = f"the indicator's rules on the bars, at {at}," if each["by"] == BARS else f"a report of {at}"
    if each["says"] is None:
        return f"{who} have no such signal; all bars are there"
    fired, other = (shown(each["field"], each[key], tick) for key in ("fired", "says"))
    return f"it fired as {fired}; {who} {'have' if each['by'] == BARS else 'has'} {other}"


def shown(field: str, value: str, tick: Decimal) -> str:
    """A value as plain text; moments in the market's zone."""
    if kind_of(field) == "moment" and value[:1].isdecimal():
        return wall(datetime.fromisoformat(value))
    return str(written(field, value, tick))
