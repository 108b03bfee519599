"""Figures of the signals that an address asks for: of few at once, of many by the worker, whose last count stands.

One pass over a signal takes some 100 µs, so that nobody can wait for very many. The worker counts a question when
somebody asks it, and again when somebody asks and the last count is old; while it counts, the last one is shown.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from time import perf_counter
from typing import Any

from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.utils import timezone
from django_q.tasks import async_task

from dashboard.api.filters import ANALYSIS, AnalysisFilter
from dashboard.asked import Asked
from dashboard.models import AnalysisCount
from reconciliation.gaps import GapView

from .choices import Choice
from .reading import read
from .reporting import report

FEW = 1_500  # counted while somebody waits: some 150 ms
REACH = 50_000  # of the newest signals, up to a date: the worker counts them in 4 s of CPU, and 300 MiB
KEPT = 200  # questions
MOST_WAITING = 4  # of them at a time
FRESH = timedelta(minutes=1)
REST = 20  # a question is counted for at most so small a part of the worker's time
STUCK = timedelta(minutes=3)  # a task is ended after 100 s
State = AnalysisCount.State

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What is known of a question: the report and when it was counted, both None where that is still to come.

    `counting` says that the worker is at it; `failed` why it could not.
    """

    asked: Asked
    report: dict[str, Any] | None
    counted_at: datetime | None
    counting: bool = False
    failed: str = ""


def answer(query: QueryDict, now: datetime, filters: type[AnalysisFilter] = AnalysisFilter) -> Answer:
    asked = Asked.of(query, filters, reach=REACH, always=True)
    if not many(asked):
        return Answer(asked, counted(asked, query, now), now)
    row = asked_of_worker(question(query), now)
    if row is None:
        return Answer(asked, None, None, counting=True)
    failed = row.says if row.state == State.FAILED else ""
    return Answer(asked, row.report, row.counted_at, row.state in (State.WAITING, State.RUNNING), failed)


def many(asked: Asked) -> bool:
    return asked.shown.order_by("pk").values("pk")[FEW : FEW + 1].exists()


def counted(asked: Asked, query: QueryDict, now: datetime) -> dict[str, Any]:
    return report(read(asked.shown, GapView.at(now)), Choice.of(query.dict()))


def question(query: QueryDict) -> str:
    """The parameters that figures follow from, in one order: the same question is the same text."""
    asked = QueryDict(mutable=True)
    for name in sorted(ANALYSIS):
        if values := sorted({value for value in query.getlist(name) if value}):
            asked.setlist(name, values)
    return asked.urlencode()


def asked_of_worker(asked: str, now: datetime) -> AnalysisCount | None:
    """The worker's last count of a question; it is asked to count where there is none, or where that is old.

    None for a new question while too many others wait: it has other work, and whoever asks will ask again.
    """
    key = blake2b(asked.encode(), digest_size=16).hexdigest()
    row = AnalysisCount.objects.filter(pk=key).first()
    if row is None:
        if busy(now):
            return None
        try:
            with transaction.atomic():
                row = AnalysisCount.objects.create(key=key, query=asked, asked_at=now)
        except IntegrityError:  # somebody else asked in the same moment
            return AnalysisCount.objects.get(pk=key)
        forget_old()
        queue(key)
        return row
    rows = AnalysisCount.objects.filter(pk=key, asked_at=row.asked_at, state=row.state)
    if is_due(row, now) and not busy(now) and rows.update(state=State.WAITING, asked_at=now):
        queue(key)
        row.state = State.WAITING
    return row


def is_due(row: AnalysisCount, now: datetime) -> bool:
    if row.state in (State.WAITING, State.RUNNING):
        return now - row.asked_at > STUCK
    return now - row.asked_at > max(FRESH, timedelta(seconds=REST * (row.seconds or 0)))


def busy(now: datetime) -> bool:
    waiting = AnalysisCount.objects.filter(state__in=(State.WAITING, State.RUNNING), asked_at__gt=now - STUCK)
    return waiting.count() >= MOST_WAITING


def queue(key: str) -> None:
    async_task("dashboard.analysis.counting.work", key, group="analysis")  # type: ignore[no-untyped-call]


def forget_old() -> None:
    kept = AnalysisCount.objects.order_by("-asked_at").values_list("asked_at", flat=True)[KEPT : KEPT + 1]
    if oldest := next(iter(kept), None):
        AnalysisCount.objects.filter(asked_at__lte=oldest).delete()


def work(key: str) -> str:
    """Count one question, as the worker's task. Returns what came of it, for django-q2's list."""
    rows = AnalysisCount.objects.filter(pk=key)
    if not rows.filter(state=State.WAITING).update(state=State.RUNNING):
        return "not waiting"
    started, now = perf_counter(), timezone.now()
    query = QueryDict(rows.values_list("query", flat=True)[0])
    try:
        found = counted(Asked.of(query, AnalysisFilter, reach=REACH, always=True), query, now)
    except Exception as error:
        logger.exception("the figures of %s could not be counted", query.urlencode())
        says = str(error).strip() or type(error).__name__
        rows.update(state=State.FAILED, says=says, seconds=perf_counter() - started)
        return says
    took = perf_counter() - started
    rows.update(state=State.FINISHED, report=found, counted_at=now, seconds=took, says="")
    return f"{found['counted']['signals']:,} signals in {took:.1f} s"
