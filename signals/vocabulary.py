"""The words of the domain, each defined once: event types, statuses, sessions, facts.

Nothing here touches a database or a clock. docs/architecture.md explains the words in prose.
"""

from collections.abc import Mapping

from django.db.models import TextChoices


class EventType(TextChoices):
    """What one event says about one signal. Reports are the indicator's answers about a signal's whole state.

    EXIT is the end of the whole trade as ordinary strategies tell it, whatever the reason.
    """

    SIGNAL_CREATED = "SIGNAL_CREATED", "Signal created"
    ENTRY = "ENTRY", "Entry"
    MFE_UPDATE = "MFE_UPDATE", "MFE update"
    BE_TRIGGERED = "BE_TRIGGERED", "Break-even triggered"
    EXIT_BREAK_EVEN = "EXIT_BREAK_EVEN", "Exit at break-even"
    EXIT_STOP_LOSS = "EXIT_STOP_LOSS", "Exit at stop loss"
    EXIT = "EXIT", "Exit"
    CANCELLED = "CANCELLED", "Cancelled"
    UNIFIED_SNAPSHOT_V1 = "UNIFIED_SNAPSHOT_V1", "Snapshot"
    INDICATOR_EXPORT_V2 = "INDICATOR_EXPORT_V2", "Indicator export"
    ALL_SIGNALS_EXPORT = "ALL_SIGNALS_EXPORT", "All-signals export"
    POLLING_RESPONSE = "POLLING_RESPONSE", "Polling response"


EXITS = frozenset({EventType.EXIT_BREAK_EVEN, EventType.EXIT_STOP_LOSS, EventType.EXIT})
REPORTS = frozenset(
    {
        EventType.UNIFIED_SNAPSHOT_V1,
        EventType.INDICATOR_EXPORT_V2,
        EventType.ALL_SIGNALS_EXPORT,
        EventType.POLLING_RESPONSE,
    }
)


class Status(TextChoices):
    PENDING = "PENDING", "Pending"
    CONFIRMED = "CONFIRMED", "Confirmed"
    COMPLETED = "COMPLETED", "Completed"
    CANCELLED = "CANCELLED", "Cancelled"


class Origin(TextChoices):
    """How a signal came to be known. One that replay found and that is gone again is kept, hidden, for its audit."""

    ALERTS = "alerts", "Heard in alerts"
    REPLAY = "replay", "Found by replay"
    WITHDRAWN = "withdrawn", "Found by replay, and withdrawn"
    REFUSED = "refused", "Found by replay, and refused"


class Approval(TextChoices):
    """Whether somebody has to say yes to a signal that replay found; empty where nobody has to."""

    WAITING = "waiting", "Waits for approval"
    APPROVED = "approved", "Approved"


SHOWN_ORIGINS = (Origin.ALERTS, Origin.REPLAY)


class Direction(TextChoices):
    BULLISH = "Bullish", "Bullish"
    BEARISH = "Bearish", "Bearish"


class Trend(TextChoices):
    """The state of one higher timeframe."""

    BULLISH = "Bullish", "Bullish"
    BEARISH = "Bearish", "Bearish"
    NEUTRAL = "Neutral", "Neutral"


# Longest first, each with the minutes of its bars.
TIMEFRAMES: Mapping[str, int] = {"daily": 1440, "h4": 240, "h1": 60, "m15": 15, "m5": 5, "m1": 1}


class Session(TextChoices):
    """Trading sessions by New York wall clock of the signal's bar (see sessions.py)."""

    ASIA = "ASIA", "Asia"
    LONDON = "LONDON", "London"
    NY_PRE = "NY PRE", "New York pre-market"
    NY_AM = "NY AM", "New York morning"
    NY_LUNCH = "NY LUNCH", "New York lunch"
    NY_PM = "NY PM", "New York afternoon"
    AFTER_HOURS = "AFTER_HOURS", "After hours"


class DataSource(TextChoices):
    """Where a value came from, best first."""

    REALTIME = "indicator_realtime", "Indicator, in real time"
    RECONCILED = "reconciled", "Reconciled from the signal's own events or id"
    POLLING = "indicator_polling", "Indicator, asked again"
    CALCULATED = "backend_calculated", "Calculated"
    INFERRED = "backend_inferred", "Inferred"


class DeliveryStatus(TextChoices):
    ACCEPTED = "accepted", "Accepted"
    DUPLICATE = "duplicate", "Duplicate"
    QUARANTINED = "quarantined", "Quarantined"


class Channel(TextChoices):
    """How a delivery reached us."""

    WEBHOOK = "webhook", "Webhook"
    LOG = "log", "Alert log"
    REPLAY = "replay", "Replay from quarantine"
    MAIL = "mail", "Alert mail"
