"""What goes into a simulation and what comes out of it: plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from signals.clock import MINUTE, NEW_YORK, floor_minute
from signals.market import Market, market
from signals.markets import calendar_of
from signals.twin import Bar
from signals.vocabulary import Direction, EventType, Session, Status, Trend

CHICAGO = "America/Chicago"
TICK = Decimal("0.25")
USUAL_PRICE = Decimal(25500)
WARM_UP = 600  # open minutes of chart before the first that is told of


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one generation of the indicator behaves; `bodies` says how it spells.

    `label_lag` is the hours by which session labels lag New York.
    """

    name: str
    id_zone: str = NEW_YORK
    single_leg: bool = False  # any exit ends the trade, and the id names ENTRY's bar
    label_lag: int = 0
    pairs_exits: bool = False  # a stop that was never protected sends both exits


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("strategy", id_zone=CHICAGO, single_leg=True),
        Dialect("telemetry-z", id_zone=CHICAGO, single_leg=True, label_lag=2),
        Dialect("telemetry", label_lag=1, pairs_exits=True),
        Dialect("batch"),
        Dialect("plain"),
        Dialect("mixed"),
    )
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One alert over one stretch of time. Its bars are those that open in [start, end); both are aware UTC.

    The chart begins at `origin`, by default WARM_UP open minutes before `start`: the twin has warmed up by then, and of
    signals from before `start` nothing is told. `seed` and the market's part (origin, start, end, dialect, ticker,
    start_price, clock_change) alone decide prices and trades: whatever is done to delivery, the truth stays the same.
    Fractions are from 0 to 1:

    `loss`     of alerts that never arrive
    `repeats`  of SIGNAL_CREATED, BE_TRIGGERED and EXIT_BREAK_EVEN that come again minutes later (to 27 times)
    `damage`   of strategy ENTRYs and snapshots whose quotes are broken as the indicator breaks them
    `late`     of SIGNAL_CREATED that fire 3 to 14 minutes after their bar

    `outages` loses everything for 3 to 24 minutes once in three hours; `unheard_every` loses every trace of each
    so-many-th signal (0: of none); `cancelled` sends CANCELLED (mixed and plain), which the real indicator never did;
    `snapshots` adds a UNIFIED_SNAPSHOT_V1 a minute; `price_bars` a PRICE_BAR, of which nothing is ever lost;
    `update_every` thins updates out; from `clock_change` on, ids are of the other clock.
    Raises ValueError for a value out of range.
    """

    seed: int
    start: datetime
    end: datetime
    dialect: str = "mixed"
    loss: float = 0.0
    repeats: float = 0.0
    damage: float = 0.0
    late: float = 0.0
    alert_id: str = "3486109403"
    ticker: str = "CME_MINI:MNQ1!, 1m"
    outages: bool = False
    cancelled: bool = False
    start_price: Decimal = USUAL_PRICE
    snapshots: bool = False
    price_bars: bool = False
    unheard_every: int = 0
    update_every: int = 1
    clock_change: datetime | None = None
    origin: datetime | None = None

    def __post_init__(self) -> None:
        if self.dialect not in DIALECTS:
            raise ValueError(f"unknown dialect {self.dialect!r}: use one of {', '.join(DIALECTS)}")
        moments = (self.start, self.end, self.origin or self.start, self.clock_change or self.start)
        if any(moment.utcoffset() is None for moment in moments):
            raise ValueError("start, end, origin and clock_change need a time zone: pass aware UTC times")
        if self.origin and self.origin > self.start:
            raise ValueError("the chart begins at origin, which cannot be after start")
        for name in ("loss", "repeats", "damage", "late"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a fraction: give a number from 0 to 1, not {getattr(self, name)}")
        if self.start_price <= 0 or self.unheard_every < 0 or self.update_every < 1:
            raise ValueError("start_price and update_every must be more than 0, and unheard_every not less")
        if not calendar_of(self.ticker).calendar:
            raise ValueError(f"nobody knows when {self.ticker} trades: {calendar_of(self.ticker).reason}")

    @property
    def symbol(self) -> str:
        return self.ticker.rsplit(":", 1)[-1].split(",", 1)[0]

    @property
    def hours(self) -> Market:
        """The market that the ticker trades in."""
        return market(calendar_of(self.ticker).calendar)

    @property
    def first_bar(self) -> datetime:
        """Open of the chart's first bar, or of where it would be."""
        return floor_minute(self.origin) if self.origin else warmed_up_by(self.start, self.hours)

    def updates_in(self, number: int) -> bool:
        """Whether updates are sent in the chart's minute of this number."""
        return number % self.update_every == 0

    def zone_at(self, bar: datetime) -> str:
        """The clock that the indicator names this bar by."""
        usual = DIALECTS[self.dialect].id_zone
        if self.clock_change is None or bar < self.clock_change:
            return usual
        return NEW_YORK if usual == CHICAGO else CHICAGO


def warmed_up_by(start: datetime, hours: Market) -> datetime:
    """When a chart has to begin for WARM_UP minutes to have been open by `start`."""
    origin = floor_minute(start)
    while (missing := WARM_UP - hours.open_minutes(origin, start)) > 0:
        origin -= missing * MINUTE
    return origin


@dataclass(frozen=True, slots=True)
class Alert:
    """One delivered alert; `kind` is the event type as sent (MFE_UPDATE_BATCH for a batch)."""

    fire_time: datetime
    body: bytes
    alert_id: str
    ticker: str
    kind: str


class Mark(NamedTuple):
    """A trade's excursions in R from the close of a bar on, until the next mark."""

    bar: datetime
    be_mfe: Decimal
    no_be_mfe: Decimal
    mae: Decimal


@dataclass(frozen=True, slots=True)
class TradeTruth:
    """What the twin says became of one signal. Every time is the open of a bar, UTC; R-multiples have ten decimals.

    The excursions are None until confirmation, 0 at least (MAE: at most), and leave out the bar that ends their leg;
    `marks` are what they were on the way. `exits` are the legs' ends, with their bars. `followed_until` is the last bar
    looked at: the indicator lets go of a trade when it holds twenty younger ones. `heard` is False where every alert of
    it was lost on purpose.
    """

    trade_id: str
    direction: Direction
    signal_bar: datetime
    zone: str
    session: Session
    htf: Mapping[str, Trend]
    status: Status
    confirmation_time: datetime | None = None
    bars_to_confirmation: int | None = None
    entry: Decimal | None = None
    stop: Decimal | None = None
    targets: tuple[Decimal, ...] = ()
    be_time: datetime | None = None
    exits: tuple[tuple[EventType, datetime], ...] = ()
    be_mfe: Decimal | None = None
    no_be_mfe: Decimal | None = None
    mae: Decimal | None = None
    followed_until: datetime | None = None
    cancelled_at: datetime | None = None
    marks: tuple[Mark, ...] = field(default=(), repr=False)
    heard: bool = True


@dataclass(frozen=True, slots=True)
class Simulation:
    """A whole simulation: what arrived, all bars of the chart, and the truth by trade id (before any loss)."""

    alerts: tuple[Alert, ...]
    bars: tuple[Bar, ...]
    truth: Mapping[str, TradeTruth] = field(repr=False)
