"""The cycle: find what changed or fell due, plan it, write it, and say what was done.

`run_sync` is the one entry, for the schedule, the command line, the admin and the API. The work is queued on the
signals themselves (see work.py), so a cycle costs what changed, not what is stored.
"""

import gc
import logging
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from reconciliation import asking
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.health import Health, count_waiting, health
from reconciliation.models import SignalHealthMetric, SyncRun
from reconciliation.sealing import sealing
from reconciliation.tiers import trust
from reconciliation.tiers.table import PROPOSE
from signals import measuring
from signals.models import AutomatedSignal, Source
from signals.signal.rebuilding import restore
from signals.storage.queries import Among
from signals.tiers import ASKING, TIERS
from signalsync_project.logs import of_run

from . import sharding
from .applying import apply_plans, set_aside
from .flipping import steady
from .lease import Lease, LeaseLostError, end_shards, held
from .loading import Loaded, load
from .planning import Means, Plan, plan
from .report import GapTally, Report
from .retention import forget_runs
from .sharding import Claim, helpers_for
from .thinning import thin_share
from .work import Chunk, Scope, chunks_of, find_work, signals_in

log = logging.getLogger(__name__)
State, Trigger = SyncRun.State, SyncRun.Trigger
# So many signals in a row that all fail are not bad signals: it is the code, or the database's layout.
HOPELESS = 50
WAIT = 0.25  # seconds, for what others still do of a run
YOUNG = 50_000  # objects made between two looks of the garbage collector: some tens of MiB


@dataclass(slots=True)
class Cycle:
    """One worker's part of a run, which mostly is all of it. Without `run` and `fence` it is a dry one: it plans, and
    writes nothing.

    `fence` is the lease, or of a shared run the claim to the shard that is being done. `until` is when this worker's
    time is over, by `time.monotonic`.
    """

    scope: Scope
    view: GapView
    means: Means
    report: Report
    tally: GapTally
    run: SyncRun | None = None
    fence: Lease | Claim | None = None
    until: float = math.inf

    def work(self) -> None:
        with self.report.phase("find"):
            work = find_work(self.scope, self.view, mark=self.run is not None)
        with young_garbage():
            helpers = helpers_for(work) if self.run else 0
            if helpers:
                self.share(work, helpers)
                return
            for chunk in chunks_of(work, Source.objects.order_by("pk")):
                if self.is_over:
                    self.report.left += len(chunk.keys)
                else:
                    self.process(chunk)

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.until

    def share(self, work: Mapping[int, set[int]], helpers: int) -> None:
        """Do the work together with others, and add up what all have done."""
        run, lease = self.run, self.fence
        assert run is not None
        assert isinstance(lease, Lease)
        sharding.cut(work, run, lease)
        sharding.call(run, helpers)
        try:
            while self.goes_on(run, lease):
                if (claim := sharding.claim(run)) is not None:
                    self.take_part(claim)
                else:
                    time.sleep(WAIT)
        finally:
            end_shards(run)  # of a run that failed others must not go on with what is left
        sharding.join(run, self.report, self.tally)

    def goes_on(self, run: SyncRun, lease: Lease) -> bool:
        """Whether a shard is left that is to be done. What nobody has time for is for the next cycle."""
        with transaction.atomic():
            lease.confirm()
            if self.is_over:
                end_shards(run)
        return sharding.is_open(run)

    def take_part(self, claim: Claim) -> None:
        """Do a shard, or what is left of it. One that has passed to another is that one's."""
        report, tally = claim.counted(self.tally.whole)
        part = replace(self, report=report, tally=tally, fence=claim)
        try:
            for chunk in claim.chunks:
                if self.is_over:
                    claim.give_back()
                    return
                part.process(chunk)
            claim.finish(part.report, part.tally)
        except LeaseLostError as lost:
            log.warning("%s", lost)
        except (OperationalError, InterfaceError):
            with suppress(OperationalError, InterfaceError):
                claim.give_back()
            raise

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

            def planned(each: Loaded) -> Plan:
                return plan(each, means, self.view, dismissed)

            plans = steady([planned(each) for each in loaded], planned)
        if self.run is None or self.fence is None:
            self.report.show(plans)
            self.count(plans)
            return
        with self.report.phase("apply"), self.counting(len(chunk.keys)):
            done = apply_plans(plans, self.run, self.fence)
            self.report.add(done)
            self.count(done.plans)

    def count(self, plans: Sequence[Plan]) -> None:
        self.report.signals_examined += len(plans)
        for made in plans:
            self.tally.note(made)

    @contextmanager
    def counting(self, signals: int) -> Iterator[None]:
        """For what writes so many signals and is counted: of a shard, the two are kept together or not at all."""
        if not isinstance(self.fence, Claim):
            yield
            return
        before = copy(self.report), deepcopy(self.tally)
        try:
            with transaction.atomic():
                yield
                self.fence.note(signals, self.report, self.tally)
        except Exception:
            self.report, self.tally = before
            raise

    def rows_of(self, chunk: Chunk) -> list[AutomatedSignal]:
        """The chunk's signals. Rows whose projection had failed are derived anew first."""
        signals = AutomatedSignal.objects.filter(Among("pk", chunk.keys)).order_by("pk")
        rows = list(signals)
        broken = [row for row in rows if row.rebuild_error]
        if broken and self.run is not None:
            restore(broken, now=timezone.now())
            rows = list(signals)
        return rows

    def put_off(self, key: int, error: Exception) -> None:
        """Set a signal aside. Raises its error instead when so many have failed and none has not."""
        if self.report.errors >= HOPELESS and not self.report.signals_examined and not self.others_worked():
            raise error
        log.error("signal %d is set aside: %s", key, error, exc_info=None if self.report.errors else error)
        if self.run is None or self.fence is None:
            self.report.errors += 1
            return
        with self.counting(1):
            set_aside(AutomatedSignal.objects.get(pk=key), error, self.run, self.fence)
            self.report.errors += 1

    def others_worked(self) -> bool:
        return isinstance(self.fence, Claim) and self.fence.others_worked()


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


def means_of(tiers: Collection[str] | None) -> Means:
    """The tiers to ask, by trust. Raises ValueError when one is named that there is not."""
    asked = PROPOSE
    if tiers is not None:
        unknown = set(tiers) - TIERS.keys()
        if unknown:
            known = [*PROPOSE, *(key for key in TIERS if key not in PROPOSE)]
            raise ValueError(f"no tier {', '.join(sorted(unknown))}: there are {', '.join(known)}")
        asked = {key: propose for key, propose in PROPOSE.items() if key in tiers}
    return Means(asked, trust.measured())


def run_sync(
    *,
    now: datetime,
    trigger: str,
    actor: str = "",
    tiers: Collection[str] | None = None,
    trade_ids: Sequence[str] | None = None,
    source: Source | None = None,
    dry_run: bool = False,
    within: float | None = None,
) -> Report:
    """Run one cycle as of `now` and return its report. Raises BusyError while another runs, ValueError for a bad tier.

    Due times, windows and grace go by `now`; leases, back-off and stamps by the wall clock. Only scheduled cycles heed
    the back-off of what could not be filled. What is not done `within` so many seconds is left to the next cycle.
    """
    started = time.perf_counter()
    scope = Scope(now, trigger != Trigger.SCHEDULE, tuple(trade_ids or ()), source)
    means = means_of(tiers)
    signals_in(scope)  # a name that there is not is no failed run
    if dry_run:
        cycle, _ = new_cycle(scope, means)
        cycle.work()
        conclude(cycle, started)
        return cycle.report
    until = time.monotonic() + (math.inf if within is None else within)
    with held() as lease:
        options: dict[str, Any] = {"tiers": sorted(tiers) if tiers else None, "trade_ids": list(scope.trade_ids)}
        options |= {"source": source.name} if source else {}
        run = open_run(now, trigger, actor, options)
        try:
            with of_run(run.pk):
                cycle, before = new_cycle(scope, means, run, lease, until)
                cycle.work()
        except Exception as error:
            SyncRun.objects.filter(pk=run.pk).update(
                state=State.FAILED, finished_at=timezone.now(), error=f"{type(error).__name__}: {error}"
            )
            raise
        conclude(cycle, started)
        close_run(cycle, before)
        if scope.whole:
            forget_runs(timezone.now())
            thin_share(timezone.now())
    measure(cycle.report, trigger)
    sealing.after_cycle()
    if scope.whole and (tiers is None or ASKING.key in tiers):
        # After the lease: a companion may take seconds to answer.
        asking.step(now=timezone.now(), as_of=now, by_hand=scope.by_hand)
    return cycle.report


def measure(report: Report, trigger: str) -> None:
    measuring.observe(measuring.CYCLE, report.seconds, trigger)
    for tier, number in report.fills_by_tier.items():
        measuring.observe(measuring.FILLS, number, tier)
    measuring.settle()


class Standing(NamedTuple):
    """How things are at one moment: the system's health, and how many gaps wait."""

    health: Health
    waiting: int


def new_cycle(
    scope: Scope, means: Means, run: SyncRun | None = None, lease: Lease | None = None, until: float = math.inf
) -> tuple[Cycle, Standing]:
    view, report = GapView.at(scope.now), Report(run_id=run.pk if run else None)
    with report.phase("health"):
        found, waiting = health(view), count_waiting(view)
        tally = GapTally.of(waiting, whole=scope.whole)
    report.health_before = found.score
    cycle = Cycle(scope, view, means, report, tally, run, lease, until)
    return cycle, Standing(found, sum(waiting.values()))


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


def close_run(cycle: Cycle, before: Standing) -> None:
    """Finish the run's row and keep the snapshot, together."""
    report, run, now = cycle.report, cycle.run, timezone.now()
    assert run is not None
    found, waiting = before
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
