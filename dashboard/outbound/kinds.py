"""The kinds of events, by the names that they are sent under."""

from enum import StrEnum


class Kind(StrEnum):
    CONFIRMED = "signal.confirmed"
    COMPLETED = "signal.completed"
    CANCELLED = "signal.cancelled"
    FOUND = "signal.found"
    FILLED = "signal.filled"
    WITHDRAWN = "signal.withdrawn"
    GAP_OPENED = "gap.opened"
    GAP_CLOSED = "gap.closed"
    TEST = "test"


MEANINGS = {
    Kind.CONFIRMED: "A signal was confirmed: its trade began.",
    Kind.COMPLETED: "A signal's trade is over.",
    Kind.CANCELLED: "A signal was cancelled, as an alert said or an opposite signal proves.",
    Kind.FOUND: "Price bars show a signal that nobody heard of, or it was approved.",
    Kind.FILLED: "A tier put a value in, or put in another for the one that it had.",
    Kind.WITHDRAWN: "A value that a tier had put in stands no longer, or a found signal was none.",
    Kind.GAP_OPENED: "A value is missing that should be there, and a cycle could not fill it.",
    Kind.GAP_CLOSED: "Such a value is there now, or a person dismissed the gap.",
}
"""Those that an endpoint can ask for. A test is sent to whom it is made for."""
