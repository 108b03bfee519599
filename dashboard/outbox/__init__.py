"""The outbox: messages to others, written with what they tell of, and sent afterwards at least once.

`put` writes one in the caller's transaction. `deliver_due` sends what is due: each message is claimed by
compare-and-swap, sent in a thread of its own with a deadline, tried again after a back-off and given up at last, which
the console shows. Destinations wait for nobody but themselves.
"""

from .delivering import Done, deliver_due
from .keeping import forget, overtake, put, try_again
from .senders import RefusedError, Sender, senders

__all__ = ["Done", "RefusedError", "Sender", "deliver_due", "forget", "overtake", "put", "senders", "try_again"]
