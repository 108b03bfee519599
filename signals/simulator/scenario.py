"""What goes into a simulation and what comes out of it: plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from signals.clock import NEW_YORK
from signals.vocabulary import Direction, EventType, Session, Status, Trend

CHICAGO = "America/Chicago"
TICK = Decimal("0.25")


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
    """One alert over one stretch of time. The bars are those that open in [start, end); both are aware UTC.

    `seed` and the market's part (start, end, dialect, signals_per_hour, start_price) alone decide prices and
    trades: whatever is done to delivery, the truth stays the same. Fractions are from 0 to 1:

    `loss`     of alerts that never arrive
    `repeats`  of SIGNAL_CREATED, BE_TRIGGERED and EXIT_BREAK_EVEN that come again minutes later (to 27 times)
    `damage`   of strategy ENTRYs and snapshots whose quotes are broken as the indicator breaks them
    `late`     of SIGNAL_CREATED that fire 3 to 14 minutes after their bar

    `outages` loses everything for 3 to 24 minutes once in three hours; `cancelled` sends CANCELLED (mixed and
    plain), which the real indicator never did; `snapshots` adds a UNIFIED_SNAPSHOT_V1 a minute.
    Raises ValueError for a value out of range.
    """

    seed: int
    start: datetime
    end: datetime
    dialect: str = "mixed"
    signals_per_hour: float = 6.0
    loss: float = 0.0
    repeats: float = 0.0
    damage: float = 0.0
    late: float = 0.0
    alert_id: str = "3486109403"
    ticker: str = "CME_MINI:MNQ1!, 1m"
    outages: bool = False
    cancelled: bool = False
    start_price: Decimal = Decimal(25500)
    snapshots: bool = False

    def __post_init__(self) -> None:
        if self.dialect not in DIALECTS:
            raise ValueError(f"unknown dialect {self.dialect!r}: use one of {', '.join(DIALECTS)}")
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError("start and end need a time zone: pass aware UTC times")
        for name in ("loss", "repeats", "damage", "late"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a fraction: give a number from 0 to 1, not {getattr(self, name)}")
        if self.signals_per_hour <= 0 or self.start_price <= 0:
            raise ValueError("signals_per_hour and start_price must be more than 0")

    @property
    def symbol(self) -> str:
        return self.ticker.rsplit(":", 1)[-1].split(",", 1)[0]


@dataclass(frozen=True, slots=True)
class Alert:
    """One delivered alert; `kind` is the event type as sent (MFE_UPDATE_BATCH for a batch)."""

    fire_time: datetime
    body: bytes
    alert_id: str
    ticker: str
    kind: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute of the price path; `time` is its open, UTC."""

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True)
class TradeTruth:
    """What really became of one signal. Every time is the open of a bar, UTC; R-multiples have ten decimals.

    The excursions are None until confirmation, 0 at least (MAE: at most), and leave out the bar that ends
    their leg. `exits` are the exits that the indicator had to tell, with their bars. `followed_until` is the
    last bar looked at: the indicator forgets a trade after eight hours, or when it holds twenty younger ones.
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


@dataclass(frozen=True, slots=True)
class Simulation:
    """A whole simulation: what arrived, the price path, and the truth by trade id (before any loss)."""

    alerts: tuple[Alert, ...]
    bars: tuple[Bar, ...]
    truth: Mapping[str, TradeTruth] = field(repr=False)
