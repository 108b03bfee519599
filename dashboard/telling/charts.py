"""How a source's chart is told: its symbol, the length of its bars and its market, each with how it is known."""

from signals.learning import DAY
from signals.markets import calendar_of
from signals.models import Source
from signals.models.sources import By

HOUR = 60


def length(minutes: int) -> str:
    """A bar length in words: 5 minutes, 1 hour, 1 day."""
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (1, "minute")):
        if minutes % unit == 0:
            number = minutes // unit
            return f"{number} {name}{'' if number == 1 else 's'}"
    raise ValueError(f"{minutes} minutes are no bar")


def bars_reason(source: Source) -> str:
    """Why the length of its bars is what it is, or is not known."""
    if source.bar_minutes:
        return By(source.bar_minutes_by).label.lower() if source.bar_minutes_by else "as it was made"
    stated = [each for name in ("ticker", "payload") for each in source.learned.get(name, ())]
    if stated:
        return f"its bar length is not known: its alerts say {' and '.join(map(length, sorted(set(stated))))}"
    return "its bar length is not known: no alert states it, and too few show it"


def hours_reason(source: Source) -> str:
    """Why its market is the one it is, or is not known."""
    if source.calendar_by == By.SET:
        return By.SET.label.lower()
    reason = calendar_of(source.ticker or source.symbol).reason
    return reason if source.calendar else f"its market is not known: {reason}"


def symbol_reason(source: Source) -> str:
    return By(source.symbol_by).label.lower()
