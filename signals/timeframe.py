"""Timeframes: bars of one length in one market. What a bar is, which one an alert is about, and how many lie between.

A bar is named by its open. Bars of minutes run from the session's open on, in steps of their length; the last one of a
session may be shorter. A day's bar is the session itself. An alert fires at a bar's close, or, if nothing is traded
then, with the next tick: the bar of an alert is the latest that had closed by its fire minute.

Where the market is not known, only bars that every market's hours agree on are: up to half an hour, by the clock.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from signals.clock import LONGEST_LAG, MINUTE, Fits, floor_minute, soon
from signals.learning import DAY
from signals.market import Market
from signals.vocabulary import EventType

HOUR, HALF_HOUR, SHORT = 60, 30, 5
MOST_SESSIONS = 400  # between two bars that are counted; further apart no trade has its events
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timeframe:
    """`minutes` is the bars' length, None when it is not known; then ask nothing but `known`.

    `by_clock`: its bars run by the clock's hours and not from the session's open, as those of extended hours do.
    """

    market: Market
    minutes: int | None
    by_clock: bool = False

    @classmethod
    def of(cls, minutes: int | None, market: Market) -> "Timeframe":
        if market.known or minutes is None:
            return cls(market, minutes)
        return cls(market, minutes if minutes <= HALF_HOUR else None, by_clock=minutes > 1)

    @property
    def known(self) -> bool:
        return self.minutes is not None

    @property
    def by_minute(self) -> bool:
        return self.minutes == 1

    @property
    def length(self) -> timedelta:
        assert self.minutes is not None
        return self.minutes * MINUTE

    def holding(self, bar: datetime | None) -> "Timeframe":
        """The timeframe whose bars this is one of; one that knows nothing where it can be none of them."""
        if bar is None or self.minutes is None or self.by_minute or self.has(bar):
            return self
        clock = replace(self, by_clock=True)
        return clock if self.minutes <= HOUR and clock.has(bar) else replace(self, minutes=None)

    def has(self, bar: datetime) -> bool:
        """Whether one of its bars opens then."""
        return self.by_minute or ((self.by_clock or self.market.is_open(bar)) and self.around(bar) == bar)

    def around(self, moment: datetime) -> datetime:
        """Open of the bar that this minute is in, or of the session's last where the market is closed."""
        minute = floor_minute(moment)
        if self.by_minute:
            return minute
        if self.by_clock:
            return minute - (minute - _EPOCH) % self.length
        opened, closed = self.session(minute)
        return opened + (min(minute, closed - MINUTE) - opened) // self.step(opened, closed) * self.step(opened, closed)

    def session(self, moment: datetime) -> tuple[datetime, datetime]:
        session = self.market.session(moment)
        assert session is not None, "no calendar reaches back so far"
        return session

    def step(self, opened: datetime, closed: datetime) -> timedelta:
        return closed - opened if self.minutes == DAY else self.length

    def bar_of(self, fired: datetime) -> datetime:
        """Open of the bar at whose close an alert fired: the latest one that had closed by then."""
        minute = floor_minute(fired)
        if self.by_minute:
            return minute - MINUTE
        bar = self.around(minute)
        return bar if self.close_of(bar) <= minute else self.before(bar)

    def close_of(self, bar: datetime) -> datetime:
        if self.by_minute or self.by_clock:
            return bar + self.length
        opened, closed = self.session(bar)
        return min(bar + self.step(opened, closed), closed)

    def last_minute(self, bar: datetime) -> datetime:
        """Open of the last minute that the bar tells of: what it measures is known as of then."""
        return self.close_of(bar) - MINUTE

    def before(self, bar: datetime) -> datetime:
        """The bar before this one."""
        if self.by_minute:
            return self.market.last_open(bar - MINUTE)
        return self.around(bar - MINUTE)

    def after(self, bar: datetime) -> datetime:
        """The bar after this one."""
        if self.by_minute:
            return self.market.next_open(bar + MINUTE)
        close = self.close_of(bar)
        if self.by_clock or close < self.session(bar)[1]:
            return close
        return self.market.session_after(bar)[0]

    def had_closed(self, bar: datetime, moment: datetime) -> bool:
        """Whether a bar that opens then can have closed by the moment; where in doubt, it can."""
        if self.minutes is None or not (bar + MINUTE <= moment):
            return bar + MINUTE <= moment
        if HALF_HOUR % self.minutes == 0:
            return bar + self.length <= moment  # no session cuts it short
        if self.minutes == DAY or self.has(bar):
            return self.has(bar) and self.close_of(bar) <= moment
        return True

    def spoken_for(self, kind: str) -> Fits:
        """Which bars a birth of this type can speak for.

        A SIGNAL_CREATED fires at its bar's close. Of an ENTRY, which comes bars later, the same clock an hour away can
        look the nearer one: it speaks only where bars are short.
        """
        minutes = self.minutes or 1
        if minutes == 1:
            return soon
        if minutes <= SHORT:
            last = min(LONGEST_LAG * minutes, HOUR - 1) * MINUTE
            return lambda bar, fired: self.length <= fired - bar <= last
        if kind != EventType.SIGNAL_CREATED:
            return lambda bar, fired: False
        return lambda bar, fired: self.has(bar) and self.bar_of(fired) == bar

    def count(self, start: datetime, end: datetime) -> int | None:
        """How many bars `end` is after `start`; None where nobody knows, for one of them is in closed hours.

        So it is across closed hours of a market that is not known, and of bars by the clock.
        """
        if not self.market.is_open(start):
            return None
        if self.by_minute and self.market.known:
            return self.market.open_minutes(start, end)  # the last alert before a halt comes after it
        if not self.market.is_open(end):
            return None
        if self.by_clock or not self.market.known:
            whole = self.market.open_minutes(start, end) == (end - start) // MINUTE
            return (end - start) // self.length if whole else None
        return self.count_sessions(start, end)

    def count_sessions(self, start: datetime, end: datetime) -> int | None:
        done, (opened, closed) = 0, self.session(start)
        place = (start - opened) // self.step(opened, closed)
        for _ in range(MOST_SESSIONS):
            step = self.step(opened, closed)
            if end < closed:
                return done + (end - opened) // step - place
            done += -((opened - closed) // step)
            opened, closed = self.market.session_after(opened)
        return None

    def surely(self, bar: datetime, fired: datetime) -> bool:
        """Whether an alert of then can be about no other bar, whatever the market's hours are."""
        return self.market.known or self.market.open_minutes(bar, fired) * MINUTE == fired - bar
