"""A process that loses half of a twin's alerts: `python -m benchmarks.replayer FILE FORM SEED…`, or FILE cost TURNS.

Prints JSON. The alerts are those that the twin makes of the file's clean bars; what is imported is the file as it is.
The worlds are transactions that are rolled back.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import django

from benchmarks.repairer import world

LOST = 0.5  # of the deliveries
UNHEARD = 0.1  # of the signals: no trace of them arrives
MINUTE = timedelta(minutes=1)
SYMBOL = "MNQ1!"
# Measurements are compared as of the bar that the stored one covers.
LIVE = ("be_mfe", "no_be_mfe", "mae")
PRINTED = Decimal("1e-9")


class Sent(NamedTuple):
    """One alert: when it fired, and its body."""

    fired: datetime
    body: bytes


@dataclass
class Truth:
    """What became of the signals, by trade id: their values, and their measurements by bar."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    measured: dict[str, dict[datetime, tuple[Decimal, ...]]] = field(default_factory=dict)


@dataclass
class Replayed:
    """What came of one damaged day. Values are counted over all signals that the bars show."""

    signals: int = 0
    gaps_without_bars: int = 0
    gaps_left: int = 0
    values: int = 0
    open: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    certain_and_wrong: list[str] = field(default_factory=list)
    unheard: int = 0
    found: int = 0
    invented: list[str] = field(default_factory=list)
    waiting: int = 0
    filled_again: int = 0
    seconds: float = 0.0


def clean_bars(path: Path) -> list[Any]:
    """The bars of a file that are believed."""
    from signals.bars.judging import Judge
    from signals.bars.reading import read_bars
    from signals.market import market
    from signals.twin import Bar

    judge, judged = Judge(market()), []
    for row in read_bars(path.read_text().splitlines()):
        if not isinstance(row, ValueError):
            judged += judge.add(row)
    judged += judge.finish()
    return [Bar(each.bar.time, *each.bar[2:6]) for each in judged if not each.reason]


class Echo:
    """Speaks as the indicator does of what the twin says."""

    def __init__(self, bars: Sequence[Any], form: str) -> None:
        from signals.simulator.bodies import Mixed, batch
        from signals.simulator.scenario import Scenario

        self.bars, self.form = bars, form
        self.rows = Mixed(Scenario(seed=1, start=bars[0].time, end=bars[-1].time, dialect="mixed"))
        self.batch = batch
        self.truth = Truth()
        self.chosen: Any = None

    def steps(self) -> Iterator[Any]:
        """The indicator's minutes, made of the twin's; notes the truth on the way."""
        from signals.simulator.trades import Minute, MinuteOfTrades
        from signals.twin import Twin

        twin, known = Twin(), {}
        latest = None
        for number, bar in enumerate(self.bars):
            minute = Minute(number, bar.time, *(int(price * 4) for price in bar[1:]), last=False)
            trades = list(twin.trades)
            happened = []
            for said in twin.take(bar):
                if said.type == "SIGNAL_CREATED":
                    latest = known[said.triangle] = self.born(said, minute)
                signal = known[said.triangle]
                happened.append((said.type, signal))
                self.note(signal, said)
                if said.type == "ENTRY":
                    self.entered(signal, said, minute)
            for trade in trades:
                self.follow(known[trade.triangle], trade, bar.time)
            yield MinuteOfTrades(minute, happened, [known[trade.triangle] for trade in trades], latest)

    def born(self, said: Any, minute: Any) -> Any:
        from signals.simulator.scenario import DIALECTS
        from signals.simulator.trades import FRAMES, Signal
        from signals.vocabulary import Trend

        htf = {**dict.fromkeys(FRAMES, Trend.NEUTRAL), "m1": Trend(said.direction.value)}
        sign = 1 if said.direction == "Bullish" else -1
        signal = Signal(sign, minute, None, htf, DIALECTS["mixed"])
        self.truth.values[signal.trade_id] = {
            "status": "PENDING", "direction": signal.direction.value, "signal_time": minute.time,
            "session": signal.session.value,
        }  # fmt: skip
        self.truth.measured[signal.trade_id] = {}
        return signal

    def entered(self, signal: Any, said: Any, minute: Any) -> None:
        from signals.market import market

        trade = said.trade
        signal.confirmed, signal.entry, signal.stop = minute, int(trade.entry * 4), int(trade.stop * 4)
        signal.risk = abs(signal.entry - signal.stop)
        self.truth.values[signal.trade_id] |= {
            "status": "CONFIRMED", "entry_price": trade.entry, "stop_loss": trade.stop,
            "confirmation_time": said.bar, "targets": [trade.target(n) for n in (1, 2, 3)],
            "bars_to_confirmation": market().open_minutes(trade.triangle, said.bar),
        }  # fmt: skip

    def note(self, signal: Any, said: Any) -> None:
        names = {
            "CANCELLED": "cancelled_at", "BE_TRIGGERED": "be_triggered_at", "EXIT_BREAK_EVEN": "be_exit_at",
            "EXIT_STOP_LOSS": "stop_exit_at",
        }  # fmt: skip
        values = self.truth.values[signal.trade_id]
        if said.type in names:
            values[names[said.type]] = said.bar + MINUTE
        if said.type in ("CANCELLED", "EXIT_STOP_LOSS"):
            values["status"] = "CANCELLED" if said.type == "CANCELLED" else "COMPLETED"

    def follow(self, signal: Any, trade: Any, time: datetime) -> None:
        from signals.simulator.trades import ratio

        signal.protected, signal.over = trade.protected, trade.ended is not None
        signal.be_over = trade.be_ended is not None
        signal.best, signal.worst = int(trade.best * 4), int(trade.worst * 4)
        signal.be_mfe = ratio(int(trade.be_best * 4), signal.risk)
        signal.no_be_mfe, signal.mae = ratio(signal.best, signal.risk), ratio(signal.worst, signal.risk)
        self.truth.measured[signal.trade_id][time] = tuple(
            Decimal(value) for value in (signal.be_mfe, signal.no_be_mfe, signal.mae)
        )

    def alerts(self, unheard: AbstractSet[str]) -> Iterator[Sent]:
        """What is sent, without a trace of some signals."""
        from signals.simulator.trades import MinuteOfTrades

        latest = None
        for step in self.steps():
            happened = [(kind, one) for kind, one in step.happened if one.trade_id not in unheard]
            latest = next((one for kind, one in happened if kind == "SIGNAL_CREATED"), latest)
            followed = [one for one in step.followed if one.trade_id not in unheard]
            for _, body in self.said(MinuteOfTrades(step.minute, happened, followed, latest)):
                yield Sent(step.minute.time + MINUTE, body.encode())

    def said(self, step: Any) -> Iterator[tuple[str, str]]:
        """Births, break-even and exits as telemetry; updates of one trade at a time, or of all in a batch."""
        from signals.vocabulary import EventType

        for kind, signal in step.happened:
            if kind != EventType.CANCELLED:
                yield kind, self.rows.body(kind, signal, step)
        if self.form == "batch":
            yield from self.batch(step)
            return
        going = [signal for signal in step.followed if not signal.over]
        if self.chosen not in going:
            self.chosen = going[-1] if going else None
        if self.chosen:
            yield EventType.MFE_UPDATE, self.rows.body(EventType.MFE_UPDATE, self.chosen, step)


def replayed(path: Path, form: str, seed: int) -> Replayed:
    """One damaged day: taken in without bars and with them, synced, and held against the truth."""
    from reconciliation.cycle.run import run_sync
    from signals.models import AutomatedSignal
    from signals.receiving.senders import default_source

    bars = clean_bars(path)
    chance, echo = Random(seed), Echo(bars, form)
    list(echo.alerts(frozenset()))
    names = sorted(echo.truth.values)
    unheard = frozenset(chance.sample(names, round(UNHEARD * len(names))))
    sent = [each for each in Echo(bars, form).alerts(unheard) if chance.random() >= LOST]
    now, done = bars[-1].time + MINUTE, Replayed(unheard=len(unheard))
    with world():
        take(default_source(), sent, now)
        done.gaps_without_bars = run_sync(now=now, trigger="command").gaps_after
    with world():
        source = default_source()
        take(source, sent, now)
        take_bars(path)
        report = run_sync(now=now, trigger="command")
        done.gaps_left, done.seconds = report.gaps_after, report.seconds
        done.signals = AutomatedSignal.objects.count()
        judge(echo.truth, unheard, done)
        done.filled_again = run_sync(now=now, trigger="command").fills
    return done


def take(source: Any, sent: Iterable[Sent], now: datetime) -> None:
    from signals.intake import take_in
    from signals.parcels import Incoming
    from signals.storage.queries import batches
    from signals.vocabulary import Channel

    for some in batches(sent, 200):
        rows = [Incoming(each.body, each.fired, Channel.LOG, fired_at=each.fired) for each in some]
        take_in(source, rows, now=now)
        source.refresh_from_db()


def take_bars(path: Path) -> None:
    from signals.bars.importing import import_bars
    from signals.market import market

    import_bars(lambda: path.read_text().splitlines(), symbol=SYMBOL, hours=market())


def judge(truth: Truth, unheard: AbstractSet[str], done: Replayed) -> None:
    """Every value that a signal has in truth against the stored one; and the signals that replay found."""
    from signals.models import AutomatedSignal

    rows = {row.trade_id: row for row in AutomatedSignal.objects.all()}
    for name, row in rows.items():
        if row.origin == "replay":
            done.waiting += bool(row.approval)
            if name not in truth.values:
                done.invented.append(name)
    done.found = sum(name in rows for name in unheard)
    for name, values in truth.values.items():
        row = rows.get(name)
        if row is None:  # nobody heard of it, by design or by chance, and replay did not find it
            continue
        for field_name, value in values.items():
            compare(done, row, field_name, value, stored(row, field_name))
        measured = truth.measured[name]
        for index, field_name in enumerate(LIVE):
            entry = row.provenance.get(field_name)
            if not measured:
                continue
            bar = (datetime.fromisoformat(entry["at"]) - MINUTE) if entry and entry["at"] else None
            upto = [told for time, told in measured.items() if bar and time <= bar]
            compare(done, row, field_name, upto[-1][index] if upto else Decimal(0), stored(row, field_name))


def stored(row: Any, name: str) -> Any:
    value = getattr(row, name)
    if name == "targets":
        return value and [Decimal(value[f"tp{n}"]) for n in (1, 2, 3)]
    return value


def compare(done: Replayed, row: Any, name: str, value: Any, held: Any) -> None:
    done.values += 1
    if held is None:
        done.open.append(f"{row.trade_id}: {name} is {value}")
        return
    close = abs(held - value) <= PRINTED if isinstance(value, Decimal) else held == value
    if not close:
        entry = row.provenance.get(name, {})
        text = f"{row.trade_id}: {name} = {held}, not {value} ({entry.get('tier')}, {entry.get('evidence')})"
        done.wrong.append(text)
        if entry.get("confidence") == 1 and "fill" in entry["evidence"]:
            done.certain_and_wrong.append(text)


SOURCES, IDLE = 13, 10  # a day has 78 signals: these many sources have 1,014


def cost(path: Path, turns: int) -> dict[str, list[float]]:
    """CPU seconds of cycles over the damaged signals of many sources, and of idle ones, with replay and without."""
    found: dict[str, list[float]] = {}
    with world():
        found |= measured(path, turns, lost=0.0)
    with world():
        half = measured(path, turns, lost=LOST)
    return found | {f"{name}, half lost": seconds for name, seconds in half.items() if name.startswith("damaged")}


def measured(path: Path, turns: int, lost: float) -> dict[str, list[float]]:
    from signals.models import Source

    bars, chance = clean_bars(path), Random(1)
    sent = list(Echo(bars, "batch").alerts(frozenset()))
    now = bars[-1].time + MINUTE
    for number in range(SOURCES):
        source = Source.objects.create(name=f"copy-{number}", symbol=SYMBOL)
        take(source, [each for each in sent if chance.random() >= lost], now)
    take_bars(path)
    timed(now)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(turns):
        for name in ("with replay", "without"):
            with replay_is(on=name == "with replay"):
                damage()
                found[f"damaged, {name}"].append(timed(now))
                found[f"idle, {name}"] += [timed(now) for _ in range(IDLE)]
    return found


def damage() -> None:
    """What cycles filled is gone, and all signals are in the queue."""
    from django.utils import timezone

    from signals.models import AutomatedSignal, Fill
    from signals.signal.rebuilding import chunks, restore

    Fill.objects.all().delete()
    for signals in chunks():
        restore(signals, now=timezone.now())
    AutomatedSignal.objects.update(needs_sync=True, check_at=None)


def timed(now: datetime) -> float:
    from reconciliation.cycle.run import run_sync

    started = time.process_time()
    run_sync(now=now, trigger="schedule")
    return time.process_time() - started


@contextmanager
def replay_is(*, on: bool) -> Iterator[None]:
    """The cycle as it is, or with nothing of replay in it."""
    from reconciliation.cycle import loading, work

    held: Any = work.step, loading.load_replayed
    if not on:
        work.step, loading.load_replayed = (lambda *_: {}), (lambda *_: {})
    yield
    work.step, loading.load_replayed = held


if __name__ == "__main__":
    django.setup()
    file, form, *seeds = sys.argv[1:]
    if form == "cost":
        print(json.dumps(cost(Path(file), int(seeds[0]))))
    else:
        print(json.dumps([asdict(replayed(Path(file), form, int(seed))) for seed in seeds]))
