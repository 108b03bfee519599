"""The cycle: find what changed or fell due, plan it, write it, and say what was done.

`run_sync` is the one entry, for the schedule, the command line, the admin and the API. The work is queued on the
signals themselves (see work.py), so a cycle costs what changed, not what is stored.
"""

import gc
import logging
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from reconciliation import asking
from reconciliation.audit import plain
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.health import Health, count_waiting, health
from reconciliation.models import GapTotal, SignalHealthMetric, SyncRun
from reconciliation.tiers import trust
from reconciliation.tiers.proposals import Proposal
from reconciliation.tiers.table import PROPOSE
from signals.models import AutomatedSignal, Fill, Source
from signals.signal.rebuilding import restore
from signals.tiers import ASKING, TIERS

from .applying import Applied, apply_plans, is_outranked, set_aside
from .lease import Lease, LeaseLostError, held
from .loading import load
from .planning import Means, Plan, plan
from .retention import forget_runs
from .work import Chunk, Scope, chunks_of, find_work, signals_in

log = logging.getLogger(__name__)
State, Trigger = SyncRun.State, SyncRun.Trigger
# So many signals in a row that all fail are not bad signals: it is the code, or the database's layout.
HOPELESS = 50
YOUNG = 50_000  # objects made between two looks of the garbage collector: some tens of MiB
# What a dry run says of each value.
FILLS, WAITS, TAKEN_BACK = "fill", "would wait for approval", "would be taken back"


@dataclass(slots=True)
class Report:
    """What a cycle did. `gaps_*` are totals over all signals in scope; `proposals` is only kept by a dry run."""

    run_id: int | None = None
    signals_examined: int = 0
    gaps_before: int = 0
    gaps_after: int = 0
    gaps_before_by_type: dict[str, int] = field(default_factory=dict)
    gaps_after_by_type: dict[str, int] = field(default_factory=dict)
    fills: int = 0
    fills_by_tier: dict[str, int] = field(default_factory=dict)
    proposed: int = 0
    withdrawn: int = 0
    healed: int = 0
    cancelled: int = 0
    conflicts: int = 0
    errors: int = 0
    health_before: float | None = None
    health_after: float | None = None
    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    proposals: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.perf_counter() - started

    def add(self, done: Applied) -> None:
        by_tier = Counter(self.fills_by_tier) + done.fills
        self.fills_by_tier = dict(sorted(by_tier.items()))
        self.fills = by_tier.total()
        self.proposed += done.proposed
        self.withdrawn += done.withdrawn
        self.healed += done.healed
        self.cancelled += done.cancelled
        self.conflicts += done.conflicts


@dataclass(slots=True)
class GapTally:
    """Gaps in scope, by name: counted at the start, corrected by what each examined signal had and has.

    When the scope is some signals only (`whole` is false), it starts at nothing and just adds them up.
    """

    whole: bool
    before: Counter[str]
    after: Counter[str]

    @classmethod
    def of(cls, waiting: Mapping[str, int], *, whole: bool) -> "GapTally":
        start: Counter[str] = Counter()
        if whole:
            start.update(dict(GapTotal.objects.values_list("gap", "open")))
            start.update(waiting)
        return cls(whole, start.copy(), start)

    def note(self, made: Plan) -> None:
        for tally, found in ((self.before, made.before), (self.after, made.after)):
            tally.update(found.keys())
            if self.whole:
                tally.subtract(made.loaded.open_records.keys())
                tally.subtract(name for name, due in made.before.items() if not due)


@dataclass(slots=True)
class Cycle:
    """One run under way. Without `run` and `lease` it is a dry one: it plans, and writes nothing."""

    scope: Scope
    view: GapView
    means: Means
    report: Report
    tally: GapTally
    health: Health
    waiting: int
    run: SyncRun | None = None
    lease: Lease | None = None

    def work(self) -> None:
        with self.report.phase("find"):
            work = find_work(self.scope, self.view, mark=self.run is not None)
        with young_garbage():
            for chunk in chunks_of(work, Source.objects.order_by("pk")):
                self.process(chunk)

    def process(self, chunk: Chunk) -> None:
        """Do a chunk. One that fails is halved until the signal at fault is alone, and set aside."""
        failure = self.failure_of(chunk)
        if failure is None:
            return
        half = len(chunk.keys) // 2
        if half:
            self.process(Chunk(chunk.source, chunk.keys[:half]))
            self.process(Chunk(chunk.source, chunk.keys[half:]))
        else:
            self.put_off(chunk.keys[0], failure)

    def failure_of(self, chunk: Chunk) -> Exception | None:
        try:
            self.attempt(chunk)
        except (OperationalError, InterfaceError, LeaseLostError):
            raise  # no signal's fault
        except Exception as error:  # noqa: BLE001 whatever it is, the other signals go on
            return error
        return None

    def attempt(self, chunk: Chunk) -> None:
        with self.report.phase("load"):
            rows = self.rows_of(chunk)
            loaded, dismissed = load(rows, chunk.source, self.scope.now, self.view)
        with self.report.phase("plan"):
            means = self.means.without(chunk.source.tiers_off)
            plans = [plan(each, means, self.view, dismissed) for each in loaded]
        if self.run is None or self.lease is None:
            self.show(plans)
        else:
            with self.report.phase("apply"):
                done = apply_plans(plans, self.run, self.lease)
            plans = done.plans
            self.report.add(done)
        self.report.signals_examined += len(plans)
        for made in plans:
            self.tally.note(made)

    def rows_of(self, chunk: Chunk) -> list[AutomatedSignal]:
        """The chunk's signals. Rows whose projection had failed are derived anew first."""
        signals = AutomatedSignal.objects.filter(pk__in=chunk.keys).order_by("pk")
        rows = list(signals)
        broken = [row for row in rows if row.rebuild_error]
        if broken and self.run is not None:
            restore(broken, now=timezone.now())
            rows = list(signals)
        return rows

    def put_off(self, key: int, error: Exception) -> None:
        """Set a signal aside. Raises its error instead when so many have failed and none has not."""
        if self.report.errors >= HOPELESS and not self.report.signals_examined:
            raise error
        log.error("signal %d is set aside: %s", key, error, exc_info=None if self.report.errors else error)
        self.report.errors += 1
        if self.run is not None and self.lease is not None:
            set_aside(AutomatedSignal.objects.get(pk=key), error, self.run, self.lease)

    def show(self, plans: Sequence[Plan]) -> None:
        """Note what would be filled, would wait for approval, and would be taken back."""
        for made in plans:
            ended = [fill for fill in made.gone if not is_outranked(made, fill)]
            lost = [fill for fill in ended if fill.field not in made.add]
            self.report.proposals += [shown(made, offer, FILLS) for offer in made.add.values()]
            self.report.proposals += [shown(made, offer, WAITS) for offer in made.waiting]
            self.report.proposals += [shown(made, fill, TAKEN_BACK) for fill in lost]
            self.report.add(
                Applied(
                    Counter(offer.tier for offer in made.add.values()),
                    proposed=len(made.waiting),
                    withdrawn=len(ended),
                    cancelled="cancelled_at" in made.add,
                )
            )


@contextmanager
def young_garbage() -> Iterator[None]:
    """Let the collector look through what the cycle makes only, and seldom: what else there is stays anyway."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def shown(made: Plan, offer: Proposal | Fill, outcome: str) -> dict[str, Any]:
    """What would become of a proposal, or of a standing fill, as a dry run lists it. `new` is what would stand."""
    new = plain(getattr(made.signal, offer.field)) if isinstance(offer, Fill) else offer.value
    return {
        "outcome": outcome,
        "trade_id": made.signal.trade_id,
        "symbol": made.signal.symbol,
        "life": made.signal.life,
        "field": offer.field,
        "old": plain(getattr(made.loaded.stored, offer.field)),
        "new": new,
        "tier": offer.tier,
        "method": offer.method,
        "confidence": float(offer.confidence),
        "gap": offer.gap,
        "evidence": dict(offer.evidence),
    }


def means_of(tiers: Collection[str] | None) -> Means:
    """The tiers to ask, by trust. Raises ValueError when one is named that there is not."""
    asked = PROPOSE
    if tiers is not None:
        unknown = set(tiers) - TIERS.keys()
        if unknown:
            known = [*PROPOSE, *(key for key in TIERS if key not in PROPOSE)]
            raise ValueError(f"no tier {', '.join(sorted(unknown))}: there are {', '.join(known)}")
        asked = {key: propose for key, propose in PROPOSE.items() if key in tiers}
    return Means(asked, trust.measured(), settings.CANCEL_GRACE_BARS)


def run_sync(
    *,
    now: datetime,
    trigger: str,
    actor: str = "",
    tiers: Collection[str] | None = None,
    trade_ids: Sequence[str] | None = None,
    source: Source | None = None,
    dry_run: bool = False,
) -> Report:
    """Run one cycle as of `now` and return its report. Raises BusyError while another runs, ValueError for a bad tier.

    Due times, windows and grace go by `now`; leases, back-off and stamps by the wall clock. Only scheduled cycles heed
    the back-off of what could not be filled.
    """
    started = time.perf_counter()
    scope = Scope(now, trigger != Trigger.SCHEDULE, tuple(trade_ids or ()), source)
    means = means_of(tiers)
    signals_in(scope)  # a name that there is not is no failed run
    if dry_run:
        cycle = new_cycle(scope, means)
        cycle.work()
        conclude(cycle, started)
        return cycle.report
    with held() as lease:
        options: dict[str, Any] = {"tiers": sorted(tiers) if tiers else None, "trade_ids": list(scope.trade_ids)}
        options |= {"source": source.name} if source else {}
        run = open_run(now, trigger, actor, options)
        try:
            cycle = new_cycle(scope, means, run, lease)
            cycle.work()
        except Exception as error:
            SyncRun.objects.filter(pk=run.pk).update(
                state=State.FAILED, finished_at=timezone.now(), error=f"{type(error).__name__}: {error}"
            )
            raise
        conclude(cycle, started)
        close_run(cycle)
        if scope.whole:
            forget_runs(timezone.now())
    if scope.whole and (tiers is None or ASKING.key in tiers):
        # After the lease: a companion may take seconds to answer.
        asking.step(now=timezone.now(), as_of=now, by_hand=scope.by_hand)
    return cycle.report


def new_cycle(scope: Scope, means: Means, run: SyncRun | None = None, lease: Lease | None = None) -> Cycle:
    view, report = GapView.at(scope.now), Report(run_id=run.pk if run else None)
    with report.phase("health"):
        found, waiting = health(view), count_waiting(view)
        tally = GapTally.of(waiting, whole=scope.whole)
    report.health_before = found.score
    return Cycle(scope, view, means, report, tally, found, sum(waiting.values()), run, lease)


def open_run(now: datetime, trigger: str, actor: str, options: dict[str, Any]) -> SyncRun:
    """Begin the run's row. Under the lease no other can be running: one that says so has died."""
    wall = timezone.now()
    SyncRun.objects.filter(state=State.RUNNING).update(state=State.ABANDONED, finished_at=wall)
    return SyncRun.objects.create(trigger=trigger, started_by=actor, as_of=now, options=options, started_at=wall)


def conclude(cycle: Cycle, started: float) -> None:
    report, tally = cycle.report, cycle.tally
    report.gaps_before_by_type = {name: tally.before[name] for name in CATALOGUE}
    report.gaps_after_by_type = {name: tally.after[name] for name in CATALOGUE}
    report.gaps_before, report.gaps_after = tally.before.total(), tally.after.total()
    report.seconds = round(time.perf_counter() - started, 3)


def close_run(cycle: Cycle) -> None:
    """Finish the run's row and keep the snapshot, together."""
    report, run, now = cycle.report, cycle.run, timezone.now()
    assert run is not None
    found, waiting = cycle.health, cycle.waiting
    if report.signals_examined:
        with report.phase("health"):
            found, waiting = health(cycle.view), sum(count_waiting(cycle.view).values())
    report.health_after = found.score
    with transaction.atomic():
        for name in (
            "signals_examined", "fills", "fills_by_tier", "withdrawn", "healed", "cancelled", "conflicts", "errors",
            "health_before", "health_after",
        ):  # fmt: skip
            setattr(run, name, getattr(report, name))
        run.gaps_before, run.gaps_after = report.gaps_before_by_type, report.gaps_after_by_type
        run.seconds = {name: round(seconds, 4) for name, seconds in {**report.phases, "total": report.seconds}.items()}
        run.state, run.finished_at = State.FINISHED, now
        run.save()
        SignalHealthMetric.objects.create(
            run=run,
            at=cycle.scope.now,
            health=found.score,
            window_signals=found.signals,
            window_without_gap=found.without_gap,
            actionable_gaps=max(0, report.gaps_after - waiting),
            waiting_gaps=waiting,
            gaps_by_type=report.gaps_after_by_type,
            fills_by_tier=report.fills_by_tier,
        )
