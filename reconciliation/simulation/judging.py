"""Every stored value of a simulated source held against the truth."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from signals.clock import MINUTE
from signals.models import AutomatedSignal
from signals.simulator import TradeTruth
from signals.simulator.scenario import Mark
from signals.simulator.truth import MEASURED, measured, values_of
from signals.tiers import REPLAY
from signals.vocabulary import Origin, Status

PRINTED = Decimal("1e-9")  # reports have ten places, and their last one is rounded
EVENTS, ALIGNMENT = "events", "htf_alignment"
# What the indicator never says of a trade that it let go of, though the market goes on.
LATER = frozenset({"status", "be_triggered_at", "be_exit_at", "stop_exit_at"})


SO_FAR = frozenset({Status.PENDING, Status.CONFIRMED})


class Outcome(StrEnum):
    """BOUND: it says "at least" or "at the latest", or not all timeframes, and that is so.

    OPEN: nothing is stored. UNKNOWN: nor is its signal.
    """

    RIGHT = "right"
    BOUND = "bound"
    WRONG = "wrong"
    OPEN = "open"
    UNKNOWN = "unknown"


class Judged(NamedTuple):
    """One value. `by` is what put it there: events, a tier's key, or replay; "" where it is open.

    `certain`: it stands at confidence 1, and not because its own event stated it.
    """

    trade_id: str
    field: str
    by: str
    outcome: Outcome
    certain: bool = False
    says: str = ""


@dataclass
class Tally:
    """What became of a source: its signals, and its values by what put them there, by field and by outcome."""

    signals: int = 0
    heard: int = 0
    found: int = 0
    lost: int = 0
    invented: int = 0
    values: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # by, field, outcome
    wrong: list[str] = field(default_factory=list)
    certain_and_wrong: list[str] = field(default_factory=list)

    def add(self, judged: Judged) -> None:
        self.values[judged.by, judged.field, judged.outcome] += 1
        if judged.outcome == Outcome.WRONG:
            told = f"{judged.trade_id}: {judged.field} = {judged.says} (by {judged.by})"
            self.wrong.append(told)
            if judged.certain:
                self.certain_and_wrong.append(told)

    def outcomes(self, by: str | None = None) -> Counter[str]:
        """Values by outcome, of all or of what one put there."""
        found: Counter[str] = Counter()
        for (who, _, outcome), count in self.values.items():
            if by is None or who == by:
                found[outcome] += count
        return found


def judge(truths: Mapping[str, TradeTruth], rows: Iterable[AutomatedSignal], last: datetime) -> Tally:
    """All that is stored of a source against the truth about it. `last` is the last bar that has closed."""
    stored = {row.trade_id: row for row in rows}
    tally = Tally(signals=len(truths))
    for row in stored.values():
        tally.heard += row.origin == Origin.ALERTS
        tally.found += row.origin == Origin.REPLAY and row.trade_id in truths
        tally.invented += row.trade_id not in truths
    for trade_id, truth in truths.items():
        there = stored.get(trade_id)
        tally.lost += there is None
        for judged in values(truth, there, last) if there else unknown(truth):
            tally.add(judged)
    return tally


def unknown(truth: TradeTruth) -> Iterator[Judged]:
    for name in (*values_of(truth), *(MEASURED if truth.marks else ())):
        yield Judged(truth.trade_id, name, "", Outcome.UNKNOWN)


def values(truth: TradeTruth, row: AutomatedSignal, last: datetime) -> Iterator[Judged]:
    let_go = truth.status == Status.CONFIRMED and truth.followed_until is not None and truth.followed_until < last
    for name, told in values_of(truth).items():
        if not (let_go and name in LATER):
            yield compared(row, name, told, held(row, name))
    for index, name in enumerate(MEASURED, start=1):
        mark = as_of(truth, row, name, last=truth.followed_until if let_go else last)
        if mark is not None:
            yield compared(row, name, mark[index], held(row, name))


def as_of(truth: TradeTruth, row: AutomatedSignal, name: str, last: datetime | None) -> Mark | None:
    """The measurements of the bar that the stored one covers; of the last where none is stored."""
    entry = row.provenance.get(name)
    if entry is None or not entry["at"]:
        return measured(truth, last) if last else None
    bar = datetime.fromisoformat(entry["at"]) - MINUTE
    return None if last is None or bar > last else measured(truth, bar)


def held(row: AutomatedSignal, name: str) -> Any:
    value = getattr(row, name)
    if name == "targets" and value:
        return [Decimal(value[f"tp{n}"]) for n in (1, 2, 3)]
    return value


def compared(row: AutomatedSignal, name: str, told: Any, value: Any) -> Judged:
    if value is None:
        return Judged(row.trade_id, name, "", Outcome.OPEN)
    entry = row.provenance.get(name) or {}
    evidence = entry.get("evidence") or {}
    outcome = Outcome.RIGHT
    if not same(told, value):
        partly = name == ALIGNMENT or "bound" in evidence
        outcome = Outcome.BOUND if partly and within(name, told, value) else Outcome.WRONG
    return Judged(
        row.trade_id, name, put_by(entry, evidence), outcome, is_certain(name, value, entry), f"{value}, not {told}"
    )


def is_certain(name: str, value: Any, entry: Mapping[str, Any]) -> bool:
    """Whether a value stands at confidence 1 without its own event having stated it.

    PENDING and CONFIRMED are what events prove so far, and claim no more.
    """
    made = entry.get("tier") is not None or "rule" in (entry.get("evidence") or {})
    return made and entry.get("confidence") == 1 and not (name == "status" and value in SO_FAR)


def put_by(entry: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    if evidence.get("fill") == REPLAY:
        return REPLAY
    tier = entry.get("tier")
    return EVENTS if tier is None else str(tier)


def same(told: Any, value: Any) -> bool:
    return abs(value - told) <= PRINTED if isinstance(told, Decimal) else bool(value == told)


def within(name: str, told: Any, value: Any) -> bool:
    """Whether a value that says "at least" or "at the latest", or not all timeframes, claims no more than is true."""
    if name == ALIGNMENT:
        return bool(value.items() <= told.items())
    if name not in MEASURED:
        return bool(value >= told)
    return bool(abs(value) <= abs(told) + PRINTED)
