"""A process that damages and repairs one alert log: `python -m benchmarks.repairer LOG SEED…` prints JSON.

Of the log a random 30 % of the deliveries are dropped, the rest is imported and synced; then the whole log is imported
and synced as of the same moment. For higher timeframes it is 50 %. The worlds are transactions that are rolled back.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import django
from django.db import transaction

SHARE, SHARE_OF_ALIGNMENTS = 0.3, 0.5
# What sameness leaves out: the row itself, and times of receipt and processing.
ROW_ONLY = frozenset({"id", "created_at", "updated_at", "reconciliation_timestamp", "health_score"})


@dataclass
class Repaired:
    """What became of one damaged log. `fills` are (tier, field, method, confidence, trade id, exact, within)."""

    dropped: int
    signals: int
    gaps_before: int
    gaps_after: int
    determined: list[str] = field(default_factory=list)  # gaps left open that the surviving data determine
    fills: list[tuple[str, str, str, float, str, bool, bool]] = field(default_factory=list)
    certain_and_wrong: list[str] = field(default_factory=list)
    filled_again: int = 0  # by a second cycle right after the first
    differences: list[str] = field(default_factory=list)  # from the whole log, after repair


@dataclass
class Aligned:
    """What became of the alignments that a damaged log does not tell.

    `judged` are (timeframe or "all", trade id, right).
    """

    told: int  # signals of which an event still tells it
    gaps: int
    closed: int
    judged: list[tuple[str, str, bool]] = field(default_factory=list)
    certain_and_wrong: int = 0


@dataclass
class Log:
    """An alert log in memory, and what it says when nothing is lost."""

    header: list[str]
    rows: list[list[str]]
    now: datetime
    whole: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    truths: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def world() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def read(path: Path) -> Log:
    """The log, imported whole and synced as of its last row."""
    from reconciliation.calibration.measuring import stored_of, truths_of
    from signals.receiving.senders import default_source

    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    log = Log(header, rows, max(datetime.fromisoformat(row[header.index("Time")]) for row in rows))
    with world():
        take(log, log.rows)
        log.whole = exported()
        source = default_source()
        stored = stored_of(source)
        assert stored is not None
        log.truths = truths_of(stored, source)
    return log


def take(log: Log, rows: Iterable[Sequence[str]]) -> Any:
    """Import rows, sync, and return the cycle's report."""
    from signals.receiving.alertlog import import_log

    text = StringIO()
    csv.writer(text).writerows([log.header, *rows])
    import_log(iter(text.getvalue().splitlines(keepends=True)), now=log.now)
    return sync(log)


def sync(log: Log) -> Any:
    from reconciliation.cycle.run import run_sync

    return run_sync(now=log.now, trigger="command")


def exported() -> dict[str, dict[str, Any]]:
    from signals.exporting import record
    from signals.models import AutomatedSignal

    rows = AutomatedSignal.objects.select_related("source").order_by("trade_id")
    return {row.trade_id: {k: v for k, v in record(row).items() if k not in ROW_ONLY} for row in rows}


def without(log: Log, share: float, seed: int) -> list[list[str]]:
    chance = Random(seed)
    return [row for row in log.rows if chance.random() > share]


def align(log: Log, seed: int) -> Aligned:
    from signals.models import AutomatedSignal, Fill

    with world():
        take(log, without(log, SHARE_OF_ALIGNMENTS, seed))
        lost = AutomatedSignal.objects.filter(htf_as_of__isnull=True)
        done = Aligned(AutomatedSignal.objects.count() - lost.count(), lost.count(), 0)
        done.closed = lost.filter(htf_alignment__isnull=False).count()
        for fill in Fill.objects.filter(state=Fill.State.ACTIVE, field="htf_alignment").select_related("signal"):
            trade_id = fill.signal.trade_id
            for name, found in log.truths[trade_id].judgements(fill):
                done.judged.append((name.partition(".")[2] or "all", trade_id, found.within))
                done.certain_and_wrong += fill.confidence == 1 and not found.within
    return done


def repair(log: Log, seed: int) -> Repaired:
    from signals.models import AutomatedSignal

    part = without(log, SHARE, seed)
    with world():
        report = take(log, part)
        signals = AutomatedSignal.objects.count()
        done = Repaired(len(log.rows) - len(part), signals, report.gaps_before, report.gaps_after)
        done.determined = list(left_open(log.now))
        judge(log, done)
        done.filled_again = sync(log).fills
        take(log, log.rows)
        done.differences = list(differing(log.whole, exported()))
    return done


def judge(log: Log, done: Repaired) -> None:
    """Hold every fill that stands against the truth."""
    from reconciliation.tiers.trust import MEASURED_BY
    from signals.models import Fill

    standing = Fill.objects.filter(state=Fill.State.ACTIVE).exclude(field__in=MEASURED_BY).select_related("signal")
    for fill in standing:
        trade_id = fill.signal.trade_id
        found = log.truths[trade_id].judge(fill)
        if found is None:
            continue
        kind = (fill.tier, fill.field, fill.method, float(fill.confidence))
        done.fills.append((*kind, trade_id, found.exact, found.within))
        if fill.confidence == 1 and not found.exact:
            done.certain_and_wrong.append(f"{trade_id}: {fill.field} = {fill.value}")


def differing(whole: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for trade_id in sorted(whole.keys() | other.keys()):
        one, two = whole.get(trade_id, {}), other.get(trade_id, {})
        for name in sorted(one.keys() | two.keys()):
            if one.get(name) != two.get(name):
                yield f"{trade_id}: {name}: {one.get(name)} became {two.get(name)}"


def left_open(now: datetime) -> Iterator[str]:
    """Actionable gaps that are still open though the stored events and prices determine the value."""
    from reconciliation.gaps import GapView
    from signals.models import AutomatedSignal, PriceBar

    view, bars = GapView.at(now), list(PriceBar.objects.order_by("time"))
    for signal in AutomatedSignal.objects.prefetch_related("events"):
        for gap, due in view.open_gaps(signal, frozenset()).items():
            if due and is_determined(gap, signal, list(signal.events.all()), bars):
                yield f"{signal.trade_id}: {gap}"


def is_determined(gap: str, signal: Any, events: Sequence[Any], bars: Sequence[Any]) -> bool:
    """Whether the value that a gap misses follows from the data. Written from the recorded logs, not from the tiers."""
    from signals.clock import MINUTE, TradeId
    from signals.vocabulary import REPORTS, EventType

    said = {name for event in events for name in event.facts}
    rungs = said & {"tp1", "tp2", "tp3"}
    rungs |= {"entry"} if said & {"entry_price", "be_price"} else set()
    stopped = any(event.type == EventType.EXIT_STOP_LOSS and "exit_price" in event.facts for event in events)
    rungs |= {"stop"} if "stop_loss" in said or stopped else set()
    reports = {event.facts["be_mfe"] for event in events if {"be_mfe", "highest_high"} <= event.facts.keys()} - {"0"}
    laddered = len(rungs) >= 2 or (len(reports) >= 1 and rungs) or len(reports) >= 2
    if gap in ("no_session", "no_signal_date"):
        return TradeId.parse(signal.trade_id) is not None
    if gap == "no_htf_alignment":
        births = {EventType.SIGNAL_CREATED, EventType.ENTRY, *REPORTS}
        return any(event.type in births and "htf_alignment" in event.facts for event in events)
    if gap == "no_confirmation_time":
        return signal.single_leg or any(event.type == EventType.ENTRY for event in events)
    if gap in ("no_entry_price", "no_stop_loss", "no_targets"):
        return bool(laddered) or gap.removeprefix("no_").removesuffix("_price").removesuffix("_loss") in rungs
    if gap not in ("no_mfe_update", "no_mae"):
        return False  # nothing is known here of how it would follow
    covered = signal.mfe_as_of if gap == "no_mfe_update" else signal.mae_as_of or signal.entry_fired_at
    ended = signal.stop_exit_at or signal.seen_completed_at or (signal.be_exit_at if signal.single_leg else None)
    told = gap == "no_mae" and bool(said & {"mae", "lowest_low"})
    last = ended - 2 * MINUTE if ended else None
    later = [bar for bar in bars if covered and bar.time > covered and (last is None or bar.time <= last)]
    return bool(laddered and (told or later))


if __name__ == "__main__":
    django.setup()
    log = read(Path(sys.argv[1]))
    seeds = [int(seed) for seed in sys.argv[2:]]
    done = {"repaired": [asdict(repair(log, seed)) for seed in seeds]}
    print(json.dumps({**done, "aligned": [asdict(align(log, seed)) for seed in seeds]}))
