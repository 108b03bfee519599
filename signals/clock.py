"""Time as the indicator tells it: minutes, bars, wall clocks without a zone, and how the zone is learned.

Everything here is pure. Moments are aware UTC; *naive* times are wall clocks as sent, and never stored.
docs/clocks.md explains the rules in prose.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import nsmallest
from typing import Literal
from zoneinfo import ZoneInfo

from signals.vocabulary import Direction

MINUTE = timedelta(minutes=1)
NEW_YORK = "America/New_York"
VOTES_THAT_DECIDE = 5
LONGEST_LAG = 16  # minutes; an ENTRY up to here after its id's bar still says which zone the id is in

_TRADE_ID = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})_([0-9]{2})([0-9]{2})([0-9]{2})(?:[0-9]{3})?(?:_([A-Z]+))?")
_SPACES = re.compile(r"\s+")
_DIRECTIONS = {
    **dict.fromkeys(("BULLISH", "BULL", "LONG", "BUY"), Direction.BULLISH.value),
    **dict.fromkeys(("BEARISH", "BEAR", "SHORT", "SELL"), Direction.BEARISH.value),
}
# An id outside these years is no bar's; far enough from datetime's ends for any zone to be added.
_YEARS = range(1970, 2200)


def floor_minute(t: datetime) -> datetime:
    """The UTC minute that `t` is in. Raises ValueError for a naive time."""
    if t.tzinfo is UTC and not (t.second or t.microsecond):
        return t  # as what is stored mostly is
    if t.utcoffset() is None:
        raise ValueError(f"{t!r} has no time zone: attach one, or use instant() for a wall clock")
    return t.astimezone(UTC).replace(second=0, microsecond=0)


def bar_of(fire_minute: datetime) -> datetime:
    """Open of the one-minute bar at whose close an alert fired."""
    return floor_minute(fire_minute) - MINUTE


@dataclass(frozen=True, slots=True)
class TradeId:
    """What a trade id says: `naive`, the open of a bar, zone unknown, cut to the minute; and a direction."""

    naive: datetime
    direction: str | None
    second: int = field(default=0, compare=False)  # of its clock; a bar's open has none

    @staticmethod
    def parse(text: str) -> "TradeId | None":
        """Read YYYYMMDD_HHMMSSmmm_DIRECTION in any case; None when it names no minute that exists.

        Milliseconds and direction may be missing; a direction that is not understood is None.
        """
        return _parsed(text)

    @staticmethod
    def naming(bar: datetime, zone: str, direction: str) -> str:
        """The id that the indicator gives a signal of this bar, on a clock of this zone."""
        return f"{local(bar, zone):%Y%m%d_%H%M}00000_{direction.upper()}"

    @staticmethod
    def spelling(text: str) -> str:
        """An id in its one spelling: in capitals, without spaces, with BULLISH or BEARISH, where it names a bar.

        Another id is somebody else's name for something: only the white space around it and its doubles go.
        """
        plain = " ".join(text.split())
        tight = _SPACES.sub("", plain.upper())
        if TradeId.parse(tight) is None:
            return plain
        *bar, direction = tight.split("_")
        return "_".join([*bar, _DIRECTIONS.get(direction, direction).upper()])


@lru_cache(maxsize=4096)  # one id is read for its vote, its zone and its bar
def _parsed(text: str) -> TradeId | None:
    match = _TRADE_ID.fullmatch(text.strip().upper())
    if match is None:
        return None
    *numbers, direction = match.groups()
    year, month, day, hour, minute, second = map(int, numbers)
    try:
        # An id has no zone. Its seconds must exist, and then decide nothing.
        naive = datetime(year, month, day, hour, minute, second).replace(second=0)  # noqa: DTZ001
    except ValueError:
        return None
    return TradeId(naive, _DIRECTIONS.get(direction or ""), second) if year in _YEARS else None


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def is_zone(name: object) -> bool:
    """Whether it is the name of a time zone."""
    try:
        return isinstance(name, str) and bool(_zone(name))
    except (KeyError, ValueError, OSError):  # unknown; no such path; a folder of zones
        return False


@lru_cache(maxsize=4096)
def instant(naive: datetime, zone: str, near: datetime | None = None) -> datetime:
    """The UTC moment of a wall clock in `zone`.

    When clocks go back, an hour happens twice: it is the later of the two if a bar that opens then has closed
    by `near` (the fire minute of an event about it), else the earlier. When clocks go forward, a skipped time
    is moved on by the change (02:30 becomes 03:30). Raises ValueError for an aware time.
    """
    if naive.tzinfo is not None:
        raise ValueError(f"{naive!r} already has a time zone: pass a wall clock without one")
    wall = naive.replace(tzinfo=_zone(zone), fold=0)
    first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    # In a skipped hour `second` lies before `first`; only in a repeated one does it lie after.
    if near is not None and first < second <= near - MINUTE:
        return second
    return first


def local(t: datetime, zone: str) -> datetime:
    """`t` on the wall clock of `zone` (aware)."""
    if t.utcoffset() is None:
        raise ValueError(f"{t!r} has no time zone: attach one, or use instant() for a wall clock")
    return t.astimezone(_zone(zone))


@dataclass(frozen=True, slots=True, order=True)
class Vote:
    """One event's word for a zone. Checksum and position (of the payload, in it) make the order total."""

    minute: datetime
    checksum: str
    position: int
    zone: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The zone of one trade id, and what decided it."""

    zone: str
    by: Literal["only_possible", "votes", "configured"]


Fits = Callable[[datetime, datetime], bool]
"""Whether a bar, by its open, fits an alert that fired at this minute."""


def closed_minutes(bar: datetime, fired: datetime) -> bool:
    """Whether a one-minute bar had closed by then."""
    return bar + MINUTE <= fired


def soon(bar: datetime, fired: datetime) -> bool:
    """Whether a birth that fired then can speak for a one-minute bar: 1 (at its close) to 16 minutes after its open."""
    return MINUTE <= fired - bar <= LONGEST_LAG * MINUTE


def vote_zone(naive: datetime, fire_minute: datetime, zones: Sequence[str], speaks: Fits = soon) -> str | None:
    """The zone that a SIGNAL_CREATED or ENTRY speaks for: where it fired soonest after its id's bar opened.

    None when it speaks for no bar that the id can name. Among equals the earlier in `zones`.
    """
    bars = {zone: instant(naive, zone, near=fire_minute) for zone in zones}
    credible = [zone for zone in zones if speaks(bars[zone], fire_minute)]
    return max(credible, key=bars.__getitem__, default=None)


def possible_zones(
    naive: datetime, first_minute: datetime, zones: Sequence[str], closed: Fits = closed_minutes
) -> tuple[str, ...]:
    """The zones in which the id's bar had closed when the first event about it fired."""
    return tuple(z for z in zones if closed(instant(naive, z, near=first_minute), first_minute))


def decide(
    naive: datetime,
    first_minute: datetime,
    votes: Iterable[Vote],
    zones: Sequence[str],
    configured: str,
    *,
    closed: Fits = closed_minutes,
) -> Decision:
    """The zone of a trade id whose first event fired at `first_minute`.

    A zone in which the bar had not closed by then is impossible; if that leaves one, it is that one. Else the
    five votes nearest to `first_minute` decide by majority among the zones left (all, if none is), and the
    nearest vote breaks a tie. The five are picked before votes for impossible zones are put aside: no sixth
    vote can matter, and `votes` may hold any others, in any order, even repeated.
    """
    if not zones:
        raise ValueError("no candidate zones: give a source at least one")
    standing = possible_zones(naive, first_minute, zones, closed)
    if len(standing) == 1:
        return Decision(standing[0], "only_possible")
    standing = standing or tuple(zones)
    nearest = nsmallest(VOTES_THAT_DECIDE, set(votes), key=lambda v: (abs(v.minute - first_minute), v))
    counted = Counter(vote.zone for vote in nearest if vote.zone in standing)
    if counted:
        # Counter keeps the order of first appearance, nearest first, and max() takes the first of equals.
        return Decision(max(counted, key=counted.__getitem__), "votes")
    return Decision(configured if configured in standing else standing[0], "configured")
