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
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import django

from benchmarks.repairer import world

LOST = 0.5  # of the deliveries
UNHEARD = 0.1  # of the signals: no trace of them arrives
MINUTE = timedelta(minutes=1)
SYMBOL = "MNQ1!"


class Sent(NamedTuple):
    """One alert: when it fired, and its body."""

    fired: datetime
    body: bytes


@dataclass
class Replayed:
    """What came of one damaged day. Values are counted over all signals that are stored."""

    signals: int = 0
    gaps_without_bars: int = 0
    gaps_left: int = 0
    values: int = 0
    open: int = 0
    wrong: list[str] = field(default_factory=list)
    certain_and_wrong: list[str] = field(default_factory=list)
    unheard: int = 0
    found: int = 0
    invented: int = 0
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
    """Speaks as the indicator does of what the twin says of given bars, without a trace of some signals.

    The higher timeframes are Neutral, as the recorded alerts have them.
    """

    def __init__(self, bars: Sequence[Any], form: str, unheard: AbstractSet[str] = frozenset()) -> None:
        from signals.simulator.bodies import Mixed
        from signals.simulator.scenario import Scenario
        from signals.simulator.trades import FRAMES, Frame, Indicator, Signal

        self.bars, self.form = bars, form
        self.scenario = Scenario(1, bars[0].time, bars[-1].time + MINUTE, "mixed", origin=bars[0].time)
        self.rows = Mixed(self.scenario)
        self.signals: list[Signal] = []
        self.chosen: Any = None

        def watch(signal: Signal) -> None:
            signal.heard = signal.trade_id not in unheard
            self.signals.append(signal)

        self.indicator = Indicator(self.scenario, watch)
        self.indicator.frames = {frame: Frame(len(bars) * 1440) for frame in FRAMES}

    def alerts(self) -> Iterator[Sent]:
        """What is sent."""
        from signals.simulator.prices import Minute

        path = (Minute(number, bar, last=False, told=True) for number, bar in enumerate(self.bars))
        for step in self.indicator.run(path):
            for _, body in self.said(step):
                yield Sent(step.minute.time + MINUTE, body.encode())

    def said(self, step: Any) -> Iterator[tuple[str, str]]:
        """Births, break-even and exits as telemetry; updates of one trade at a time, or of all in a batch."""
        from signals.simulator.bodies import batch
        from signals.vocabulary import EventType

        for kind, signal in step.happened:
            if kind != EventType.CANCELLED:
                yield kind, self.rows.body(kind, signal, step)
        if self.form == "batch":
            yield from batch(step, self.scenario)
            return
        going = [signal for signal in step.followed if not signal.over]
        if self.chosen not in going:
            self.chosen = going[-1] if going else None
        if self.chosen:
            yield EventType.MFE_UPDATE, self.rows.body(EventType.MFE_UPDATE, self.chosen, step)

    def truth(self) -> dict[str, Any]:
        """The truth of every signal by trade id, once all alerts were sent."""
        return {signal.trade_id: signal.truth() for signal in self.signals}


def replayed(path: Path, form: str, seed: int) -> Replayed:
    """One damaged day: taken in without bars and with them, synced, and held against the truth."""
    from reconciliation.cycle.run import run_sync
    from signals.models import AutomatedSignal
    from signals.receiving.senders import default_source

    bars = clean_bars(path)
    chance, echo = Random(seed), Echo(bars, form)
    list(echo.alerts())
    truth = echo.truth()
    unheard = frozenset(chance.sample(sorted(truth), round(UNHEARD * len(truth))))
    sent = [each for each in Echo(bars, form, unheard).alerts() if chance.random() >= LOST]
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
        judge(truth, unheard, done, bars[-1].time)
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


def judge(truth: Any, unheard: AbstractSet[str], done: Replayed, last: datetime) -> None:
    """Every value that a signal has in truth against the stored one; and the signals that replay found."""
    from reconciliation.simulation import judging
    from signals.models import AutomatedSignal

    rows = list(AutomatedSignal.objects.all())
    tally = judging.judge(truth, rows, last)
    kept = {key: count for key, count in tally.values.items() if key[1] != judging.ALIGNMENT}
    done.values = sum(kept.values())
    done.open = sum(count for (_, _, outcome), count in kept.items() if outcome == judging.Outcome.OPEN)
    done.wrong, done.certain_and_wrong = tally.wrong, tally.certain_and_wrong
    done.invented = tally.invented
    done.waiting = sum(bool(row.approval) for row in rows)
    done.found = len(unheard & {row.trade_id for row in rows})


NAMES = ("with replay", "without")
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
    sent = list(Echo(bars, "batch").alerts())
    now = bars[-1].time + MINUTE
    for number in range(SOURCES):
        source = Source.objects.create(name=f"copy-{number}", symbol=SYMBOL)
        take(source, [each for each in sent if chance.random() >= lost], now)
    take_bars(path)
    timed(now)
    found: dict[str, list[float]] = defaultdict(list)
    for turn in range(turns):
        # Who comes second finds a larger database and another heap, so the order turns.
        for name in NAMES if turn % 2 else reversed(NAMES):
            with replay_is(on=name == NAMES[0]):
                damage()
                found[f"damaged, {name}"].append(timed(now))
                found[f"idle, {name}"] += [timed(now) for _ in range(IDLE)]
                found[f"queries, idle, {name}"].append(queries(now))
    return found


def queries(now: datetime) -> int:
    """How many an idle cycle asks."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        timed(now)
    return len(asked)


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
    from reconciliation.repainting import bars

    held: Any = work.step, loading.load_replayed, bars.bar_in_question
    if not on:
        work.step, loading.load_replayed = (lambda *_: {}), (lambda *_: {})
        bars.bar_in_question = lambda *_: None
    yield
    work.step, loading.load_replayed, bars.bar_in_question = held


if __name__ == "__main__":
    django.setup()
    file, form, *seeds = sys.argv[1:]
    if form == "cost":
        print(json.dumps(cost(Path(file), int(seeds[0]))))
    else:
        print(json.dumps([asdict(replayed(Path(file), form, int(seed))) for seed in seeds]))
