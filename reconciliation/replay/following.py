"""Following the twin over a symbol's bars: its signals, with the holes and the bars that each rests on. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Self

from signals.clock import MINUTE
from signals.formats import canonical
from signals.market import Market
from signals.twin import Bar, Statement, Trade, Twin
from signals.vocabulary import EventType

LONGEST_HOLE = 15  # minutes of open market; after a longer one the twin has to prove itself anew
NEAR = 3  # bars before a triangle's that make a gap: one that is missing may have made or unmade the triangle
REMEMBERED = 600  # missing minutes


@dataclass(slots=True)
class Stretch:
    """Bars of one week without a long hole; see models.ReplayStretch."""

    start: datetime
    end: datetime
    bars: int = 0
    missing: int = 0
    continues: datetime | None = None


@dataclass(slots=True)
class Told:
    """One triangle of the twin and what became of it; see models.ReplayedSignal."""

    stretch: datetime
    triangle: datetime
    direction: str
    digest: str
    near_hole: bool
    confirmed: datetime | None = None
    cancelled: datetime | None = None
    entry: Decimal | None = None
    stop: Decimal | None = None
    rests_on: datetime | None = None
    entry_digest: str = ""
    entry_hole: bool = False
    stop_hole: bool = False


MOMENTS = frozenset({"stretch", "triangle", "confirmed", "cancelled", "rests_on", "start", "end", "continues"})


class Follower:
    """The twin on one symbol. Bars come in order of time, each once, whole and closed."""

    def __init__(self, hours: Market) -> None:
        self.hours, self.twin = hours, Twin()
        self.stretch: Stretch | None = None
        self.open: Told | None = None  # the triangle that is neither confirmed nor cancelled
        self.missing: deque[datetime] = deque(maxlen=REMEMBERED)

    def take(self, bar: Bar) -> list[Told]:
        """Take in one bar; return the signals that are new or told more of, in order of their triangles."""
        self.enter(bar.time)
        pending = self.twin.pending
        told = []
        before = [*self.twin.recent, bar]
        for said in self.twin.take(bar):
            if said.type == EventType.SIGNAL_CREATED:
                told.append(self.begin(said, before))
            elif self.open and said.triangle == self.open.triangle and pending:
                self.end(self.open, said, [*pending.before, *pending.held])
                told.append(self.open)
                self.open = None
        self.twin.trades = []  # what becomes of a trade is calculated from its bars where it is wanted
        self.open = next((each for each in told if not each.confirmed and not each.cancelled), self.open)
        return told

    def enter(self, time: datetime) -> None:
        """Note the minutes that are missing before this bar, and begin a stretch after many, or in a new week."""
        last, stretch = self.twin.last, self.stretch
        hole = self.hours.open_minutes(last + MINUTE, time) if last else 0
        if stretch is None or hole > LONGEST_HOLE:
            self.twin.pending = self.open = None  # what became of it lies in the hole
            self.missing.clear()
            self.stretch = Stretch(time, time)
        else:
            assert last is not None
            self.missing.extend(missing_between(last, time, self.hours) if hole else ())
            if time.isocalendar()[:2] != stretch.start.isocalendar()[:2]:
                self.stretch = stretch = Stretch(time, time, continues=stretch.start)
            stretch.missing += hole
        assert self.stretch is not None
        self.stretch.end = time
        self.stretch.bars += 1

    def begin(self, said: Statement, bars: list[Bar]) -> Told:
        assert self.stretch is not None
        first = bars[-1 - NEAR].time if len(bars) > NEAR else self.stretch.start
        near = self.hole(first, said.bar)
        return Told(self.stretch.start, said.bar, said.direction.value, digest_of(bars), near)

    def end(self, told: Told, said: Statement, bars: list[Bar]) -> None:
        """The triangle's confirmation or cancellation; `bars` are those around it up to this one."""
        told.entry_hole = self.hole(told.triangle, said.bar)
        if said.type == EventType.CANCELLED:
            told.cancelled = said.bar
            return
        trade = said.trade
        assert isinstance(trade, Trade)
        told.confirmed, told.entry, told.stop, told.rests_on = said.bar, trade.entry, trade.stop, trade.rests_on
        told.stop_hole = self.hole(trade.rests_on, said.bar)
        told.entry_digest = digest_of(bar for bar in bars if bar.time >= trade.rests_on)

    def hole(self, since: datetime, until: datetime) -> bool:
        """Whether a minute between these two bars has none."""
        return any(since < minute < until for minute in self.missing)

    def stored(self) -> dict[str, Any]:
        """As JSON, for `restored`."""
        return {
            "twin": self.twin.stored(),
            "stretch": plain(self.stretch),
            "open": plain(self.open),
            "missing": [minute.isoformat() for minute in self.missing],
        }

    @classmethod
    def restored(cls, hours: Market, stored: dict[str, Any]) -> Self:
        found = cls(hours)
        found.twin = Twin.restored(stored["twin"])
        found.stretch = stored["stretch"] and Stretch(**typed(stored["stretch"]))
        found.open = stored["open"] and Told(**typed(stored["open"]))
        found.missing.extend(map(datetime.fromisoformat, stored["missing"]))
        return found


def missing_between(last: datetime, time: datetime, hours: Market) -> Iterator[datetime]:
    """The minutes of open market between two bars."""
    while (last := hours.next_open(last + MINUTE)) < time:
        yield last


def digest_of(bars: Iterable[Bar]) -> str:
    """Names what these bars say."""
    found = blake2b(digest_size=8)
    for time, *prices in bars:
        found.update(f"{time.isoformat()} {' '.join(map(canonical, prices))}\n".encode())
    return found.hexdigest()


def plain(row: Stretch | Told | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(row).items()}


def typed(stored: dict[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if name in MOMENTS and value else value for name, value in stored.items()
    }
