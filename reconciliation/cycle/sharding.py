"""Sharing a cycle's work: cut into shards, each leased to one worker at a time, of whatever machine.

The queue only calls workers sooner: who is never called, or dies, costs time and nothing else, for a shard whose
lease has expired is taken by whoever is free. A worker that was thought dead and comes back is refused by the shard's
token, as a cycle is by the lease's. What it had done is counted in the row, and the next one goes on from there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django_q.tasks import async_task

from reconciliation.gaps import CATALOGUE
from reconciliation.models import GapTotal, Shard, SyncRun
from signals.models import Source

from . import clusters
from .lease import OPEN, Lease, LeaseLostError, expired, this_process
from .report import GapTally, Report
from .work import Chunk, chunks_of

GROUP = "sync shards"
HELP = "reconciliation.cycle.helping.help_with"  # by its name: it stands above
# Some seconds of work: little is lost with a worker, and all end at about the same time. A multiple of a chunk, so
# that chunks are what they are for one worker.
SIGNALS = 2000
SHARED_FROM = 2 * SIGNALS  # fewer are done before a helper has come
TERM = timedelta(seconds=30)
TRIES = 3
State = Shard.State


class ShardFailedError(Exception):
    """A shard cannot be done, and not for a signal's sake: its error says why."""


@dataclass(frozen=True)
class Claim:
    """A shard as the worker has it that took it. The fence of what it writes."""

    row: Shard

    @property
    def chunks(self) -> Iterator[Chunk]:
        """What is left of it to do."""
        return chunks_of({self.row.source_id: set(self.row.keys[self.row.done :])}, [self.row.source])

    def counted(self, whole: bool) -> tuple[Report, GapTally]:
        """What was counted of it so far, also by others."""
        held = self.row.results or {"report": {}, "before": {}, "after": {}}
        tally = GapTally(whole, Counter(held["before"]), Counter(held["after"]))
        return Report(run_id=self.row.run_id, **held["report"]), tally

    def confirm(self) -> None:
        now = Shard.objects.select_for_update().only("token", "worker").filter(pk=self.row.pk).first()
        if now is None or now.token != self.row.token:
            raise LeaseLostError(f"shard {self.row.pk} passed on while {this_process()} was thought dead")

    def note(self, more: int, report: Report, tally: GapTally) -> None:
        """Count so many signals more as done. In the transaction that does them, after `confirm`."""
        self.rows.update(done=F("done") + more, results=as_json(report, tally), expires_at=Now() + TERM)

    def finish(self, report: Report, tally: GapTally) -> None:
        self.end(State.DONE, results=as_json(report, tally))

    def fail(self, error: Exception) -> None:
        self.end(State.FAILED, error=f"{type(error).__name__}: {error}")

    def give_back(self) -> None:
        """Let another take it at once."""
        self.rows.update(state=State.WAITING, expires_at=None)

    def end(self, state: State, **more: Any) -> None:
        self.rows.update(state=state, finished_at=Now(), keys=[], **more)

    @property
    def rows(self) -> QuerySet[Shard]:
        return Shard.objects.filter(pk=self.row.pk, token=self.row.token)

    def others_worked(self) -> bool:
        """Whether another shard of the run has been done, wholly or in part."""
        return Shard.objects.filter(run=self.row.run_id, done__gt=0).exclude(pk=self.row.pk).exists()


def as_json(report: Report, tally: GapTally) -> dict[str, Any]:
    return {"report": report.counts(), "before": tally.before, "after": tally.after}


def helpers_for(work: Mapping[int, set[int]]) -> int:
    """How many workers beside this one so much work is worth, of those that there are."""
    signals = sum(map(len, work.values()))
    if signals < SHARED_FROM or settings.SYNC_WORKERS == 1:
        return 0
    most = clusters.workers()
    if settings.SYNC_WORKERS:
        most = min(most, settings.SYNC_WORKERS)
    return max(0, min(most, -(-signals // SIGNALS)) - 1)


def cut(work: Mapping[int, set[int]], run: SyncRun, lease: Lease) -> None:
    """Make the shards. The totals of gaps have their rows before several workers count in them at once."""
    shards = [
        shard_of(run, source, keys[start : start + SIGNALS])
        for source in Source.objects.filter(pk__in=work).order_by("pk")
        if (keys := sorted(work[source.pk]))
        for start in range(0, len(keys), SIGNALS)
    ]
    with transaction.atomic():
        lease.confirm()
        GapTotal.objects.bulk_create([GapTotal(gap=gap) for gap in CATALOGUE], ignore_conflicts=True)
        Shard.objects.bulk_create(shards, batch_size=100)


def shard_of(run: SyncRun, source: Source, keys: Sequence[int]) -> Shard:
    return Shard(run=run, source=source, keys=keys, first=keys[0], last=keys[-1], signals=len(keys))


def call(run: SyncRun, helpers: int) -> None:
    """Queue a task for each helper, and what clusters fetch ahead: there it lies behind a worker that is busy."""
    ahead = settings.Q_CLUSTER["queue_limit"] + settings.Q_CLUSTER["bulk"]
    for _ in range(helpers + ahead * clusters.living().count()):
        async_task(HELP, run.pk, group=GROUP)  # type: ignore[no-untyped-call]


def claim(run: SyncRun) -> Claim | None:
    """Take the next shard of the run that waits, or that a worker has let expire. None when there is none."""
    with transaction.atomic():
        free = Q(state=State.WAITING) | (Q(state=State.TAKEN) & expired(TERM))
        # Who skips what another is just taking waits for nobody, a frozen one least of all.
        found = Shard.objects.select_for_update(skip_locked=True).filter(free, run=run).order_by("pk").first()
        if found is None:
            return None
        rows = Shard.objects.filter(pk=found.pk)
        if found.token >= TRIES:
            rows.update(state=State.FAILED, keys=[], error=f"given up: {TRIES} workers did not come to its end")
            return None
        rows.update(
            state=State.TAKEN, token=F("token") + 1, worker=this_process(), expires_at=Now() + TERM,
            started_at=Coalesce("started_at", Now()),
        )  # fmt: skip
        return Claim(rows.select_related("source").get())


def workers_of(run: SyncRun) -> QuerySet[Shard, str]:
    """Who has done some of the run, or does."""
    return Shard.objects.filter(run=run).exclude(worker="").order_by().values_list("worker", flat=True).distinct()


def enough_help(run: SyncRun) -> bool:
    """Whether as many work on the run as may."""
    most = settings.SYNC_WORKERS
    return bool(most) and Shard.objects.filter(run=run, state=State.TAKEN, expires_at__gt=Now()).count() >= most


def is_open(run: SyncRun) -> bool:
    """Whether somebody works on a shard of it, or may. Raises ShardFailedError when one cannot be done."""
    if failed := Shard.objects.filter(run=run, state=State.FAILED).first():
        raise ShardFailedError(failed.error)
    return Shard.objects.filter(run=run, state__in=OPEN).exists()


def join(run: SyncRun, report: Report, tally: GapTally) -> None:
    """Add up what was counted of all shards, those left included as far as they are done."""
    for row in Shard.objects.filter(run=run).defer("keys"):
        part, gaps = Claim(row).counted(tally.whole)
        report.join(part)
        tally.join(gaps)
        report.left += row.signals - row.done
