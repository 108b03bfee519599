"""The truth test: markets are simulated with faults, taken in and synced, and every value is held against the truth."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from reconciliation.asking.delivery import acknowledge, waiting_for
from reconciliation.cycle.run import run_sync
from signals.clock import MINUTE
from signals.intake import take_in
from signals.models import AutomatedSignal, Source
from signals.parcels import Incoming
from signals.simulator.faults import Faults

from .importing import import_simulated
from .judging import Tally, judge
from .planning import Simulated, planned

START = datetime(2026, 1, 5, 6, tzinfo=UTC)  # a Monday's morning in London
# What goes wrong at every level beside what is dropped.
USUAL = Faults(duplicate=0.05, reorder=0.1, corrupt=0.01, outage=timedelta(minutes=20))
LEVELS = (0.0, 0.1, 0.3, 0.5, 0.7)  # shares of the alerts that never arrive
ROUNDS = 3  # of questions to the indicator: a request names fifty signals at most


@dataclass(frozen=True)
class Means:
    """What there is beside the alerts that arrive."""

    name: str
    bars: bool
    companion: bool


MEANS = (
    Means("alerts alone", bars=False, companion=False),
    Means("with a companion that answers", bars=False, companion=True),
    Means("with price bars", bars=True, companion=False),
)


@dataclass(frozen=True)
class Proof:
    """What became of one simulated day."""

    level: float
    seed: int
    means: str
    tally: Tally

    def as_json(self) -> dict[str, Any]:
        tally = self.tally
        rows = [[*key, count] for key, count in sorted(tally.values.items())]
        names = ("signals", "heard", "found", "lost", "invented", "wrong", "certain_and_wrong")
        told = {name: getattr(tally, name) for name in names}
        return {"means": self.means, "level": self.level, "seed": self.seed, **told, "values": rows}


def prove(
    levels: Sequence[float],
    seeds: Sequence[int],
    means: Sequence[Means] = MEANS,
    *,
    days: float,
    dialect: str,
    delay: float = 0.0,
) -> Iterator[Proof]:
    """Each level with each seed and each means; nothing of it stays in the database. `delay` is in seconds."""
    faults = replace(USUAL, delay=timedelta(seconds=delay))
    for each in means:
        for level in levels:
            for seed in seeds:
                [one] = planned(
                    start=START, days=days, sources=1, dialect=dialect, seed=seed,
                    faults=faults if level else Faults(), drop=level,
                )  # fmt: skip
                with forgotten():
                    yield Proof(level, seed, each.name, became(one, each))


@contextmanager
def forgotten() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def became(one: Simulated, means: Means) -> Tally:
    """Take in what arrives, sync, have the indicator asked if there is a companion, and judge what is stored."""
    now = one.scenario.end
    source, _ = import_simulated(one, bars=means.bars, now=now)
    run_sync(now=now, trigger="command")
    for _ in range(ROUNDS if means.companion else 0):
        if not answered(one, source, now):
            break
        run_sync(now=now, trigger="command")
    rows = AutomatedSignal.objects.filter(source=source)
    return judge(one.simulation.truth, rows, now - MINUTE)


def answered(one: Simulated, source: Source, now: datetime) -> int:
    """Answer what the indicator is asked, by its webhook; returns how many requests that were."""
    requests = waiting_for(source, now)
    for request in requests:
        acknowledge(source, request["request_id"], now)
        if body := one.answer(request["trade_ids"], now - MINUTE):
            take_in(source, [Incoming(body, now)], now=now)
            source.refresh_from_db()
    return len(requests)
