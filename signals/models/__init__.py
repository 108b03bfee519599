"""What is stored. README.md's diagram says who writes what."""

from .deliveries import Delivery, DeliveryBody, LetGo, Quarantine, first_id, new_delivery_id
from .feeds import FeedState, FeedUse, FeedWindow
from .formats import Format
from .mail import Mail, Mailbox, MailMark
from .measurements import Measurement
from .notes import SignalNote, SignalTag
from .prices import PriceBar, RefusedBar
from .signal import AutomatedSignal, Fill, SignalEvent
from .sources import AlertId, Source, SourceToken
from .thinning import Thinned

__all__ = [
    "AlertId",
    "AutomatedSignal",
    "Delivery",
    "DeliveryBody",
    "FeedState",
    "FeedUse",
    "FeedWindow",
    "Fill",
    "Format",
    "LetGo",
    "Mail",
    "MailMark",
    "Mailbox",
    "Measurement",
    "PriceBar",
    "Quarantine",
    "RefusedBar",
    "SignalEvent",
    "SignalNote",
    "SignalTag",
    "Source",
    "SourceToken",
    "Thinned",
    "first_id",
    "new_delivery_id",
]
