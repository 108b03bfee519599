"""A confirmed trade and its two legs, bar by bar.

From the bar after confirmation on, excursions grow by each bar's high and low; the bar that ends a leg is left out of
them. Once the favourable excursion is 1 R the first leg's stop is at the entry, from the next bar on; the second leg
keeps the original stop. A bar that touches both the stop and +1 R is a loss.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from signals.vocabulary import Direction, EventType

from .bars import Bar

NONE = Decimal(0)
MOMENTS = ("triangle", "confirmed", "rests_on", "protected", "be_ended", "ended", "as_of")


@dataclass(slots=True)
class Trade:
    """A trade since its ENTRY. Moments are opens of bars; prices, `be_best`, `best` and `worst` are in points.

    `as_of` is the last bar that the excursions cover, the confirming one at first; `rests_on` the first of those
    that entry and stop were found by.
    """

    direction: Direction
    triangle: datetime
    confirmed: datetime
    entry: Decimal
    stop: Decimal
    bars_to_confirmation: int
    rests_on: datetime
    as_of: datetime
    be_best: Decimal = NONE
    best: Decimal = NONE
    worst: Decimal = NONE
    protected: datetime | None = None
    be_ended: datetime | None = None
    ended: datetime | None = None

    @property
    def be_mfe(self) -> Decimal:
        """Favourable excursion of the leg whose stop moves to the entry, in R."""
        return self.be_best / self.risk

    @property
    def no_be_mfe(self) -> Decimal:
        """Favourable excursion of the leg that keeps its stop, in R."""
        return self.best / self.risk

    @property
    def mae(self) -> Decimal:
        """Adverse excursion of the leg that keeps its stop, in R, at most 0."""
        return self.worst / self.risk

    @property
    def sign(self) -> int:
        return 1 if self.direction == Direction.BULLISH else -1

    @property
    def risk(self) -> Decimal:
        """Points of 1 R, positive."""
        return abs(self.entry - self.stop)

    def target(self, multiple: int) -> Decimal:
        return self.entry + self.sign * multiple * self.risk

    def take(self, bar: Bar) -> tuple[EventType, ...]:
        """Take in one bar, and return what the indicator says of the trade at its close beside its excursions."""
        if self.direction == Direction.BULLISH:
            ahead, behind, stopped = bar.high - self.entry, bar.low - self.entry, bar.low <= self.stop
        else:
            ahead, behind, stopped = self.entry - bar.low, self.entry - bar.high, bar.high >= self.stop
        if stopped:
            first = () if self.be_ended else (EventType.EXIT_BREAK_EVEN,)
            self.be_ended, self.ended = self.be_ended or bar.time, bar.time
            return (*first, EventType.EXIT_STOP_LOSS)
        told: tuple[EventType, ...] = ()
        if self.protected and not self.be_ended and behind <= 0:
            self.be_ended, told = bar.time, (EventType.EXIT_BREAK_EVEN,)
        self.as_of = bar.time
        self.best, self.worst = max(self.best, ahead), min(self.worst, behind)
        if not self.be_ended:
            self.be_best = max(self.be_best, ahead)
            if not self.protected and self.be_best >= self.risk:
                self.protected, told = bar.time, (EventType.BE_TRIGGERED,)
        return told

    def stored(self) -> dict[str, Any]:
        """The trade as JSON, for `restored`."""
        return {
            name: value.isoformat()
            if isinstance(value, datetime)
            else str(value)
            if isinstance(value, Decimal)
            else value
            for name in self.__slots__
            for value in [getattr(self, name)]
        }

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Self:
        found = dict(stored)
        for name in MOMENTS:
            found[name] = found[name] and datetime.fromisoformat(found[name])
        for name in ("entry", "stop", "be_best", "best", "worst"):
            found[name] = Decimal(found[name])
        return cls(**{**found, "direction": Direction(found["direction"])})
