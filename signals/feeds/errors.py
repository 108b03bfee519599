"""Why a feed could not be asked. Never to be taken for an answer without bars."""

from datetime import timedelta


class FeedError(Exception):
    """Could not ask; the message says why, and holds no key and no address.

    `whole`: nothing else can be asked of the feed now, either. `after`: when to try again at the earliest; None leaves
    it to the caller's back-off.
    """

    whole = True

    def __init__(self, says: str, after: timedelta | None = None) -> None:
        super().__init__(says)
        self.after = after


class UnreachableError(FeedError):
    """No answer, a broken one, or the server's own failure. Mostly it passes."""


class TooManyError(FeedError):
    """More requests than the plan allows."""


class DeniedError(FeedError):
    """The key is missing, wrong or blocked: somebody has to mend it."""


class NotIncludedError(FeedError):
    """The plan, or the feed, does not include this symbol or this time. Others it may."""

    whole = False


class UnknownSymbolError(FeedError):
    """The feed knows no such symbol."""

    whole = False


class OutOfTimeError(FeedError):
    """Our own deadline: the next turn goes on. Nothing is wrong with the feed."""
