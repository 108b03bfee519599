"""What is stored. README.md's diagram says who writes what."""

from .deliveries import Delivery, Quarantine, new_delivery_id
from .feeds import FeedState, FeedUse, FeedWindow
from .formats import Format
from .prices import PriceBar, RefusedBar
from .signal import AutomatedSignal, Fill, SignalEvent
from .sources import AlertId, Source, SourceToken

__all__ = [
    "AlertId",
    "AutomatedSignal",
    "Delivery",
    "FeedState",
    "FeedUse",
    "FeedWindow",
    "Fill",
    "Format",
    "PriceBar",
    "Quarantine",
    "RefusedBar",
    "SignalEvent",
    "Source",
    "SourceToken",
    "new_delivery_id",
]
