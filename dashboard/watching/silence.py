"""Why nothing is heard: the market is closed, one alert is silent, everything is, or the worker is down.

`judge` decides, `listen` asks the database. Only webhooks count: an imported log proves nothing about the way to us.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciliation.demo.shown import rests
from signals.learning import DAY
from signals.market import Market, market
from signals.models import AutomatedSignal, Source
from signals.vocabulary import Channel, Status

# Minutes of open market: with trades to report on, as long as it takes a missing MFE to be actionable.
PATIENCE_IN_TRADES, PATIENCE = 15, 60
MISSED_UPDATES = 5
# Whoever was silent for longer is taken for retired, or was never set up.
LOOKED_BACK = timedelta(days=7)
RECENT_TRADES = timedelta(days=3)


class State(StrEnum):
    HEARD = "heard"
    CLOSED = "market closed"
    SILENT = "this alert silent"
    ALL_SILENT = "everything silent"
    WORKER_DOWN = "worker down"
    UNHEARD = "not heard yet"
    RESTS = "rests"


TONES: Mapping[State, str] = {
    State.HEARD: "good",
    State.CLOSED: "neutral",
    State.SILENT: "bad",
    State.ALL_SILENT: "bad",
    State.WORKER_DOWN: "bad",
    State.UNHEARD: "warn",
    State.RESTS: "neutral",
}
TODO: Mapping[State, str] = {
    State.HEARD: "",
    State.CLOSED: "",
    State.SILENT: "Others are heard, so the way to here works: look in TradingView whether this alert still runs.",
    State.ALL_SILENT: "First look in TradingView whether the alert still runs. If it does, the way to here is broken:"
    " check the public address and the proxy, then send the self-test under Activation.",
    State.WORKER_DOWN: "What is spooled is not taken in while the worker is down. Restart it, then judge the alert.",
    State.UNHEARD: "No alert came by webhook in the last 7 days. Activation says how to set one up.",
    State.RESTS: "The demo rests after two weeks, so as not to fill the disk: `make demo-reset` begins another.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of one source: its last alert by webhook, and how many minutes of open market updates take.

    Of one that `rests` nothing is expected.
    """

    name: str
    last: datetime | None
    in_trades: bool
    every: int
    hours: Market
    rests: bool = False

    @property
    def patience(self) -> int:
        return max(PATIENCE_IN_TRADES if self.in_trades else PATIENCE, MISSED_UPDATES * self.every)


@dataclass(frozen=True, slots=True)
class Silence:
    """`minutes` of open market have passed since the last alert; None when there was none."""

    line: Line
    state: State
    minutes: int | None
    open: bool

    @property
    def tone(self) -> str:
        return TONES[self.state]

    @property
    def todo(self) -> str:
        return TODO[self.state]


def judge(lines: Sequence[Line], now: datetime, *, worker_alive: bool) -> list[Silence]:
    """Of each source whether, and why, it is silent. Closed hours count neither for nor against it. Pure."""
    waited = [None if line.last is None else line.hours.open_minutes(line.last, now) for line in lines]
    late = [
        minutes is not None and not line.rests and minutes > line.patience
        for line, minutes in zip(lines, waited, strict=True)
    ]
    told = zip(lines, late, waited, strict=True)
    heard = [not is_late for line, is_late, minutes in told if minutes is not None and not line.rests]
    silent = State.WORKER_DOWN if not worker_alive else State.SILENT if any(heard) else State.ALL_SILENT
    silences = []
    for line, minutes, is_late in zip(lines, waited, late, strict=True):
        is_open = line.hours.is_open(now)
        state = State.UNHEARD if minutes is None else silent if is_late else State.HEARD if is_open else State.CLOSED
        if line.rests:
            state = State.RESTS
        silences.append(Silence(line, state, minutes, is_open))
    return silences


def listen(sources: Collection[Source], now: datetime) -> list[Line]:
    """An index lookup for each source, and one for all trades."""
    active = AutomatedSignal.objects.filter(status=Status.CONFIRMED, first_event_at__gt=now - RECENT_TRADES)
    in_trades = set(active.order_by().values_list("source", flat=True).distinct())
    return [
        Line(
            source.name,
            last_webhook(source, now),
            source.pk in in_trades,
            expected(source, now),
            hours_of(source),
            rests(source, now),
        )
        for source in sources
    ]


def expected(source: Source, now: datetime) -> int:
    """Minutes of open market between its updates: as was set, and a bar at least."""
    minutes, session = source.bar_minutes or 1, hours_of(source).session(now)
    if minutes == DAY and session:
        minutes = hours_of(source).open_minutes(*session)
    return max(source.update_minutes, minutes)


def last_webhook(source: Source, now: datetime) -> datetime | None:
    since = now - LOOKED_BACK * source.stretch
    recent = source.deliveries.filter(received_at__gt=since, channel=Channel.WEBHOOK)
    return recent.order_by("-received_at").values_list("received_at", flat=True).first()


def hours_of(source: Source) -> Market:
    return market(source.calendar)
