"""What a feed is: the interface that an adapter fills in, and how it says that it could not be asked. No database."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, NamedTuple

from signals.bars.reading import too_much_of

from .line import Line


class FeedBar(NamedTuple):
    """A one-minute bar: `time` is its open, UTC; prices in points."""

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an answer, in order of time. With it everything that the feed has before `upto` is told."""

    bars: Sequence[FeedBar]
    upto: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an adapter declares of its feed.

    `key` names the setting, or the variable of the environment, that holds the key; "" where none is needed. A bar is
    final `final_after` its close; younger ones are never asked for. An answer about times that are older than
    `settled_after` is whole: what it lacks, the feed will never have. Nothing is older than `reach` (None: no limit).
    `per_minute` requests at most, of `per_request` bars each; `symbols` says how its symbols are spelled.
    """

    name: str
    title: str
    key: str
    symbols: str
    per_minute: int
    per_request: int
    final_after: timedelta
    settled_after: timedelta = timedelta(days=1)
    reach: timedelta | None = None
    package: str = ""  # what must be installed for it


class Feed(ABC):
    """An adapter. One is made for each turn of asking, with the line that it asks through."""

    about: ClassVar[About]

    def __init__(self, line: Line) -> None:
        self.line = line

    @classmethod
    @abstractmethod
    def fault(cls, symbol: str) -> str:
        """Why the feed has no such symbol, by its spelling; "" if it may have it."""

    @abstractmethod
    def bars(self, symbol: str, start: datetime, end: datetime) -> Iterator[Page]:
        """The bars that open in [start, end), page by page, none of them twice.

        No page at all means that the feed has nothing there yet, and cannot say more. Raises FeedError.
        """


def number(value: Any) -> Decimal:
    """A price as a vendor tells it; text and floats with the digits they are written with. Raises ValueError."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite() or too_much_of(found):
        raise ValueError(f"{value!r} is no price")
    return found
