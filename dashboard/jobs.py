"""Long work in the background: started by an action, done by the worker slice by slice, followed on the job's page.

A slice ends before the worker's time limit for a task and queues the next one. What it has done is committed with the
job's progress, so that work which is cut off goes on where it was.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from reconciliation.cycle.lease import BusyError, Lease, held
from reconciliation.cycle.report import Report
from reconciliation.decisions import of_run, of_tier, standing, undo
from reconciliation.gaps import GapView
from reconciliation.removing import Scope, remove_some, remove_sources
from signals import measuring
from signals.bars.coverage import hours_of
from signals.bars.importing import ImportedBars, import_bars
from signals.models import AutomatedSignal, Fill, Source
from signals.receiving import uploads
from signals.receiving.alertlog import Imported, import_rows, of_other_symbols, of_quarantined, of_retimed, read_log
from signals.receiving.draining import drain_spool
from signals.receiving.known import TOKEN_CACHE_SECONDS
from signals.symbols import normalised
from signals.teaching.replaying import replay_shape, told

from .console.actions import ActionError, LoggedChange, log
from .console.cycles import AT_ONCE, carry_out, run_summary, run_when_free
from .console.gap_lists import ACTIONABLE, with_gap
from .console.roles import CHANGE_SOURCE, RECONCILE, REPLAY
from .console.simulated import REMOVAL
from .models import AnalysisCount, Job
from .telling.bars import bars_imported

SLICE = 45.0  # seconds; a task may take 100 in all (settings.Q_CLUSTER)
STUCK = timedelta(minutes=3)
"""Without progress for so long, a running job's process is gone: a task that takes longer than 100 s is ended."""
IMPORT, BARS, UNDO, FIX, TEACH, REMOVE = "import", "bars", "undo", "fix", "teach", REMOVAL
CLOSED_WITHIN = timedelta(seconds=TOKEN_CACHE_SECONDS + 1)
"""After so long no process remembers a token that has ended as valid."""

# More undone at once is the worker's: a request must end within its time, and closing the page must not end the work.
FILLS_AT_ONCE = 500
FIXED = ("signals_examined", "fills", "gaps_before", "gaps_after", "errors")
RUNS_NAMED = 10
REASONS_KEPT = 5

logger = logging.getLogger(__name__)


class PausedError(Exception):
    """The slice is over; the next one goes on."""


def start(kind: str, title: str, arguments: Mapping[str, Any], *, total: int, by: User, now: datetime) -> Job:
    job = Job.objects.create(
        kind=kind, title=title[:200], arguments=dict(arguments), total=total, started_by=by.get_username(),
        created_at=now, updated_at=now,
    )  # fmt: skip
    queue(job)
    return job


def queue(job: Job) -> None:
    async_task("dashboard.jobs.work", job.pk, group=f"job {job.kind}")  # type: ignore[no-untyped-call]


def stuck(job: Job, now: datetime) -> bool:
    return job.state == Job.State.RUNNING and now - job.updated_at > STUCK


def resume(job: Job, now: datetime) -> bool:
    """Let a job that failed or was cut off go on; False when it is not one (any more)."""
    rows = Job.objects.filter(pk=job.pk, updated_at=job.updated_at)
    can = job.state == Job.State.FAILED or stuck(job, now)
    if not can or not rows.update(state=Job.State.WAITING, says="", updated_at=now):
        return False
    queue(job)
    return True


def work(key: int) -> str:
    """One slice of a job, as the worker's task. Returns what came of it, for django-q2's list."""
    rows = Job.objects.filter(pk=key)
    if not rows.filter(state=Job.State.WAITING).update(state=Job.State.RUNNING, updated_at=timezone.now()):
        return "not waiting"
    job = rows.get()
    try:
        says, state = KINDS[job.kind](job), Job.State.FINISHED
    except PausedError:
        rows.update(state=Job.State.WAITING, updated_at=timezone.now())
        queue(job)
        return "goes on"
    except Exception as error:
        logger.exception("job %d failed", key)
        says, state = str(error).strip() or type(error).__name__, Job.State.FAILED
    measuring.settle()
    now = timezone.now()
    rows.update(state=state, says=says, updated_at=now, finished_at=now)
    return says


class Turn:
    """The time that a job has now. `done` notes so many steps more and all figures so far; then the slice may be over.

    It raises PausedError when it is.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.until = job, monotonic() + SLICE

    def done(self, steps: int, result: Mapping[str, Any]) -> None:
        self.keep(steps, result)
        self.end()

    def keep(self, steps: int, result: Mapping[str, Any]) -> None:
        rows = Job.objects.filter(pk=self.job.pk)
        rows.update(done=F("done") + steps, result=result, updated_at=timezone.now())

    def end(self) -> None:
        if monotonic() > self.until:
            raise PausedError


def person_of(job: Job) -> User | None:
    return User.objects.filter(username=job.started_by).first()


def note(job: Job, changed: Sequence[LoggedChange]) -> None:
    """In the audit log, in the name of who started it, as long as there is that account."""
    if person := person_of(job):
        log(person, changed)


def import_upload(job: Job) -> str:
    """The same as import_alerts, from the row on where the last slice ended."""
    upload, turn = uploads.find(job.arguments["upload"]), Turn(job)
    source = Source.objects.filter(name=job.arguments["source"] or None).first()
    before, done, now = job.result, Imported(), timezone.now()

    with upload.lines() as file:
        rows = islice(read_log(file, now=now), job.done, None)
        import_rows(rows, done, source, now, lambda count: turn.done(count, added(before, done)), measured=True)
    figures = added(before, done)
    note(job, log_noted(upload.name, figures["sources"]))
    if not figures["failed"]:
        upload.used()
    return imported(figures)


def added(before: Mapping[str, Any], done: Imported) -> dict[str, Any]:
    """The figures of earlier slices and of this one. A signal that two slices update counts in both."""
    figures: dict[str, Any] = done.as_json()
    for name, value in figures.items():
        if isinstance(value, dict):
            old = before.get(name, {})
            figures[name] = {key: old.get(key, 0) + value.get(key, 0) for key in {**old, **value}}
        else:
            figures[name] = before.get(name, type(value)()) + value
    return figures


def imported(figures: Mapping[str, Any]) -> str:
    """What an import did, in a sentence."""
    failed = figures["failed"]
    trouble = (
        f" {len(failed)} rows could not be stored; import again to retry them. The first: {failed[0]}" if failed else ""
    )
    done = (
        f"{figures['rows']:,} rows: {figures['accepted']:,} stored, {figures['duplicates']:,} were there,"
        f" {figures['quarantined']:,} to quarantine; {figures['events']:,} events,"
        f" {figures['signals_created']:,} signals created, {figures['signals_updated']:,} updated.{trouble}"
    )
    told = [of_quarantined(figures["reasons"]), of_other_symbols(figures["other_symbols"])]
    return " ".join(filter(None, [done, *told, of_retimed(figures.get("retimed", 0))]))


def log_noted(name: str, rows: Mapping[str, int]) -> list[LoggedChange]:
    """For the audit log: at the sources that rows of an alert log went to."""
    sources = Source.objects.filter(name__in=rows)
    return [LoggedChange(source, f"Imported {rows[source.name]} rows of the alert log {name}.") for source in sources]


def import_bar_file(job: Job) -> str:
    """The same as import_bars. A slice reads the file from its start and stores what the last one had not reached."""
    upload, turn = uploads.find(job.arguments["upload"]), Turn(job)
    symbol, closes = job.arguments["symbol"], job.arguments["times"] == "close"
    before, done = job.result, ImportedBars()

    def figures() -> dict[str, Any]:
        counts = done.as_json()
        sums = {name: before.get(name, 0) + counts[name] for name in ("rows", "stored", "unchanged", "refused")}
        return sums | {"dirty_days": before.get("dirty_days", {}) | counts["dirty_days"]}

    import_bars(
        lines_of(upload),
        symbol=symbol,
        hours=hours_of(symbol),
        closes=closes,
        skip=job.done,
        done=done,
        progress=lambda rows: turn.done(rows, figures()),
    )
    note(job, bars_noted(upload.name, symbol, figures()["stored"]))
    upload.used()
    return bars_imported(figures())


def lines_of(upload: uploads.Upload) -> Callable[[], Iterator[str]]:
    """Opens the lines of an upload anew at each call: a file of bars is read twice."""

    def lines() -> Iterator[str]:
        with upload.lines() as file:
            yield from file

    return lines


def bars_noted(name: str, symbol: str, stored: int) -> list[LoggedChange]:
    """For the audit log: at the sources whose symbol they are bars of."""
    sources = Source.objects.filter(symbol=normalised(symbol)) if symbol else Source.objects.none()
    return [LoggedChange(source, f"Imported {stored} price bars of the file {name}.") for source in sources]


def undo_asked(person: User, asked: Mapping[str, Any], title: str, now: datetime) -> tuple[int, Job | None]:
    """Undo what is asked (`fills_of`): at once if it is little, else by the worker. Returns how many values."""
    fills = fills_of(asked)
    total = fills.count()
    if total > FILLS_AT_ONCE:
        return total, start(UNDO, title, asked, total=total, by=person, now=now)
    return undo(fills, actor=person.get_username(), reason=asked["reason"]), None


def undo_fills(job: Job) -> str:
    turn, asked = Turn(job), job.arguments
    undo(
        fills_of(asked),
        actor=job.started_by,
        reason=asked["reason"],
        progress=lambda fills: turn.done(fills, {}),
    )
    return f"{Job.objects.get(pk=job.pk).done:,} values undone."


def fills_of(asked: Mapping[str, Any]) -> QuerySet[Fill]:
    """Of a run, or of a tier since a moment: what it put in that still stands."""
    return standing(of_run(asked["run"]) if "run" in asked else of_tier(asked["tier"], asked["since"]))


def fix_gaps(job: Job) -> str:
    """All actionable gaps of a type, in order of the signals' keys: each chunk a run in the person's name.

    `result` adds up the figures of the runs' reports; `after` is the last key that was looked at.
    """
    turn, tiers = Turn(job), job.arguments["tiers"] or None
    result = {"after": 0, "runs": []} | job.result
    while chunk := left_to_fix(job.arguments["gap"], result["after"]):
        try:
            reports = carry_out(chunk, timezone.now(), job.started_by, tiers, run=run_when_free)
        except ActionError as error:
            raise PausedError from error  # another cycle is running, and takes long
        for name in FIXED:
            result[name] = result.get(name, 0) + sum(getattr(report, name) for report in reports)
        result["runs"] = [*result["runs"], *(report.run_id for report in reports)][-RUNS_NAMED:]
        result["after"] = chunk[-1].pk
        turn.done(len(chunk), result)
    return run_summary([Report(**{name: result.get(name, 0) for name in FIXED})])


def left_to_fix(gap: str, after: int) -> list[AutomatedSignal]:
    return with_gap(gap, ACTIONABLE, GapView.at(timezone.now()), after=after).oldest(AT_ONCE)


def read_again(job: Job) -> str:
    """What waits in a shape, oldest first, by the formats that are known by now. Each is replayed as by hand."""
    turn, person = Turn(job), person_of(job)
    source, figures = Source.objects.filter(name=job.arguments["source"]).first(), dict(job.result)
    while True:
        done = replay_shape(
            job.arguments["shape"], by=person, now=timezone.now(), after=figures.get("last", 0), source=source
        )
        figures = figures | {
            "read": figures.get("read", 0) + done.read,
            "events": figures.get("events", 0) + done.events,
            "unread": figures.get("unread", 0) + done.unread,
            "last": done.last,
            "reasons": dict((Counter(figures.get("reasons", {})) + done.reasons).most_common(REASONS_KEPT)),
        }
        turn.keep(done.read + done.unread, figures)
        if done.done:
            break
        turn.end()
    says = f"Read again what waited in the shape {job.arguments['label']}: {told(figures)}"
    note(job, [LoggedChange(each, says) for each in Source.objects.filter(name__in=job.arguments["sources"])])
    return told(figures)


def remove_simulated(job: Job) -> str:
    """All that invented markets told, while no cycle runs.

    The sources go last: not before every process of the webhook knows that nobody may send for them any more, and after
    what was acknowledged until then is taken from the spool, and gone as well.
    """
    turn, what = Turn(job), Scope.from_json(job.arguments)
    try:
        with held() as lease:
            remove_rows(what, lease, turn)
            if timezone.now() - job.created_at < CLOSED_WITHIN:
                raise PausedError
            drain_spool(timezone.now())
            remove_rows(what, lease, turn)
            remove_sources(what, lease)
        AnalysisCount.objects.all().delete()  # a cache, which still counts what is gone
    except BusyError as error:
        raise PausedError from error
    says = f"Removed what was simulated: {Job.objects.get(pk=job.pk).done:,} rows of {', '.join(what.names)}."
    note(job, [LoggedChange(job, says)])
    return says


def remove_rows(what: Scope, lease: Lease, turn: Turn) -> None:
    person = person_of(turn.job)
    actor = person.get_username() if person else ""
    while number := remove_some(what, lease, actor):
        turn.done(number, {})


NEEDED: Mapping[str, str] = {
    IMPORT: REPLAY,
    BARS: REPLAY,
    UNDO: RECONCILE,
    FIX: RECONCILE,
    TEACH: REPLAY,
    REMOVE: CHANGE_SOURCE,
}
"""The permission that a kind of work takes."""
KINDS: Mapping[str, Callable[[Job], str]] = {
    IMPORT: import_upload,
    BARS: import_bar_file,
    UNDO: undo_fills,
    FIX: fix_gaps,
    TEACH: read_again,
    REMOVE: remove_simulated,
}
