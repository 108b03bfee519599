"""Helping with a cycle that another worker runs: the task that it queues for each worker that may be free."""

import logging
import time
from collections import Counter

from django.db import InterfaceError, OperationalError
from django_q.tasks import async_task

from reconciliation.gaps import GapView
from reconciliation.models import SyncRun
from signalsync_project.logs import of_run

from . import sharding
from .report import GapTally, Report
from .run import Cycle, means_of, young_garbage
from .work import Scope

log = logging.getLogger(__name__)
SECONDS = 60.0  # of a task, which may take 100 in all (settings.Q_CLUSTER)


def help_with(run: int) -> str:
    """Do shards of a run until none is left to take. Says what was done, for django-q2's list."""
    row = SyncRun.objects.filter(pk=run, state=SyncRun.State.RUNNING).first()
    if row is None:
        return "the run is over"
    if sharding.enough_help(row):
        return "others are enough"
    with of_run(run), young_garbage():
        return f"{help_until(row, time.monotonic() + SECONDS)} shards done"


def help_until(run: SyncRun, until: float) -> int:
    """Likewise, or until the time is over: then another task goes on."""
    cycle, done = cycle_of(run), 0
    while (claim := sharding.claim(run)) is not None:
        try:
            cycle.take_part(claim)
        except (OperationalError, InterfaceError):
            raise  # it was given back
        except Exception as error:
            log.exception("%s cannot be done", claim.row)
            claim.fail(error)
            break
        done += 1
        if time.monotonic() > until:
            async_task(sharding.HELP, run.pk, group=sharding.GROUP)  # type: ignore[no-untyped-call]
            break
    return done


def cycle_of(run: SyncRun) -> Cycle:
    """The run as its coordinator does it: as of the same moment, by the same tiers."""
    scope = Scope(run.as_of, run.trigger != SyncRun.Trigger.SCHEDULE)
    whole = not run.options.get("trade_ids") and not run.options.get("source")
    tally = GapTally(whole, Counter(), Counter())
    return Cycle(scope, GapView.at(run.as_of), means_of(run.options.get("tiers")), Report(run_id=run.pk), tally, run)
